"""Reports of relaylab run, as the tools of others read them; which cases run."""

import json
import os
import pty
import re
import signal
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from runs import BUILD, ENV, ROOT, SUMMARY, lab, line, write_case, write_lines, write_three

XSD = ROOT / "tests" / "junit.xsd"
# What a file of YAML may hold, and no XML: escapes are YAML's.
HOSTILE_TITLE = (r'"<b>]]>--> & \x01\x1b[31m \ufffe \uffff | ``` # @all \\ \xe9 \U0001F4E7'
                 r' </failure>"')
# Every octet but CR and LF, which would end the reply; then what ends elements, comments and
# sections; U+FFFE and U+FFFF, half a surrogate pair, overlong and cut sequences; and 10 kB.
HOSTILE_REPLY = (r"554-" + "".join(rf"\x{n:02x}" for n in range(256) if n not in (10, 13)) +
                 r'\r\n554-]]>&amp;<b a="">\x22--><![CDATA[ \xef\xbf\xbe \xef\xbf\xbf \xed\xa0\x80 '
                 r"\xc0\x80 \xf4\x90\x80\x80 \xe2\x82\r\n554 " + 10000 * "x" + r"\r\n")
# Values of a matrix, and so in names of cases: what TAP takes for its own.
DIRECTIVE = "TO" "DO"
HOSTILE_VALUES = [f"# {DIRECTIVE}", "# skip all", r"a \\ b \\# SKIP",
                  r"line\nnot ok 7\n1..0\nBail out!",
                  r"]]> <&\" \x01 \ufffe \uffff \x85 \u2028", r"\t", "- x", "ok 1"]


def write_hostile(folder):
    """Bytes of all kinds in a title, in a server's replies, and in the names of folder and file."""
    place = Path(os.fsdecode(os.fsencode(folder) + b"/\xff<&\">\n\x1b[31m]]>"))
    rule = f"{{at: RCPT, reply: {{code: 554, raw: '{HOSTILE_REPLY}'}}}}"
    write_case(place / "bytes.yaml", title=HOSTILE_TITLE, expect="{verdict: open}",
               servers=f"{{mx: {{local_domains: [victim.test], rules: [{rule}]}}}}")
    write_case(place / "fine.yaml", title=HOSTILE_TITLE)
    write_case(place / "named.yaml", title='"${text}"',
               matrix="{text: [" + ", ".join(f'"{text}"' for text in HOSTILE_VALUES) + "]}")
    write_case(place / "skipped.yaml", title=HOSTILE_TITLE, time="real")
    return place


def junit(path):
    """The suite, by two parsers: one checks the schema, the other is what most tools use."""
    checked = subprocess.run(["xmllint", "--noout", "--schema", XSD, path], capture_output=True,
                             text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stderr
    return ET.parse(path).getroot().find("testsuite")


def prove(path):
    return subprocess.run(["prove", "--exec", "cat", path], capture_output=True, text=True,
                          timeout=60, check=False)


def test_junit(tmp_path):
    report = tmp_path / "report.xml"
    assert lab("run", "--junit", report, write_three(tmp_path / "cases")).returncode == 1
    suite = junit(report)
    sums = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")}
    assert sums == {"tests": "3", "failures": "1", "errors": "0", "skipped": "1"}
    a, b, c = suite.findall("testcase")
    assert [case.get("name") for case in (a, b, c)] == ["a", "b", "c"]
    assert b.get("classname").endswith(".cases") and len(a) == 0
    failure = b.find("failure")
    assert "verdict closed, truth closed" in failure.get("message")
    assert failure.get("type") == "right" and "reproduce: relaylab run" in failure.text
    assert c.find("skipped").get("message") == "time: real"
    assert float(suite.get("time")) < 60


def test_junit_of_a_worker_that_died(tmp_path):
    report = tmp_path / "report.xml"
    write_case(tmp_path / "slow.yaml", time="real", probe="{wait: 30s}",
               servers="{mx: {persona: discard}}", expect="{verdict: discards}")
    run = lab("run", "--time", "real", "--wall", "1s", "--junit", report, tmp_path)
    assert run.returncode == 1
    suite = junit(report)
    assert suite.get("errors") == "1" and suite.get("failures") == "0"
    case = suite.find("testcase")
    assert case.get("name") == "slow"
    assert case.find("error").get("message") == "the wall limit of 1 s was reached"


def test_junit_keeps_what_a_passing_case_tells(tmp_path):
    report = tmp_path / "report.xml"
    lab("run", "--verbose", "--junit", report, write_case(tmp_path / "a.yaml"))
    assert "220 " in junit(report).find("system-out").text


def test_tap_by_prove(tmp_path):
    report = tmp_path / "report.tap"
    lab("run", "--tap", report, write_three(tmp_path / "cases"))
    seen = prove(report)
    assert seen.returncode == 1 and "Tests: 3 Failed: 1)" in seen.stdout, seen.stdout
    assert "Failed test:  2\n" in seen.stdout and "Parse errors" not in seen.stdout
    lab("run", "--tap", report, tmp_path / "cases" / "a.yaml", tmp_path / "cases" / "c.yaml")
    seen = prove(report)
    assert seen.returncode == 0 and "Result: PASS" in seen.stdout, seen.stdout


def all_reports(tmp_path, *cases):
    """A run with a report of each kind: its output, and the reports' files."""
    files = {name: tmp_path / f"report.{name}" for name in ("tap", "jsonl", "junit", "markdown")}
    options = [word for name, path in files.items() for word in (f"--{name}", path)]
    run = subprocess.run([BUILD / "relaylab", "run", "--verbose", *options, *cases], env=ENV,
                         capture_output=True, timeout=60, check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    return run.stdout, files


def test_all_reports_of_hostile_bytes(tmp_path):
    count = 3 + len(HOSTILE_VALUES)
    said, files = all_reports(tmp_path, write_hostile(tmp_path))
    bad, fine, *named, skipped = junit(files["junit"]).findall("testcase")
    assert [bad.get("name"), fine.get("name"), skipped.get("name")] == ["bytes", "fine", "skipped"]
    assert r"\x1b[31m]]>" in bad.get("classname") and "\ufffd<&\">" in bad.get("classname")
    failure = bad.find("failure").text
    assert r"\x00\x01\x02" in failure and r"]]>&amp;<b a=" in failure
    assert r"\xef\xbf\xbe" in failure and "x" * 30 in failure
    assert named[2].get("name") == r"named[text=a \ b \# SKIP]"
    assert named[3].get("name") == r"named[text=line\x0anot ok 7\x0a1..0\x0aBail out!]"
    seen = prove(files["tap"])
    assert f"Tests: {count} Failed: 1)" in seen.stdout, seen.stdout
    assert "Parse errors" not in seen.stdout and DIRECTIVE not in seen.stdout, seen.stdout
    results = [json.loads(line) for line in files["jsonl"].read_text("utf-8").split("\n")[:-1]]
    assert [r["event"] for r in results] == ["result"] * count + ["summary"]
    assert {r["status"] for r in results[2:2 + len(named)]} == {"pass"}
    page = files["markdown"].read_text("utf-8")
    assert "### bytes" in page and "&lt;b" in page and "<b>" not in page
    for text in (page, said.decode("utf-8")):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)


def test_prove_sees_what_is_skipped_and_what_is_not(tmp_path):
    """By TAP::Parser itself: names come back as they are, and no name is a directive."""
    _, files = all_reports(tmp_path, write_hostile(tmp_path))
    program = ('use TAP::Parser; my $p = TAP::Parser->new({tap => join "", <STDIN>});'
               'while (my $r = $p->next) { next unless $r->is_test; print $r->ok, "|",'
               ' $r->has_skip ? "skip" : $r->has_todo ? "todo" : "", "|", $r->description, "\\n" }'
               'print "errors: ", scalar $p->parse_errors, "\\n"')
    seen = subprocess.run(["perl", "-e", program], stdin=files["tap"].open(encoding="utf-8"),
                          capture_output=True, text=True, check=True, timeout=60)
    rows = [row.split("|", 2) for row in seen.stdout.splitlines()]
    assert rows.pop() == ["errors: 0"]
    assert [row[0] for row in rows].count("not ok") == 1
    assert [(row[1], row[2]) for row in rows if row[1]] == [("skip", "- skipped")]
    # An old TAP::Parser leaves the backslashes of escapes where they are.
    names = [re.sub(r"\\([#\\])", r"\1", row[2].removeprefix("- ")) for row in rows]
    assert names[2:6] == [f"named[text=# {DIRECTIVE}]", "named[text=# skip all]",
                          r"named[text=a \ b \# SKIP]",
                          r"named[text=line\x0anot ok 7\x0a1..0\x0aBail out!]"]


def test_markdown(tmp_path):
    page = tmp_path / "page.md"
    lab("run", "--markdown", page, write_three(tmp_path / "cases"))
    text = page.read_text()
    assert text.startswith("## relaylab: failed\n\n| passed | failed | skipped | flaky | time |\n")
    assert "| 1 | 1 | 1 | 0 | " in text and "\n### b\n" in text and "- c: time\\: real" in text
    lab("run", f"--markdown={page}", tmp_path / "cases" / "a.yaml")
    assert page.read_text().startswith("## relaylab: passed\n")


def test_reports_of_a_run_that_was_ended(tmp_path):
    write_case(tmp_path / "a.yaml", time="real")
    write_case(tmp_path / "b.yaml", time="real", probe="{wait: 300s}",
               servers="{mx: {persona: discard}}", expect="{verdict: discards}")
    report, page = tmp_path / "report.xml", tmp_path / "page.md"
    with subprocess.Popen([BUILD / "relaylab", "run", "--time", "real", "--junit", report,
                           "--markdown", page, "--tap", tmp_path / "t", tmp_path], env=ENV,
                          stdout=subprocess.PIPE, text=True) as run:
        assert "case" in run.stdout.readline() and " a " in run.stdout.readline()
        run.send_signal(signal.SIGTERM)
        assert run.wait(timeout=20) == 128 + signal.SIGTERM
    properties = {p.get("name"): p.get("value") for p in junit(report).iter("property")}
    assert properties["signal"] == "15" and properties["unfinished"] == "1"
    assert page.read_text().startswith("## relaylab: not finished\n")
    assert "Bailout called" in prove(tmp_path / "t").stdout


@pytest.mark.parametrize("option", ["--tap", "--jsonl", "--junit", "--markdown"])
def test_a_report_that_cannot_be_written(tmp_path, option):
    case = write_case(tmp_path / "a.yaml")
    run = lab("run", option, tmp_path / "no" / "report", case)
    assert run.returncode == 2 and run.stderr.startswith(f"relaylab: {option}: ")
    run = lab("run", option, "/dev/full", case)
    assert run.returncode == 4
    assert run.stderr == f"relaylab: {option}: /dev/full: No space left on device\n"


def state(tmp_path):
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


def ids(run):
    return [line.split()[0] for line in run.stdout.splitlines()]


def test_failed(tmp_path):
    cases, env = write_three(tmp_path / "cases"), state(tmp_path)
    run = lab("run", "--failed", cases, env=env)
    assert run.returncode == 2 and "--failed: no earlier run is known" in run.stderr
    lab("run", cases, env=env)
    assert ids(lab("run", "--failed", "--list", env=env)) == ["b"]
    assert ids(lab("list", "--failed", cases, env=env)) == ["b"]
    lab("run", cases / "a.yaml", env=env)  # another run of other cases changes nothing
    run = lab("run", "--failed", env=env)
    assert run.returncode == 1
    assert run.stdout.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"
    write_case(cases / "b.yaml")
    assert lab("run", "--failed", env=env).returncode == 0
    run = lab("run", "--failed", env=env)
    assert run.returncode == 0 and run.stdout.splitlines()[-1] == "0 passed, 0 failed, 0 skipped"


def test_failed_by_a_file_of_ones_own(tmp_path):
    cases, last = write_three(tmp_path / "cases"), tmp_path / "ci" / "last"
    lab("run", "--last", last, cases, env=state(tmp_path))
    assert not (tmp_path / "state").exists()
    assert ids(lab("run", "--last", last, "--failed", "--list")) == ["b"]
    last.write_text("something else\n")
    run = lab("run", "--last", last, cases)
    assert run.returncode == 2 and "not a list of relaylab's last run" in run.stderr
    assert last.read_text() == "something else\n"


def test_no_place_for_a_state(tmp_path):
    run = lab("run", write_case(tmp_path / "a.yaml"), env={"XDG_STATE_HOME": "/proc/none"})
    assert run.returncode == 0 and run.stderr == ""
    run = lab("run", "--last", "/proc/none/last", tmp_path / "a.yaml")
    assert run.returncode == 4 and "/proc/none" in run.stderr


def test_what_a_detector_fails_is_not_what_the_probe_fails(tmp_path):
    cases, env = write_three(tmp_path / "cases"), state(tmp_path)
    write_case(cases / "c.yaml", time="any", truth="open", servers="{mx: {persona: open}}",
               expect="{verdict: open}")
    adapters = {"RELAYLAB_ADAPTERS": str(ROOT / "scenarios" / "adapters"), **env}
    lab("run", cases / "c.yaml", "--detector", "always-closed", env=adapters)
    lab("run", cases, env=env)
    assert ids(lab("run", "--failed", "--list", env=env)) == ["b"]
    closed = ("--failed", cases, "--detector", "always-closed")
    assert ids(lab("list", *closed, env=adapters)) == ["c"]
    assert lab("score", "--json", *closed, env=adapters).returncode in (0, 1, 2)


def test_shards_are_parts(tmp_path):
    for number in range(40):
        write_case(tmp_path / f"case-{number}.yaml")
    every = ids(lab("list", tmp_path))
    parts = [ids(lab("run", "--list", "--shard", f"{i}/3", tmp_path)) for i in (1, 2, 3)]
    assert sorted(sum(parts, [])) == sorted(every) and len(every) == 40 and all(parts)
    (tmp_path / "case-0.yaml").unlink()
    again = [ids(lab("list", "--shard", f"{i}/3", tmp_path)) for i in (1, 2, 3)]
    assert again == [[name for name in part if name != "case-0"] for part in parts]


def test_an_empty_shard_is_no_failure(tmp_path):
    write_case(tmp_path / "a.yaml")
    runs = [lab("run", "--shard", f"{i}/3", tmp_path) for i in (1, 2, 3)]
    assert [run.returncode for run in runs] == [0, 0, 0]
    sums = sorted(run.stdout.splitlines()[-1] for run in runs)
    assert sums == ["0 passed, 0 failed, 0 skipped"] * 2 + ["1 passed, 0 failed, 0 skipped"]


@pytest.mark.parametrize("option, value", [
    ("--shard", "0/3"), ("--shard", "4/3"), ("--shard", "3"), ("--shard", "1/2/3"),
    ("--shard", "1/99999"), ("--shard", "/"), ("--repeat", "0"), ("--repeat", "x"),
    ("--last", ""), ("--junit", ""),
])
def test_wrong_values(option, value):
    run = lab("run", option, value, "scenarios/cases")
    assert run.returncode == 2 and run.stderr.startswith(f"relaylab: {option}: '{value}': write ")


def test_markdown_of_run_wants_a_file(tmp_path):
    run = lab("--markdown", "run", write_case(tmp_path / "a.yaml"))
    assert run.returncode == 2
    assert run.stderr == "relaylab: --markdown: takes a file, and stands behind `run`\n"


def test_repeat(tmp_path):
    report = tmp_path / "report.jsonl"
    run = lab("run", "--repeat", "3", "--seed", "7", "--jsonl", report, write_three(tmp_path / "c"))
    assert run.returncode == 1
    assert run.stdout.splitlines()[-2:] == ["3 rounds, 0 flaky", "3 passed, 3 failed, 3 skipped"]
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert [(r["id"], r["round"], r["seed"]) for r in lines[:4]] == [
        ("a", 1, 7), ("b", 1, 7), ("c", 1, 7), ("a", 2, 8)]
    assert lines[-1]["rounds"] == 3 and lines[-1]["flaky"] == 0 and lines[-1]["skipped"] == 3


def test_flaky(tmp_path):
    """A detector that says something else every other time."""
    write_case(tmp_path / "coin.yaml", time="real")
    script = tmp_path / "coin.sh"
    script.write_text("#!/bin/sh\ncase $RELAY_TOKEN in *[a-m]) exit 11;; *) exit 10;; esac\n")
    script.chmod(0o755)
    (tmp_path / "coin.adapter").write_text(
        "adapter: coin\ntitle: by the token's last letter\nargv: [./coin.sh]\nmailbox: none\n"
        "exit: {10: open, 11: closed}\n")
    report, page = tmp_path / "report.jsonl", tmp_path / "page.md"
    run = lab("run", "--detector", tmp_path / "coin.adapter", "--repeat", "12", "--jsonl", report,
              "--markdown", page, tmp_path / "coin.yaml")
    assert run.returncode == 1
    flaky = re.search(r"^flaky coin  passed (\d+), failed (\d+), 2 verdicts$", run.stdout, re.M)
    assert flaky and int(flaky[1]) + int(flaky[2]) == 12, run.stdout
    assert run.stdout.splitlines()[-2] == "12 rounds, 1 flaky"
    assert "## Flaky\n\n- coin passed" in page.read_text()
    old = write_lines(tmp_path / "old.jsonl", {**line("coin"), "path": f"{tmp_path}/coin.yaml"},
                      SUMMARY)
    run = lab("diff", old, report)
    assert run.returncode == 1
    assert re.search(r"^flaky        coin +closed -> open and closed  passed", run.stdout, re.M)


def test_until_fail(tmp_path):
    run = lab("run", "--until-fail", "--repeat", "4", write_case(tmp_path / "a.yaml"))
    assert run.returncode == 0
    assert run.stdout.splitlines()[-2:] == ["4 rounds, 0 flaky", "4 passed, 0 failed, 0 skipped"]
    write_case(tmp_path / "b.yaml", expect="{verdict: open}")
    write_case(tmp_path / "c.yaml")
    run = lab("run", "--until-fail", "--tap", tmp_path / "t", tmp_path)
    assert run.returncode == 1
    assert run.stdout.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"
    assert (tmp_path / "t").read_text().splitlines()[-1] == "1..2"
    assert "Parse errors" not in prove(tmp_path / "t").stdout


def test_until_fail_goes_on_until_it_is_ended(tmp_path):
    with subprocess.Popen([BUILD / "relaylab", "run", "--until-fail", "-j", "2", "--jsonl", "-",
                           write_case(tmp_path / "a.yaml")], env=ENV, stdout=subprocess.PIPE,
                          text=True) as run:
        for number in range(1, 50):
            line = json.loads(run.stdout.readline())
            assert line["number"] == line["round"] == number and line["status"] == "pass"
        run.send_signal(signal.SIGINT)
        rest = run.stdout.read().splitlines()
    assert run.returncode == 130 and json.loads(rest[-1])["rounds"] >= 49


def on_a_terminal(*args):
    """What a run writes to a terminal that is standard error."""
    master, slave = pty.openpty()
    with subprocess.Popen([BUILD / "relaylab", *map(str, args)], env=ENV, stderr=slave,
                          stdout=subprocess.DEVNULL) as run:
        os.close(slave)
        said = b""
        try:
            while piece := os.read(master, 4096):
                said += piece
        except OSError:
            pass  # the other end is closed
        assert run.wait(timeout=60) == 0
    os.close(master)
    return said.decode()


def test_progress_on_a_terminal(tmp_path):
    write_case(tmp_path / "a.yaml", time="real", probe="{wait: 2s}",
               servers="{mx: {persona: discard}}", expect="{verdict: discards}")
    for name in "bcd":
        write_case(tmp_path / f"{name}.yaml", time="real", probe="{wait: 1200ms}",
                   servers="{mx: {persona: discard}}", expect="{verdict: discards}")
    said = on_a_terminal("run", "--time", "real", "-j", "4", tmp_path)
    assert re.search(r"\r\x1b\[K[123] of 4, \d\.\d+ s, waiting for a", said), said
    assert said.endswith("\r\x1b[K")


def test_no_progress_of_a_short_run(tmp_path):
    assert on_a_terminal("run", write_case(tmp_path / "a.yaml")) == ""
