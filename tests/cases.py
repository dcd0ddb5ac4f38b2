"""Each case a test: the names come from `relaylab list`, in no time, while pytest collects; what
became of each from one run over all of them, which goes on beside other tests.

All tests of one run are one group, so that one of pytest's workers waits for it, and no other.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from once import once

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("RELAYLAB_BUILD", ROOT / "build")).resolve()
ENV = {**os.environ, "RELAYLAB_PERSONAS": str(ROOT / "mockmta" / "personas")}
ROW = re.compile(r"^(?P<name>\S.*?) +(?P<world>any|virtual|real) +\S+ +\S+$")


def lab(*args):
    """No limit of time: --wall bounds each case, and so the sum of them."""
    return subprocess.run([BUILD / "relaylab", *args], capture_output=True, text=True, env=ENV,
                          cwd=ROOT, check=False)


class Run:
    """`relaylab run ARGS`, told from other runs by its name. Two cases may have one name: they are
    known by their places in the list. Those that are only for the world `but` are no tests."""

    def __init__(self, name, *args, but=None):
        self.name, self.args = name, args
        rows = []
        if (BUILD / "relaylab").exists():
            rows = [ROW.match(line) for line in lab("list", *args).stdout.splitlines()]
        self.names = [row["name"] for row in rows]
        self.tests = [pytest.param(place, id=row["name"]) for place, row in enumerate(rows)
                      if row["world"] != but]

    def each(self, function):
        """Decorates a test that takes the place of a case."""
        tests = self.tests or [pytest.param(-1, id="no-case-is-listed")]
        function = pytest.mark.parametrize("place", tests)(function)
        return pytest.mark.xdist_group(self.name)(function)

    def results(self):
        run = lab("run", "--jsonl", "-", *self.args)
        lines = [json.loads(line) for line in run.stdout.splitlines()]
        found = [line for line in lines if line["event"] == "result"]
        found.sort(key=lambda line: line["number"])
        assert found and [line["id"] for line in found] == self.names, run.stderr
        kept = ("status", "reason", "story", "died")
        return [{key: line.get(key) for key in kept} for line in found]

    def check(self, place):
        """Fails unless the case at that place passed."""
        assert self.names, f"relaylab lists no case of {self.args}: is it built (make all)?"
        result = once(self.name, self.results)[place]
        if result["status"] == "skip":
            pytest.skip(str(result["reason"]))
        assert result["status"] == "pass", result["story"] or f"died: {result['died']}"
