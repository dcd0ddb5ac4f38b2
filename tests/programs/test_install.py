"""What `make install` puts somewhere works there, whatever PREFIX it was compiled for."""

import os
import subprocess
from pathlib import Path

import pytest

# One installation for all.
pytestmark = pytest.mark.xdist_group("install")
ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELAYLAB_BUILD", ROOT / "build")).resolve()
ENV = {name: value for name, value in os.environ.items() if not name.startswith("RELAYLAB_")}
MAKE = ["make", "-s", "-o", "all", f"BUILD={BUILD}"]


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    """A staging directory: programs and data lie beside each other, not where PREFIX says."""
    stage = tmp_path_factory.mktemp("stage")
    subprocess.run([*MAKE, "install", f"DESTDIR={stage}"], cwd=ROOT, check=True, timeout=60)
    return stage / "usr/local"


def run(staged, *words):
    program, *words = words
    return subprocess.run([staged / "bin" / program, *words], capture_output=True, text=True,
                          env=ENV, cwd="/", timeout=60, check=True).stdout


def test_personas_are_found(staged):
    names = [line.split()[0] for line in run(staged, "mockmta", "--list-personas").splitlines()]
    assert names == sorted(path.stem for path in (ROOT / "mockmta/personas").glob("*.yaml"))


def test_cases_run(staged):
    cases = staged / "share/relaylab/cases/refusal"
    assert " 0 failed" in run(staged, "relaylab", "run", cases).splitlines()[-1]


def test_engines_and_adapters_are_found(staged):
    run(staged, "relaylab", "lint", staged / "share/relaylab/cases/engines")
    assert "always-open" in run(staged, "relaylab", "adapter", "check", "always-open")


def test_uninstall_leaves_nothing(tmp_path):
    for goal in ("install", "uninstall"):
        subprocess.run([*MAKE, goal, f"DESTDIR={tmp_path}"], cwd=ROOT, check=True, timeout=60)
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []
