"""doc/caveats.md and the `caveat:` of cases speak of the same things, and every one has a case."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "doc/caveats.md").read_text(encoding="utf-8")
TOLD = re.findall(r"^\| ([A-Z]\d+b?) \|", PAGE, re.M)


@pytest.fixture(scope="module")
def shown():
    texts = (path.read_text(encoding="utf-8") for path in ROOT.glob("scenarios/cases/**/*.yaml"))
    lines = (re.search(r"^caveat:(.*)$", text, re.M) for text in texts)
    return {name for line in lines if line for name in re.findall(r"\w+", line.group(1))}


def test_each_is_told_once():
    assert len(TOLD) == len(set(TOLD)) == 16 + 27 + 6


@pytest.mark.parametrize("caveat", sorted(set(TOLD)))
def test_a_case_shows_it(shown, caveat):
    assert caveat in shown


def test_cases_name_no_other(shown):
    assert shown <= set(TOLD)
