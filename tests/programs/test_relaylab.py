"""relaylab as a user runs it: each case one test, both worlds, reports, selection, wrong input."""

import json
import os
import resource
import socket
import subprocess
import textwrap
from pathlib import Path

import pytest

from cases import Run

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELAYLAB_BUILD", ROOT / "build")).resolve()
ENV = {**os.environ, "RELAYLAB_PERSONAS": str(ROOT / "mockmta" / "personas")}
CASES = "scenarios/cases"
FIRST = f"{CASES}/relay/open-relay-proven.yaml"


def lab(*args, timeout=300):
    return subprocess.run(
        [BUILD / "relaylab", *map(str, args)],
        capture_output=True, text=True, env=ENV, cwd=ROOT, timeout=timeout,
    )


VIRTUAL = Run("virtual", CASES, but="real")
BOTH = Run("both", "--time", "both", "-j", "32", "--tag", "!engine", CASES)
MUST_FAIL = Run("must-fail", "tests/must-fail")


@pytest.mark.takes(20)
@VIRTUAL.each
def test_case_in_virtual_time(place):
    VIRTUAL.check(place)


@pytest.mark.takes(30)
@BOTH.each
def test_case_in_every_world_it_is_for(place):
    BOTH.check(place)


@MUST_FAIL.each
def test_case_that_must_fail(place):
    MUST_FAIL.check(place)


@pytest.mark.parametrize("seed", [2, 3, 5, 8, 13])
def test_the_wire_is_cut_otherwise_with_each_seed(seed):
    """Segments, jitter and tokens follow from the seed; verdicts do not."""
    run = lab("run", "--seed", seed, f"{CASES}/wire", f"{CASES}/hostile")
    assert run.returncode == 0, run.stdout


def test_average_cost_of_a_case():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = lab("run", CASES)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    count = len(run.stdout.splitlines()) - 2
    assert spent / count < 0.020, f"{1000 * spent / count:.1f} ms of CPU for one case"


def test_last_line_is_the_sum():
    run = lab("run", FIRST)
    assert run.returncode == 0
    assert run.stdout.splitlines()[-1] == "1 passed, 0 failed, 0 skipped"
    assert run.stderr == ""


def test_the_same_seed_gives_the_same_output():
    first, second, other = (lab("run", "--verbose", "--seed", seed, FIRST).stdout
                            for seed in ("7", "7", "8"))
    assert first == second
    assert first != other


@pytest.mark.takes(5)
def test_workers_change_nothing():
    assert lab("run", "-j", "3", CASES).stdout == lab("run", CASES).stdout


def write_case(path, **changes):
    keys = {"case": path.stem, "title": "t", "why": "It must be told why.", "time": "virtual",
            "truth": "closed", "servers": "{mx: {persona: postfix-554}}",
            "expect": "{verdict: closed}", **changes}
    path.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()))
    return path


def test_a_failure_tells_its_story(tmp_path):
    path = write_case(tmp_path / "wrong.yaml", expect="{verdict: open}")
    run = lab("run", "--seed", "5", path)
    assert run.returncode == 1
    assert "expected: open\n" in run.stdout and "actual:   closed (" in run.stdout
    assert "why: It must be told why." in run.stdout
    assert "connection 1 of " in run.stdout and "0.0" in run.stdout
    assert "S: 554 5.7.1 <" in run.stdout
    assert f"reproduce: relaylab run {path} --time virtual --seed 5\n" in run.stdout
    assert run.stdout.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"


def test_a_case_that_must_fail_and_does_not(tmp_path):
    path = write_case(tmp_path / "good.yaml", fails_with="verdict")
    run = lab("run", path)
    assert run.returncode == 1
    assert "this case must fail" in run.stdout


def test_a_case_that_must_fail_and_fails_otherwise(tmp_path):
    path = write_case(tmp_path / "other.yaml", fails_with="elapsed", expect="{verdict: open}")
    run = lab("run", path)
    assert run.returncode == 1
    assert "it failed otherwise" in run.stdout


def test_wall_limit_fails_one_case_only(tmp_path):
    write_case(tmp_path / "a-slow.yaml", time="real", probe="{wait: 30s}",
               servers="{mx: {persona: discard}}", expect="{verdict: discards}")
    write_case(tmp_path / "b-quick.yaml", time="real")
    run = lab("run", "--time", "real", "--wall", "1s", tmp_path)
    assert run.returncode == 1
    assert "the wall limit of 1 s was reached" in run.stdout
    assert run.stdout.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"


def test_tap(tmp_path):
    write_case(tmp_path / "a.yaml")
    write_case(tmp_path / "b.yaml", expect="{verdict: open}")
    write_case(tmp_path / "c.yaml", time="real")
    report = tmp_path / "report.tap"
    assert lab("run", "--tap", report, tmp_path).returncode == 1
    lines = report.read_text().splitlines()
    assert lines[:3] == ["TAP version 13", "1..3", "ok 1 - a"]
    assert lines[3] == "not ok 2 - b"
    assert lines[4] == "  ---" and "  ..." in lines
    assert lines[-1] == "ok 3 - c # SKIP time: real"


def test_jsonl(tmp_path):
    report = tmp_path / "report.jsonl"
    assert lab("run", "--jsonl", report, FIRST).returncode == 0
    result, total = map(json.loads, report.read_text().splitlines())
    assert result["schema_version"] == 1
    assert result["verdict"] == "open" and result["truth"] == "open" and result["mark"] == "right"
    assert result["deliveries"] >= 1 and result["path"] == FIRST
    assert total == {"schema_version": 1, "event": "summary", "passed": 1, "failed": 0,
                     "skipped": 0}


@pytest.mark.parametrize("arguments, found", [
    (["--tag", "smoke,!open", CASES], "postfix-554-closed"),
    (["--tag", "undecidable", CASES], "silent"),
    ([f"{CASES}/re*/open-relay-*.yaml"], "open-relay-proven"),
    ([FIRST, FIRST], "open-relay-proven"),
])
def test_selection(arguments, found):
    run = lab("list", *arguments)
    assert run.returncode == 0
    assert found in run.stdout
    assert run.stdout.count("open-relay-proven.yaml") <= 1


def test_explain():
    run = lab("explain", FIRST)
    assert run.returncode == 0
    assert "the message really reaches an outside mailbox" in run.stdout
    assert "relayed by S1-R1" in run.stdout


def test_schema_names_every_key_that_the_cases_use():
    schema = json.loads(lab("schema").stdout)
    keys = set(schema["definitions"]["case"]["properties"])
    for path in (ROOT / CASES).rglob("*.yaml"):
        for line in path.read_text().splitlines():
            if line[:1].isalpha():
                assert line.split(":")[0] in keys, path


@pytest.mark.parametrize("arguments, status, words", [
    ([], 2, "no command"),
    (["jump"], 2, "jump: no such command"),
    (["run"], 2, "no case files"),
    (["run", "--sped", "3", FIRST], 2, "--sped: no such option"),
    (["run", "--seed"], 2, "--seed: a value is missing: --seed N"),
    (["run", "--seed", "x", FIRST], 2, "--seed: 'x': write a whole number"),
    (["run", "--time", "unreal", FIRST], 2, "--time: 'unreal'"),
    (["run", "-j", "0", FIRST], 2, "-j: '0'"),
    (["run", "nowhere.yaml"], 2, "nowhere.yaml: No such file or directory"),
    (["run", "--tap", "/nowhere/x.tap", FIRST], 2, "--tap: /nowhere/x.tap: No such file"),
    (["schema", "extra"], 2, "schema: takes no argument"),
    (["run", "--tag", "no-such-tag", CASES], 5, "nothing selected"),
    (["run", f"{CASES}/none-*.yaml"], 5, "nothing selected"),
])
def test_wrong_input(arguments, status, words):
    run = lab(*arguments)
    assert run.returncode == status
    assert run.stdout == ""
    assert words in run.stderr and run.stderr.count("\n") == 1


def test_an_invalid_file_stops_everything(tmp_path):
    write_case(tmp_path / "a.yaml")
    write_case(tmp_path / "b.yaml", probe="{wait: 10}")
    for command in ("run", "lint", "list"):
        run = lab(command, tmp_path)
        assert run.returncode == 3
        assert run.stdout == ""
        assert f"{tmp_path}/b.yaml:8:15: error: " in run.stderr and "^^" in run.stderr


HEAD = """\
case: golden
title: t
why: It must be told why.
truth: closed
"""
SERVERS = "servers: {mx: {persona: postfix-554}}\n"
EXPECT = "expect: {verdict: closed}\n"


def with_rule(rule):
    return HEAD + "servers: {mx: {rules: [" + rule + "]}}\n" + EXPECT


def with_line(line):
    return HEAD + SERVERS + EXPECT + line + "\n"


# A label, a file that does not load, and all that is said about it after "golden.yaml:".
GOLDEN = [
    ("unknown key", with_line("tagz: [a]"), """\
7:1: error: unknown key "tagz" in a case
    7 | tagz: [a]
      | ^^^^ did you mean "tags"?
"""),
    ("a YAML 1.1 boolean for a key", with_rule("{on: RCPT, then: close}"), """\
5:25: error: unknown key "on" in a rule
    5 | servers: {mx: {rules: [{on: RCPT, then: close}]}}
      |                         ^^ one of: at, when, nth, times, reply, delay, then, fate, \
rewrite, callout, continue, log, wire
"""),
    ("key given twice", with_line("title: again"), """\
7:1: error: key "title" is given twice
    7 | title: again
      | ^^^^^ first given on line 2
"""),
    ("key missing", HEAD.replace("why: It must be told why.\n", "") + SERVERS + EXPECT, """\
1:1: error: a case needs "why"
    1 | case: golden
      | ^^^^^^^^^^^^ add why: what it shows; printed when it fails
"""),
    ("duration without unit", with_line("probe: {wait: 10}"), """\
7:15: error: not a duration
    7 | probe: {wait: 10}
      |               ^^ write a number and a unit: 300s, 5min, 250ms
"""),
    ("duration in words", with_line("probe:\n  wait: 5 minutes"), """\
8:9: error: not a duration
    8 |   wait: 5 minutes
      |         ^^^^^^^^^ write a number and a unit: 300s, 5min, 250ms
"""),
    ("range upside down", HEAD + SERVERS + "expect: {connections: 3..1}\n", """\
6:23: error: not a count or range of counts
    6 | expect: {connections: 3..1}
      |                       ^^^^ write 3, 1.., ..4, 2..5 or none
"""),
    ("reply not quoted", HEAD + """\
servers:
  mx:
    rules:
      - at: RCPT
        reply: 550 5.7.1 <a@b.test>: Relay access denied
""" + EXPECT, """\
9:36: error: mapping values are not allowed in this context
    9 |         reply: 550 5.7.1 <a@b.test>: Relay access denied
      |                                    ^ a text that holds ": " must be quoted: \
reply: "550 5.7.1 <a@b.test>: Relay access denied"
"""),
    ("reply not quoted in a flow", with_rule("{at: RCPT, reply: 550 5.7.1 <x>: no}"), """\
5:55: error: did not find expected ',' or '}'
    5 | servers: {mx: {rules: [{at: RCPT, reply: 550 5.7.1 <x>: no}]}}
      |                                                       ^ a text that holds ": " must be \
quoted
"""),
    ("reply without code", with_rule("{at: RCPT, reply: Relay access denied}"), """\
5:42: error: a reply begins with its code
    5 | servers: {mx: {rules: [{at: RCPT, reply: Relay access denied}]}}
      |                                          ^^^^^^^^^^^^^^^^^^^ write a code from 200 to 599 \
and a text: 550 5.7.1 no
"""),
    ("code in another base", with_rule("{at: RCPT, reply: {code: 0x226, text: a}}"), """\
5:49: error: not a whole number that fits here
    5 | servers: {mx: {rules: [{at: RCPT, reply: {code: 0x226, text: a}}]}}
      |                                                 ^^^^^ decimal digits, no leading zero; at \
least 200, at most 599
"""),
    ("two codes in one reply", with_rule("{at: RCPT, reply: [250-a, 550 b]}"), """\
5:50: error: lines with different codes: 250 and 550
    5 | servers: {mx: {rules: [{at: RCPT, reply: [250-a, 550 b]}]}}
      |                                                  ^^^^^ where that is meant, write \
{raw: '250-a\\r\\n550 b\\r\\n'}
"""),
    ("no such template", with_rule("{at: RCPT, reply: '550 ${recpt} no'}"), """\
5:42: error: unknown name ${recpt}
    5 | servers: {mx: {rules: [{at: RCPT, reply: '550 ${recpt} no'}]}}
      |                                          ^^^^^^^^^^^^^^^^^ did you mean ${rcpt}?
"""),
    ("no such event", with_rule("{at: RCTP, then: close}"), """\
5:29: error: unknown value "RCTP"
    5 | servers: {mx: {rules: [{at: RCTP, then: close}]}}
      |                             ^^^^ did you mean "RCPT"?
"""),
    ("no such world", with_line("time: virtul"), """\
7:7: error: unknown value "virtul"
    7 | time: virtul
      |       ^^^^^^ did you mean "virtual"?
"""),
    ("no such verdict", HEAD + SERVERS + "expect: {verdict: opne}\n", """\
6:19: error: unknown value "opne"
    6 | expect: {verdict: opne}
      |                   ^^^^ did you mean "open"?
"""),
    ("no such persona", HEAD + "servers:\n  mx: {persona: postfix-455}\n" + EXPECT, """\
6:17: error: no persona named "postfix-455"
    6 |   mx: {persona: postfix-455}
      |                 ^^^^^^^^^^^ did you mean "postfix-454"?
"""),
    ("no such form", with_line("probe: {forms: S1-R99}"), """\
7:16: error: no such forms: S1-R99
    7 | probe: {forms: S1-R99}
      |                ^^^^^^ unknown form "S1-R99": quick, first, standard, full, or ids \
such as S1-R1, \
S3, R6 (see --list-forms)
"""),
    ("no such target", with_line("probe: {wait: 1s, target: my}"), """\
7:8: error: no such target: my
    7 | probe: {wait: 1s, target: my}
      |        ^ name a server of this case
"""),
    ("a source elsewhere", with_line("probe: {wait: 1s, source: 192.0.2.1}"), """\
7:27: error: a source must be a loopback address: 192.0.2.1
    7 | probe: {wait: 1s, source: 192.0.2.1}
      |                           ^^^^^^^^^ write an address in 127.0.0.0/8
"""),
    ("key that means nothing there",
     with_rule("{at: MAIL, when: {to_domain: local}, reply: 250 Ok}"), """\
5:53: error: "to_domain" means nothing at this event
    5 | servers: {mx: {rules: [{at: MAIL, when: {to_domain: local}, reply: 250 Ok}]}}
      |                                                     ^^^^^ needs at: RCPT, VRFY, DATA, BDAT \
or end-of-data
"""),
    ("anchor", with_line("mailboxes: &m {canary: {domains: [canary.test]}}"), """\
7:12: error: anchors are not allowed
    7 | mailboxes: &m {canary: {domains: [canary.test]}}
      |            ^^^^ a text that begins with & must be quoted
"""),
    ("alias", with_line("tags: *t"), """\
7:7: error: aliases are not allowed
    7 | tags: *t
      |       ^^ a text that begins with * must be quoted
"""),
    ("tag", with_line("tags: !!str x"), """\
7:7: error: tags are not allowed
    7 | tags: !!str x
      |       ^^^^^^^ a text that begins with ! must be quoted
"""),
    ("two documents", with_line("---\ncase: b"), """\
7:1: error: a second document begins here
    7 | ---
      | ^^^ put it into a file of its own
"""),
    ("tab", HEAD + "servers:\n\tmx: {}\n" + EXPECT, """\
6:1: error: found character that cannot start any token
    6 |  mx: {}
      | ^ indent with spaces, not with tabs
"""),
]


@pytest.mark.parametrize("text, said", [pytest.param(*row[1:], id=row[0]) for row in GOLDEN])
def test_what_is_said_of_a_file_that_does_not_load(tmp_path, text, said):
    path = tmp_path / "golden.yaml"
    path.write_text(text)
    for command in ("lint", "run", "list", "explain"):
        run = lab(command, path)
        assert (run.returncode, run.stdout) == (3, ""), command
        assert run.stderr == f"{path}:{said}", command


def test_lint_of_good_files():
    run = lab("lint", CASES)
    assert run.returncode == 0 and run.stdout.endswith("no errors\n")


def test_everything_skipped(tmp_path):
    write_case(tmp_path / "a.yaml", time="real")
    run = lab("run", tmp_path)
    assert run.returncode == 77
    assert run.stdout.splitlines()[-1] == "0 passed, 0 failed, 1 skipped"


def test_vantages_run_once_each(tmp_path):
    path = write_case(
        tmp_path / "vantages.yaml", servers="{mx: {persona: inside-only}}",
        vantages="{inside: {source: 127.0.0.2, truth: open}, "
                 "outside: {source: 127.0.0.1, truth: closed}}",
        expect="[{if: {vantage: inside}, verdict: open}, "
               "{if: {vantage: outside}, verdict: closed}]")
    lines = [line for line in path.read_text().splitlines() if not line.startswith("truth:")]
    trusted = "{mx: {persona: inside-only, networks: [127.0.0.2/32]}}"
    lines = [f"servers: {trusted}" if line.startswith("servers:") else line for line in lines]
    path.write_text("\n".join(lines) + "\n")
    run = lab("run", path)
    assert run.returncode == 0, run.stdout
    assert "vantages[vantage=inside]" in run.stdout and "vantages[vantage=outside]" in run.stdout


def server_of(case):
    """The first server of a case, as a file of its own for mockmta."""
    lines = (ROOT / case).read_text().splitlines()
    start = lines.index("  mx:") + 1
    end = next(i for i in range(start, len(lines)) if lines[i][:1].isalpha())
    return textwrap.dedent("\n".join(lines[start:end]) + "\n")


def test_three_programs_agree_on_one_case(tmp_path):
    """mockmta plays the case's server, relayprobe asks it, and relaylab's own run says the same."""
    config = tmp_path / "mx.yaml"
    config.write_text(server_of(FIRST))
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        sink = f"127.0.0.1:{s.getsockname()[1]}"
    server = subprocess.Popen(
        [BUILD / "mockmta", "--config", config, "--listen", "127.0.0.1:0", "--route",
         f"canary.test={sink}"], stdout=subprocess.PIPE, text=True, env=ENV)
    try:
        ready = json.loads(server.stdout.readline())
        probe = subprocess.run(
            [BUILD / "relayprobe", "--canary", "probe@canary.test", "--sink", sink, "--wait", "2s",
             "--json", ready["listen"]], capture_output=True, text=True, env=ENV, timeout=60)
    finally:
        server.terminate()
        server.communicate()
    said = json.loads(probe.stdout.splitlines()[0])["verdict"]
    ours = json.loads(lab("run", "--time", "real", "--jsonl", "-", FIRST).stdout.splitlines()[0])
    assert probe.returncode == 1
    assert said == ours["verdict"] == "open"
