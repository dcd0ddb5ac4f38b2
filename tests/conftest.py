"""For all tests with programs: the user's own ledger is never touched."""

import os
import tempfile

# Kept for as long as the tests run; modules of tests copy the environment when they are imported.
STATE = tempfile.TemporaryDirectory(prefix="relaylab-state-")
os.environ["XDG_STATE_HOME"] = STATE.name
