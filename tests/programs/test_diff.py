"""relaylab diff: what changed between two runs."""

import json
import re

import pytest

from runs import SUMMARY, lab, line, write_case, write_lines, write_three


def diff(tmp_path, old, new, *options):
    return lab("diff", *options, write_lines(tmp_path / "old.jsonl", *old),
               write_lines(tmp_path / "new.jsonl", *new))


DIFFERENCES = [  # label, old and new lines, what is said, status
    ("nothing", [line("a")], [line("a")], None, 0),
    ("a new failure", [line("a")], [line("a", "fail", "open", story="  x\n")],
     r"new failure  a +closed -> open  x$", 1),
    ("it was skipped before", [line("a", "skip", None)], [line("a", "fail")], "new failure  a", 1),
    ("healed", [line("a", "fail")], [line("a")], "healed       a", 0),
    ("still fails", [line("a", "fail")], [line("a", "fail")], "1 still fail", 0),
    ("a verdict that moved", [line("a")], [line("a", verdict="accepts")],
     r"moved        a +closed -> accepts$", 0),
    ("still fails, and otherwise", [line("a", "fail")], [line("a", "fail", "open")],
     r"moved        a +closed -> open", 0),
    ("flaky now", [line("a")], [line("a"), line("a", "fail", "open")],
     r"flaky        a +closed -> open and closed  passed 1, failed 1$", 1),
    ("less of a failure", [line("a", "fail")], [line("a"), line("a", "fail")], "flaky        a", 0),
    ("was flaky, fails now", [line("a"), line("a", "fail")], [line("a", "fail")],
     "new failure  a", 1),
    ("was flaky, passes now", [line("a"), line("a", "fail")], [line("a")], "healed       a", 0),
    ("still flaky", [line("a"), line("a", "fail")], [line("a"), line("a", "fail")],
     "flaky        a", 0),
    ("appeared", [], [line("a")], r"appeared     a +closed  pass$", 0),
    ("appeared, and fails", [], [line("a", "fail")], r"appeared     a +closed  fail$", 1),
    ("vanished", [line("a")], [], r"vanished     a +closed$", 0),
    ("skipped now", [line("a")], [line("a", "skip", None, reason="time: real")],
     r"skipped      a +closed  time: real$", 0),
    ("a file that was moved", [line("a")], [{**line("a"), "path": "elsewhere/a.yaml"}], None, 0),
    ("two of the same name", [line("a"), {**line("a"), "path": "b.yaml"}],
     [line("a"), {**line("a", "fail"), "path": "b.yaml"}], "1 new failures, 0 healed, 0 flaky", 1),
    ("no verdict before", [line("a", verdict=None)], [line("a")], "0 verdicts moved", 0),
    ("control characters", [line("a")], [line("a", "fail", story="\x1b[2Jx")], r"\\x1b\[2Jx$", 1),
]


@pytest.mark.parametrize("old, new, said, status", [row[1:] for row in DIFFERENCES],
                         ids=[row[0] for row in DIFFERENCES])
def test_diff(tmp_path, old, new, said, status):
    run = diff(tmp_path, [*old, SUMMARY], [*new, SUMMARY])
    assert run.returncode == status, run.stdout + run.stderr
    lines = run.stdout.splitlines()
    assert lines[-1] == ("a regression" if status else "no regression")
    if said is None:
        assert len(lines) == 2 and not re.search(r"[1-9]", lines[0])
    else:
        assert re.search(said, run.stdout, re.M), run.stdout
    totals = json.loads(diff(tmp_path, [*old, SUMMARY], [*new, SUMMARY],
                             "--json").stdout.splitlines()[-1])
    assert totals["event"] == "comparison" and totals["regression"] == bool(status)


def test_diff_as_json(tmp_path):
    run = diff(tmp_path, [line("a"), line("b"), SUMMARY],
               [line("a", "fail", "open", story="why\nmore"), line("b"), SUMMARY], "--json")
    first, totals = map(json.loads, run.stdout.splitlines())
    assert first["kind"] == "new-failure" and first["regression"] and first["moved"]
    assert first["old"] == {"state": "pass", "verdict": "closed", "passed": 1, "failed": 0,
                            "skipped": 0, "what": None}
    assert first["new"]["what"] == "why"
    assert totals["new_failures"] == 1 and totals["same"] == 1 and totals["new_is_whole"]


@pytest.mark.parametrize("new", [
    [line("a")],
    [line("a"), {**SUMMARY, "signal": 15}],
    [SUMMARY, line("a")],
    [{**SUMMARY, "signal": 15}, line("a"), SUMMARY],
    [],
], ids=["no summary", "a signal", "results behind it", "one shard of two", "nothing"])
def test_diff_with_half_a_run(tmp_path, new):
    run = diff(tmp_path, [line("a"), SUMMARY], new)
    assert run.returncode == 1 and "is not whole: its run did not end" in run.stdout


def test_diff_of_shards_put_together(tmp_path):
    run = diff(tmp_path, [line("a"), line("b"), SUMMARY], [line("b"), SUMMARY, line("a"), SUMMARY])
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("text, said", [
    ("{\n", "new.jsonl:1: "), ("[]\n", "new.jsonl:1: not a line that --jsonl writes"),
    ('{"schema_version": 2}\n', "not a line"), ("\xff\n", "new.jsonl:1: "),
    (json.dumps(line("a")) + "\n" + json.dumps(line("a", "maybe")), "new.jsonl:2: no such status"),
    (json.dumps(line("a", verdict="perhaps")), "new.jsonl:1: no such verdict"),
    (json.dumps(line("")), "a result without an id"),
])
def test_diff_of_something_else(tmp_path, text, said):
    old = write_lines(tmp_path / "old.jsonl", line("a"), SUMMARY)
    (tmp_path / "new.jsonl").write_text(text, encoding="latin-1")
    run = lab("diff", old, tmp_path / "new.jsonl")
    assert run.returncode == 3 and run.stdout == "" and said in run.stderr


def test_diff_wants_two_files(tmp_path):
    assert lab("diff").returncode == 2
    run = lab("diff", tmp_path / "none", tmp_path / "none")
    assert run.returncode == 2 and "No such file" in run.stderr


def test_diff_of_two_real_runs(tmp_path):
    cases = write_three(tmp_path / "cases")
    old, new = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    lab("run", "--jsonl", old, cases)
    assert lab("diff", old, old).returncode == 0
    write_case(cases / "a.yaml", truth="open", servers="{mx: {persona: open}}")
    write_case(cases / "b.yaml")
    lab("run", "--jsonl", new, cases)
    run = lab("diff", old, new)
    assert run.returncode == 1
    assert re.search(r"^new failure  a +closed -> open  ", run.stdout, re.M), run.stdout
    assert re.search(r"^healed       b +closed$", run.stdout, re.M)
