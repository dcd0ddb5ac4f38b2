"""No test writes into the state directory of the user, where relayprobe keeps its ledger. And the
order of tests: those that take long begin first, so that no processor waits for them at the end."""

import os
import tempfile

import pytest

STATE = tempfile.TemporaryDirectory(prefix="relaylab-state-")
os.environ["XDG_STATE_HOME"] = STATE.name
# What pytest's workers have in common: the first process makes it, all others inherit its name.
if "RELAYLAB_TESTS_SHARED" not in os.environ:
    SHARED = tempfile.TemporaryDirectory(prefix="relaylab-shared-")
    os.environ["RELAYLAB_TESTS_SHARED"] = SHARED.name


def pytest_configure(config):
    config.addinivalue_line("markers", "takes(seconds): about so long; the longest begin first")
    config.addinivalue_line("markers", "xdist_group(name): of one worker, one after the other")


def pytest_collection_modifyitems(items):
    def seconds(item):
        mark = item.get_closest_marker("takes")
        return mark.args[0] if mark else 0

    items.sort(key=seconds, reverse=True)


@pytest.fixture(scope="session", autouse=True)
def state_directory():
    yield STATE.name
    STATE.cleanup()
