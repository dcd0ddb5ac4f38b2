"""No test writes into the state directory of the user, where relayprobe keeps its ledger."""

import os
import tempfile

import pytest

STATE = tempfile.TemporaryDirectory(prefix="relaylab-state-")
os.environ["XDG_STATE_HOME"] = STATE.name
# What pytest's workers have in common: the first process makes it, all others inherit its name.
if "RELAYLAB_TESTS_SHARED" not in os.environ:
    SHARED = tempfile.TemporaryDirectory(prefix="relaylab-shared-")
    os.environ["RELAYLAB_TESTS_SHARED"] = SHARED.name


@pytest.fixture(scope="session", autouse=True)
def state_directory():
    yield STATE.name
    STATE.cleanup()
