"""What is costly and the same for all of pytest's workers: one of them does it, the others read."""

import fcntl
import hashlib
import json
import os
import traceback
from pathlib import Path


def once(name, make):
    """What make() gives (as JSON can say it), made by whoever comes first under that name. When it
    fails, it has failed for all who ask."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    with open(Path(os.environ["RELAYLAB_TESTS_SHARED"], digest), "a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        if not text:
            try:
                kept = {"made": make()}
            except Exception:
                kept = {"failed": traceback.format_exc()}
            text = json.dumps(kept)
            file.write(text)
    kept = json.loads(text)
    assert "made" in kept, f"{name}: {kept['failed']}"
    return kept["made"]
