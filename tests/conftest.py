"""No test writes into the state directory of the user, where relayprobe keeps its ledger."""

import os
import tempfile

import pytest

STATE = tempfile.TemporaryDirectory(prefix="relaylab-state-")
os.environ["XDG_STATE_HOME"] = STATE.name


@pytest.fixture(scope="session", autouse=True)
def state_directory():
    yield STATE.name
    STATE.cleanup()
