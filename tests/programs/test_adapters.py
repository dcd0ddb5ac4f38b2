"""Other people's detectors under relaylab: the contract, its limits, the scorecard."""

import json
import os
import re
import signal
import subprocess
import textwrap
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELAYLAB_BUILD", ROOT / "build")).resolve()
ENV = {**os.environ, "RELAYLAB_PERSONAS": str(ROOT / "mockmta" / "personas"),
       "RELAYLAB_ADAPTERS": str(ROOT / "scenarios" / "adapters")}
CASES = "scenarios/cases"
CALIBRATION = "scenarios/adapters/calibration"
EXAMPLES = "doc/examples"
SHIPPED = sorted(path.stem for path in (ROOT / "scenarios" / "adapters").glob("*.yaml"))
PROBED = f"{CASES}/relay/open-relay-proven.yaml", f"{CASES}/fate/discarded.yaml"


def lab(*args, timeout=300):
    return subprocess.run([BUILD / "relaylab", *map(str, args)], capture_output=True, text=True,
                          env=ENV, cwd=ROOT, timeout=timeout)


def results(*args):
    run = lab("run", "--jsonl", "-", *args)
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    return {line["id"]: line for line in lines if line["event"] == "result"}


def score(*args):
    run = lab("score", "--json", *args)
    assert run.stdout, run.stderr
    card = json.loads(run.stdout)
    return {d["name"]: d for d in card["detectors"]}, {c["id"]: c["results"] for c in card["cases"]}


def manifest(path, script, **keys):
    """A detector of one line of shell."""
    keys = {"adapter": path.stem, "verdict": "[{match: ^open$, verdict: open}, "
            "{match: ^closed$, verdict: closed}]", **keys}
    path.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()) +
                    f"argv: [sh, -c, {json.dumps(script.replace('{', '{{'))}]\n")
    return path


def test_the_shipped_manifests_are_what_the_issue_names():
    assert {"nmap-smtp-open-relay", "swaks", "smtplib-pair", "rlytest-like", "relayprobe",
            "always-open", "always-closed"} <= set(SHIPPED)


@pytest.mark.parametrize("name", [n for n in SHIPPED if n != "nmap-smtp-open-relay"] +
                         [f"{EXAMPLES}/confirming.yaml", f"{EXAMPLES}/rcpt-only.yaml"])
def test_adapter_check(name):
    run = lab("adapter", "check", name)
    assert run.returncode == 0, run.stdout
    assert "FAIL" not in run.stdout
    assert run.stdout.count("\n") == 7


@pytest.mark.parametrize("name, script, keys, failing", [
    ("constant", "echo open", {}, {"calibration: closed"}),
    ("mute", "true", {}, {"calibration: open", "calibration: closed", "connection refused"}),
    ("missing", "exec /no/such/program", {}, {"calibration: open", "calibration: closed",
                                              "connection refused", "time limit"}),
    ("loud", "head -c 3000 /dev/zero | tr '\\\\0' x; echo; echo closed; echo closed >&2",
     {"limits": "{output: 1000}"}, {"calibration: open", "calibration: closed",
                                    "connection refused", "output"}),
    ("leaver", "setsid sleep 60 & echo open", {}, {"calibration: open", "calibration: closed",
                                                   "time limit"}),
    ("versioned", "echo open", {"version": "{argv: [sh, -c, echo x], match: v(.)}"},
     {"version", "calibration: closed"}),
])
def test_adapter_check_finds_what_is_wrong(tmp_path, name, script, keys, failing):
    run = lab("adapter", "check", manifest(tmp_path / f"{name}.yaml", script, **keys))
    assert run.returncode == 1
    lines = [line for line in run.stdout.splitlines() if line[:4] in ("ok  ", "FAIL")]
    assert len(lines) == 7
    assert {line[6:30].strip() for line in lines if line.startswith("FAIL")} == failing


@pytest.mark.takes(12)
def test_relayprobe_as_a_command_says_what_it_says_inside():
    """Some of each kind: all of them are in `make scorecard`."""
    files = [f"{CASES}/refusal", f"{CASES}/targets", f"{CASES}/fate/control-fails-once.yaml",
             f"{CASES}/delivery/altered-bare.yaml", *PROBED]
    options = ("-j", "4", "--time", "real", *files)
    inside, outside = results(*options), results("--detector", "relayprobe", *options)
    # A window of one second is short on a busy machine: what failed is asked again, alone.
    again = {r["path"] for r in (*inside.values(), *outside.values()) if r["status"] == "fail"}
    for path in again:
        inside.update(results("--time", "real", path))
        outside.update(results("--detector", "relayprobe", path))
    asked = {name: r for name, r in outside.items() if r["status"] != "skip"}
    assert len(asked) > 50 and "mx-hundreds[more=700]" in asked
    assert {n: r["story"] for n, r in asked.items() if r["status"] != "pass"} == {}
    assert {n: r["verdict"] for n, r in asked.items()} == {n: inside[n]["verdict"] for n in asked}


def test_scorecard_of_the_baselines_and_two_examples():
    detectors, cases = score("--detector", "always-open", "--detector", "always-closed",
                             "--detector", f"{EXAMPLES}/confirming.yaml",
                             "--detector", f"{EXAMPLES}/rcpt-only.yaml", *PROBED)
    numbers = {n: (d["missed_relays"], d["false_alarms"], d["passed"], d["applicable"], d["total"])
               for n, d in detectors.items()}
    assert numbers == {"always-open": (0, 1, 1, 2, 2), "always-closed": (1, 0, 1, 2, 2),
                       "confirming": (0, 0, 2, 2, 2), "rcpt-only": (0, 1, 1, 2, 2)}
    assert cases["discarded"]["rcpt-only"]["result"] == "ALARM"
    assert cases["open-relay-proven"]["always-closed"]["result"] == "MISSED"
    assert (detectors["confirming"]["mails"], detectors["rcpt-only"]["mails"]) == (2, 0)
    assert detectors["rcpt-only"]["connections"] == 2
    assert detectors["always-open"]["connections"] == 0
    assert detectors["always-open"]["baseline"] and not detectors["confirming"]["baseline"]


def test_scorecard_as_text_and_as_markdown():
    detectors = "--detector", "always-open", "--detector", "always-closed"
    text, page = lab("score", *detectors, *PROBED), lab("score", "--markdown", *detectors, *PROBED)
    assert text.returncode == page.returncode == 0
    assert "missed relays" in text.stdout and "ALARM" in text.stdout
    rows = [line for line in page.stdout.splitlines() if line.startswith("|")]
    assert "| discarded | closed | ALARM | right |" in rows
    assert "rank" not in (text.stdout + page.stdout).lower()


def test_mistakes_come_with_the_transcript_that_shows_why():
    run = lab("run", "--detector", f"{EXAMPLES}/rcpt-only.yaml", f"{CASES}/fate/discarded.yaml")
    assert run.returncode == 1
    assert "false alarm" in run.stdout
    assert "RCPT TO:<" in run.stdout and "S: 250 2.1.5 Ok" in run.stdout
    assert "--detector doc/examples/rcpt-only.yaml" in run.stdout


def test_score_explains_each_mistake():
    """Known or not: what was said, what is true, and the dialogue; of what is right, nothing."""
    words = "score", "--explain", "--detector", "swaks", *PROBED
    text, page, card = (lab(*words, *more).stdout for more in ((), ("--markdown",), ("--json",)))
    told = text[text.index("\nswaks, ALARM: discarded\n"):]
    assert "    truth:    closed\n" in told and "    said:     open\n" in told
    assert "  known: " in told and "S: 250 2.0.0 Ok: queued as" in told and "C: DATA" in told
    assert "open-relay-proven" not in told
    told = page[page.index("\n### swaks, ALARM: discarded\n"):].splitlines()[2:]
    assert told and all(line.startswith("    ") for line in told[1:])
    results = {c["id"]: c["results"]["swaks"] for c in json.loads(card)["cases"]}
    assert "C: RCPT TO:<" in results["discarded"]["story"]
    assert results["open-relay-proven"]["story"] is None
    assert "story" not in score("--detector", "always-open", PROBED[0])[1]["open-relay-proven"][
        "always-open"]


def test_bad_manners_are_counted(tmp_path):
    """A bare LF, two commands behind QUIT, one message."""
    program = tmp_path / "rude.py"
    program.write_text(textwrap.dedent("""\
        import os, socket
        link = socket.create_connection((os.environ["RELAY_HOST"], int(os.environ["RELAY_PORT"])))
        stream = link.makefile("rb")
        for line in ("", "HELO x.example.test\\n", f"MAIL FROM:<{os.environ['RELAY_FROM']}>\\r\\n",
                     f"RCPT TO:<{os.environ['RELAY_RCPT']}>\\r\\n", "DATA\\r\\n",
                     "Subject: x\\n\\nx\\r\\n.\\r\\n", "QUIT\\r\\nNOOP\\r\\nRSET\\r\\n"):
            link.sendall(line.encode())
            stream.readline()
        print("open")
        """))
    path = manifest(tmp_path / "rude.yaml", f"exec /usr/bin/python3 {program}", baseline="true")
    rude = score("--detector", path, PROBED[0])[0]["rude"]
    assert (rude["mails"], rude["connections"], rude["commands"]) == (1, 1, 5)
    assert (rude["bare_lfs"], rude["commands_after_quit"]) == (3, 2)


def test_nmap_counts_an_accepted_rcpt():
    run = lab("run", "--verbose", "--detector", "nmap-smtp-open-relay",
              f"{CASES}/fate/discarded.yaml")
    assert "Server is an open relay (" in run.stdout
    assert "false alarm" in run.stdout and "C: RCPT TO:<" in run.stdout


def test_constant_detectors_are_not_scored(tmp_path):
    path = manifest(tmp_path / "stubborn.yaml", "echo open")
    detectors, cases = score("--detector", path, *PROBED)
    assert "constant: says open" in detectors["stubborn"]["unscored"]
    assert detectors["stubborn"]["total"] == 0 and cases == {}


def test_virtual_cases_are_not_applicable(tmp_path):
    case = tmp_path / "slow.yaml"
    case.write_text(textwrap.dedent("""\
        case: slow
        title: t
        why: w
        caveat: [C10b, C2, C10, A14, A7]
        time: virtual
        truth: closed
        servers: {mx: {persona: postfix-554}}
        expect: {verdict: closed}
        """))
    detectors, cases = score("--detector", "always-open", case)
    assert (detectors["always-open"]["applicable"], detectors["always-open"]["total"]) == (0, 1)
    assert cases["slow"]["always-open"]["result"] == "-"
    assert list(detectors["always-open"]["caveats"]) == ["A7", "A14", "C2", "C10", "C10b"]


def test_declared_and_undeclared_unsupported(tmp_path):
    path = manifest(tmp_path / "choosy.yaml", "exit 9", exit="{9: unsupported}")
    found = results("--detector", path, PROBED[0])["open-relay-proven"]
    assert (found["status"], found["reason_code"]) == ("fail", "unsupported")
    path = manifest(tmp_path / "declared.yaml", "exit 9", exit="{9: unsupported}",
                    unsupported="{tags: smoke, why: It does not like smoke.}")
    found = results("--detector", path, PROBED[0])["open-relay-proven"]
    assert (found["status"], found["reason"]) == ("skip", "It does not like smoke.")


def test_time_limit_and_nothing_left(tmp_path):
    mark = f"77{os.getpid()}"
    path = manifest(tmp_path / "sleeper.yaml", f"trap '' TERM; sleep {mark} & sleep {mark}",
                    limits="{time: 300ms, grace: 300ms}")
    found = results("--detector", path, PROBED[0])["open-relay-proven"]
    assert found["reason_code"] == "timed out" and "SIGKILL" in found["reason"]
    assert not running(f"sleep {mark}")


def test_what_outlives_the_detector_is_ended_and_told(tmp_path):
    mark = f"78{os.getpid()}"
    path = manifest(tmp_path / "leaver.yaml", f"setsid sleep {mark} & echo open")
    found = results("--detector", path, PROBED[0])["open-relay-proven"]
    assert found["status"] == "fail" and "outlived the detector" in found["story"]
    assert not running(f"sleep {mark}")


def running(words):
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if words in place.read_bytes().replace(b"\0", b" ").decode():
                return True
        except OSError:
            continue
    return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_killed_in_the_middle(tmp_path, number):
    mark = f"79{os.getpid()}{int(number)}"
    path = manifest(tmp_path / "sleeper.yaml", f"sleep {mark}")
    run = subprocess.Popen([BUILD / "relaylab", "run", "--detector", path, PROBED[0]], env=ENV,
                           cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: running(f"sleep {mark}"))
    run.send_signal(number)
    run.wait(timeout=20)
    wait_until(lambda: not running(f"sleep {mark}"))


def wait_until(holds, limit_s=20):
    end = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_output_is_capped(tmp_path):
    path = manifest(tmp_path / "talker.yaml", limits="{output: 1000}",
                    script="head -c 5000000 /dev/zero | tr '\\\\0' x; echo; echo open")
    found = results("--detector", path, PROBED[0])["open-relay-proven"]
    assert found["reason_code"] == "no answer"
    assert "the detector printed 5000006 octets" in found["story"]
    assert len(found["story"]) < 20000


def test_the_environment_is_the_contract(tmp_path):
    path = manifest(tmp_path / "shower.yaml", "env | sort; echo open",
                    version="{argv: [sh, -c, echo v1], match: v(.)}")
    story = results("--verbose", "--detector", path, PROBED[0])["open-relay-proven"]["story"]
    names = {line.strip().split("=")[0] for line in story.splitlines() if "=" in line and
             line.startswith("    ")}
    assert {"RELAY_V", "RELAY_HOST", "RELAY_PORT", "RELAY_NAME", "RELAY_HELO", "RELAY_FROM",
            "RELAY_RCPT", "RELAY_TOKEN", "RELAY_MAILBOX", "RELAY_MX", "RELAY_DEADLINE_MS",
            "RELAY_TLS", "RELAY_OUT"} <= names
    assert names <= {n for n in names if n.startswith("RELAY_")} | {
        "PATH", "HOME", "TMPDIR", "LC_ALL", "PYTHONDONTWRITEBYTECODE", "PWD", "OLDPWD", "SHLVL",
        "_"}


PROBE_OPTIONS = {  # key of a case's `probe`: its value, what {options} makes of it
    "canary": ("probe@canary.test", None),  # {canary}
    "canaries": ("[c@other.test]", "--canary c@other.test"),
    "sender": ("s@sender.test", "--sender s@sender.test"),
    "helo": ("me.test", "--helo me.test"),
    "source": ("127.0.0.9", "--source 127.0.0.9"),
    "domain": ("victim.test", "--domain victim.test"),
    "forms": ("quick", "--forms quick"),
    "zone": ("zone.test", "--zone zone.test"),
    "backup_domain": ("backup.test", "--backup-domain backup.test"),
    "mx_domain": ("mx.test", "--mx-domain mx.test"),
    "local_recipient": ("info@victim.test", "--local-recipient info@victim.test"),
    "canary_ip": ("[192.0.2.5]", "--canary-ip 192.0.2.5"),
    "target": ("mx", None),  # {target}
    "resolver_timeout": ("3s", "--resolver-timeout 3s"),
    "listener": ("smtp", None),  # {port}
    "wait": ("4s", "--wait 4s"),
    "max_time": ("5min", "--max-time 5min"),
    "max_messages": ("6", "--max-messages 6"),
    "sessions": ("3", "--sessions 3"),
    "retry": ("7s", "--retry 7s"),
    "timeout": ("{rcpt: 8s}", "--timeout rcpt=8s"),
    "tls": ("none", "--tls none"),
    "pipelining": ("false", "--one-by-one"),
    "exhaustive": ("true", "--exhaustive"),
}
# Elsewhere said, or of cases that no command can be asked in.
PROBE_OTHERWISE = {"server", "control", "mailbox", "named", "interrupt", "collect_after"}


def test_options_are_the_whole_probe_section(tmp_path):
    """A new key in `probe` has to reach relayprobe as a command too."""
    keys = json.loads(lab("schema").stdout)["definitions"]["probe"]["properties"]
    assert set(keys) == set(PROBE_OPTIONS) | PROBE_OTHERWISE
    section = ", ".join(f"{key}: {value}" for key, (value, _) in PROBE_OPTIONS.items())
    case = tmp_path / "all.yaml"
    case.write_text("case: all\ntitle: t\nwhy: w\ntruth: closed\nexpect: {verdict: closed}\n"
                    "servers: {mx: {persona: postfix-554, listen: [smtp]}}\n"
                    "mailboxes: {canary: {domains: [canary.test, other.test]}}\n"
                    f"probe: {{{section}}}\n")
    path = tmp_path / "shower.yaml"
    path.write_text('adapter: shower\nargv: [echo, "{options}", closed]\n'
                    "verdict: {match: closed, verdict: closed}\n")
    run = lab("run", "--verbose", "--jsonl", "-", "--detector", path, case)
    assert run.stdout, run.stderr
    story = json.loads(run.stdout.splitlines()[0])["story"]
    assert [option for _, option in PROBE_OPTIONS.values() if option and option not in story] == []


@pytest.mark.parametrize("case, word", [
    (PROBED[0], "none"),
    (f"{CASES}/tls/open-behind-starttls.yaml", "starttls"),  # tls: auto, and it is offered
    (f"{CASES}/tls/required-open.yaml", "starttls"),
    (f"{CASES}/tls/implicit-open.yaml", "implicit"),
    (f"{CASES}/tls/forced-not-offered.yaml", "starttls"),  # by the case's own word
])
def test_how_the_target_is_to_be_asked(tmp_path, case, word):
    path = manifest(tmp_path / "shower.yaml", "env | grep RELAY_TLS; echo open")
    stories = [r["story"] for r in results("--verbose", "--detector", path, case).values()]
    assert stories and all(f"RELAY_TLS={word}\n" in story for story in stories)


def test_a_target_to_be_looked_up(tmp_path):
    """The address stays untold; a detector that wants one is not asked."""
    case = f"{CASES}/targets/mx-open.yaml"
    path = manifest(tmp_path / "shower.yaml", "env | grep RELAY_; echo open", names="true")
    story = results("--verbose", "--detector", path, case)["mx-open"]["story"]
    told = dict(line.strip().split("=", 1) for line in story.splitlines() if " RELAY_" in line)
    assert told["RELAY_TARGET"] == f"mx:victim.test:{told['RELAY_PORT']}"
    assert told["RELAY_NAME"] == "victim.test" and told["RELAY_DNS"].startswith("127.0.0.1:")
    assert "RELAY_HOST" not in told
    path = manifest(tmp_path / "other.yaml", "echo open")
    found = results("--detector", path, case)["mx-open"]
    assert found["status"] == "skip" and "the command wants an address" in found["reason"]


def test_nothing_leaves_the_laboratory(tmp_path):
    """Where namespaces are to be had: loopback is the only interface, the host is read-only."""
    left = ROOT / f"left-by-a-detector-{os.getpid()}"
    path = manifest(tmp_path / "leaver.yaml", f"ip -o link; touch {left} 2>&1; echo open")
    story = results("--verbose", "--detector", path, PROBED[0])["open-relay-proven"]["story"]
    links = [line.split()[1] for line in story.splitlines() if "<" in line and "mtu" in line]
    written = left.exists()
    left.unlink(missing_ok=True)
    if links != ["lo:"]:
        pytest.skip("this host has no namespaces to give")
    assert "Read-only file system" in story and not written


@pytest.mark.takes(10)
@pytest.mark.parametrize("name", [n for n in SHIPPED if n not in (
    "nmap-smtp-open-relay", "always-open", "always-closed")])
def test_expectation_files_hold(name):
    """The quick detectors, on a few cases; all of it is in `make scorecard`."""
    files = [f"{CASES}/relay", f"{CASES}/refusal/postfix-554-closed.yaml", PROBED[1]]
    run = lab("score", "-j", "4", "--detector", name, *files)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("name", SHIPPED)
def test_expectation_files_know_no_case_that_is_gone(name):
    cases = {re.split(r"  +(?:any|virtual|real)  ", line)[0].rstrip()
             for line in lab("run", "--list", CASES).stdout.splitlines()}
    file = ROOT / "scenarios" / "adapters" / "expect" / f"{name}.yaml"
    known = yaml.safe_load(file.read_text())["fails"] if file.exists() else {}
    assert not set(known) - cases


@pytest.mark.parametrize("text, part", [
    ("verdict: {match: \"(\", verdict: open}\n", "not a regular expression"),
    ("argv: [x, \"{prot}\"]\n", "no such placeholder: {prot}"),
    ("limits: {time: 5 minutes}\n", "not a duration"),
])
def test_mistakes_in_a_manifest_are_shown_where_they_stand(tmp_path, text, part):
    path = tmp_path / "wrong.yaml"
    path.write_text("adapter: wrong\n" + ("" if "argv" in text else "argv: [x]\n") + text)
    run = lab("run", "--detector", path, PROBED[0])
    assert run.returncode == 3
    assert f"{path}:" in run.stderr and part in run.stderr and "^" in run.stderr


def test_known_failures(tmp_path):
    path = manifest(tmp_path / "optimist.yaml", "echo open", baseline="true")
    expect = tmp_path / "expect" / "optimist.yaml"
    assert lab("score", "--update", "--detector", path, *PROBED).returncode == 0
    text = expect.read_text()
    assert '"discarded":\n    as: false alarm\n' in text and "open-relay" not in text
    expect.write_text(text.replace("why: \"", "why: \"Our reason. "))
    assert lab("run", "--detector", path, *PROBED).returncode == 0
    assert lab("score", "--detector", path, *PROBED).returncode == 0
    assert lab("score", "--update", "--detector", path, *PROBED).returncode == 0
    assert "Our reason. " in expect.read_text()
    assert lab("score", "--update", "--detector", path, PROBED[0]).returncode == 0
    assert "Our reason. " in expect.read_text(), "a case that did not run keeps its entry"
    timing = '    sometimes: true\n'
    without = expect.read_text()
    expect.write_text(f'{without}  "open-relay-proven":\n    as: undecided\n    why: "w"\n{timing}')
    assert lab("score", "--update", "--detector", path, *PROBED).returncode == 0
    assert timing in expect.read_text(), "what passes this time is not forgotten"
    assert lab("score", "--detector", path, *PROBED).returncode == 0
    expect.write_text(without)
    honest = manifest(tmp_path / "optimist.yaml", "echo closed", baseline="true")
    run = lab("run", "--detector", honest, *PROBED)
    assert run.returncode == 1 and "it passes, and " in run.stdout
    assert "that " in run.stdout and "does not know" in run.stdout
    assert lab("score", "--detector", honest, *PROBED).returncode == 1


def test_schema_of_manifests():
    schema = json.loads(lab("schema", "adapter").stdout)
    assert {"adapter", "argv", "verdict", "exit", "unsupported", "limits"} <= \
        set(schema["definitions"]["adapter"]["properties"])
    assert "## " in lab("schema", "adapter", "--markdown").stdout


@pytest.mark.parametrize("args, part", [
    (["score", PROBED[0]], "no detector"),
    (["run", "--detector", "nobody", PROBED[0]], "no such adapter"),
    (["run", "--detector", "always-open", "--detector", "always-closed", PROBED[0]],
     "run takes one --detector"),
    (["adapter", "always-open"], "adapter check NAME"),
])
def test_usage(args, part):
    run = lab(*args)
    assert run.returncode == 2 and part in run.stderr
