"""Pages that are generated say what the programs say."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELAYLAB_BUILD", ROOT / "build")).resolve()


def test_reference_of_cases():
    """build/relaylab schema --markdown >doc/rules.md"""
    said = subprocess.run([BUILD / "relaylab", "schema", "--markdown"], capture_output=True, text=True,
                          check=True, timeout=60)
    assert said.stdout == (ROOT / "doc" / "rules.md").read_text(encoding="utf-8")
