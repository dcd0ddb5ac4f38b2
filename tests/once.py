"""What is costly and the same for all of pytest's workers: one of them does it, the others read."""

import fcntl
import hashlib
import json
import os
from pathlib import Path


def once(name, make):
    """What make() gives (as JSON can say it), made by whoever comes first under that name. Every
    worker collects all tests, so whatever collecting needs would be done as often as there are
    workers, and all at the same time."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    with open(Path(os.environ["RELAYLAB_TESTS_SHARED"], digest), "a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        if text:
            return json.loads(text)
        made = make()
        json.dump(made, file)
    return made
