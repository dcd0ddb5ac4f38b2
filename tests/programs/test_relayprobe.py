"""relayprobe as a user runs it: on sockets, against mockmta, by command line and exit status."""

import json
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

import pytest

import schema
from lab import free_address

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELAYLAB_BUILD", ROOT / "build")).resolve()
ENV = {**os.environ, "RELAYLAB_PERSONAS": str(ROOT / "mockmta" / "personas")}
SCHEMA = json.loads((ROOT / "doc" / "relayprobe.schema.json").read_text())
CANARY = ["--canary", "probe@canary.test"]


def run(*args, **more):
    return subprocess.run(
        [BUILD / "relayprobe", *args], capture_output=True, text=True, env=ENV, timeout=60, **more
    )


class Lab:
    """Mock servers that are routed to one sink."""

    def __init__(self):
        self.sink = free_address()
        self.servers = []

    def start(self, persona):
        command = [BUILD / "mockmta", "--persona", persona, "--listen", "127.0.0.1:0"]
        command += ["--route", f"canary.test={self.sink}"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENV)
        self.servers.append(server)
        ready = json.loads(server.stdout.readline())
        assert ready["event"] == "ready"
        return ready["listen"]

    def ask(self, *args):
        return run(*CANARY, "--sink", self.sink, *args)

    def stop(self):
        for server in self.servers:
            server.terminate()
            server.communicate()


@pytest.fixture
def lab():
    made = Lab()
    yield made
    made.stop()


class Listener:
    """Stands where a target would be, and sees whether anybody came."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"

    def nobody_came(self):
        self.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            self.socket.accept()


@pytest.fixture
def listener():
    made = Listener()
    yield made
    made.socket.close()


def one_line(done):
    assert done.stdout == ""
    assert done.stderr.startswith("relayprobe: ")
    assert done.stderr.count("\n") == 1 and done.stderr.endswith("\n")
    return done.stderr


def test_without_a_canary_it_is_told_how_to_set_one_up(listener):
    done = run(listener.address)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[0].startswith("relayprobe: --canary ADDRESS is required")
    assert 3 <= len(lines) <= 12 and "--sink" in done.stderr and "--mailbox" in done.stderr
    listener.nobody_came()


VERDICTS = [
    # persona, further options, verdict, reason, exit status
    ("open", [], "open", "delivered", 1),
    ("discard", ["--wait", "1s"], "discards", "discarded", 3),
    ("postfix-454", [], "closed", "relay-denied", 0),
    ("postfix-554", [], "closed", "relay-denied", 0),
    ("qmail", ["--wait", "1s"], "bounces", "bounced", 3),
    ("refuses-then-delivers", [], "open", "delivered", 1),
    ("blocklisted-client", [], "inconclusive", "refused-client", 4),
    ("silent", ["--max-time", "1s"], "unreachable", "timeout-greeting", 5),
    ("not-smtp", [], "unreachable", "not-smtp", 5),
    ("auth-required", [], "closed", "auth-required", 0),
]


@pytest.mark.parametrize("persona,options,verdict,reason,status", VERDICTS,
                         ids=[v[0] for v in VERDICTS])
def test_verdict(lab, persona, options, verdict, reason, status):
    target = lab.start(persona)
    began = time.monotonic()
    done = lab.ask("--json", *options, target)
    assert time.monotonic() - began < 10
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    report = json.loads(done.stdout)
    schema.check(report, SCHEMA)
    assert (report["verdict"], report["reason_code"], done.returncode) == (verdict, reason, status)
    forms = report["forms"]
    parts = ["refused", "accepted", "undecided", "not_asked", "not_applicable"]
    assert forms["total"] == sum(forms[part] for part in parts) == len(forms["list"]) >= 20


def test_text_report(lab):
    target = lab.start("open")
    done = lab.ask(target)
    first, *rest = done.stdout.splitlines()
    assert first == f"{target}: open (asked from inside: the same host)"
    assert re.search(r"of \d+ forms, 0 refused, \d+ accepted, 0 undecided", done.stdout)
    assert "WARNING:  the plain form" in done.stdout
    assert any(line.strip().startswith("by hand: swaks") for line in rest)
    assert "\033" not in done.stdout


def test_quiet_says_the_verdict_line(lab):
    done = lab.ask("--quiet", lab.start("postfix-554"))
    assert done.stdout.count("\n") == 1
    assert ": closed (" in done.stdout


def test_closed_port():
    done = run(*CANARY, "--json", free_address())
    report = json.loads(done.stdout)
    schema.check(report, SCHEMA)
    assert (report["verdict"], report["reason_code"]) == ("unreachable", "connection-refused")
    assert done.returncode == 5


def test_without_mailbox_nothing_better_than_accepts(lab):
    done = run(*CANARY, "--json", lab.start("open"))
    assert json.loads(done.stdout)["verdict"] == "accepts"
    assert done.returncode == 3


def test_host_name(lab):
    port = lab.start("postfix-554").rpartition(":")[2]
    done = lab.ask("--json", f"localhost:{port}")
    report = json.loads(done.stdout)
    assert report["verdict"] == "closed"
    assert report["target"] == f"localhost:{port}"
    assert report["server"]["address"] == f"127.0.0.1:{port}"


def test_several_targets_the_worst_counts(lab):
    targets = [lab.start("postfix-554"), lab.start("open"), free_address()]
    done = lab.ask("--json", *targets)
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["target"] for r in reports] == targets
    assert [r["verdict"] for r in reports] == ["closed", "open", "unreachable"]
    assert done.returncode == 1
    assert lab.ask("--json", targets[0], targets[2]).returncode == 5


def test_expect(lab):
    target = lab.start("postfix-554")
    assert lab.ask("--expect", "closed", target).returncode == 0
    assert lab.ask("--expect", "open", target).returncode == 1
    assert lab.ask("--expect", "unreachable", free_address()).returncode == 0


def test_transcript(lab, tmp_path):
    file = tmp_path / "transcript"
    lab.ask("--transcript", file, "--forms", "S1-R1", lab.start("postfix-554"))
    lines = file.read_text().splitlines()
    assert any(re.fullmatch(r" *\d+\.\d{3} +1 S  220 mx\.victim\.test.*", line) for line in lines)
    assert any(re.fullmatch(r" *\d+\.\d{3} +1 C  RCPT TO:<probe\+[a-z2-7]{16}@canary\.test>",
                            line) for line in lines)
    assert any(" C  QUIT" in line for line in lines)


def test_reproduce_lines(lab):
    if shutil.which("swaks") is None:
        pytest.skip("swaks is missing: apt-get install --no-install-recommends swaks")
    forms = ["--forms", "S1-R1,S1-R3,S3-R1"]
    for persona, status in (("discard", 0), ("postfix-554", 24)):
        report = json.loads(lab.ask("--json", "--wait", "1s", *forms, lab.start(persona)).stdout)
        for form in report["forms"]["list"]:
            assert form["reproduce"].startswith("swaks ")
            done = subprocess.run(form["reproduce"], shell=True, capture_output=True, text=True,
                                  timeout=60)
            assert done.returncode == status, done.stdout + done.stderr
            assert f"RCPT TO:{form['recipient']}" in done.stdout
            assert f"MAIL FROM:{form['sender']}" in done.stdout


WRONG = [
    # what is wrong, the words, what the line must say
    ("no target", [*CANARY], "no TARGET"),
    ("bad canary", ["--canary", "canary.test", "TARGET"], "--canary: 'canary.test'"),
    ("CR LF in the canary", ["--canary", "a\r\nQUIT\r\n@canary.test", "TARGET"],
     "--canary: 'a\\r\\nQUIT"),
    ("LF in the sender", [*CANARY, "--sender", "a\n@b.test", "TARGET"], "--sender: 'a\\n@b.test'"),
    ("CR in the HELO name", [*CANARY, "--helo", "a\rb", "TARGET"], "--helo: 'a\\rb'"),
    ("LF in the contact", [*CANARY, "--contact", "a\nBcc: b", "TARGET"], "--contact: 'a\\nBcc: b'"),
    ("unknown option", [*CANARY, "--relay", "TARGET"], "--relay: no such option"),
    ("bad address", [*CANARY, "10.0.0.256:25"], "target: '10.0.0.256:25'"),
    ("bad port", [*CANARY, "127.0.0.1:70000"], "target: '127.0.0.1:70000'"),
    ("port 0", [*CANARY, "--sink", "127.0.0.1:0", "TARGET"], "--sink: '127.0.0.1:0'"),
    ("a public target", [*CANARY, "192.0.2.1:25", "TARGET"], "--allow-public"),
    ("the sink as target", [*CANARY, "--sink", "TARGET", "TARGET"], "that is the sink itself"),
    ("the canary's domain as target", [*CANARY, "canary.test"], "the canary's own domain"),
    ("a source that is not ours", [*CANARY, "--source", "10.254.253.252", "TARGET"],
     "--source: 10.254.253.252 is no address that this host can ask from"),
    ("unknown form", [*CANARY, "--forms", "S1-R1,XX", "TARGET"], "--forms: 'S1-R1,XX'"),
    ("unknown verdict", [*CANARY, "--expect", "shut", "TARGET"], "--expect: 'shut'"),
    ("bad duration", [*CANARY, "--wait", "5 minutes", "TARGET"], "--wait: '5 minutes'"),
    ("bad step", [*CANARY, "--timeout", "tea=1s", "TARGET"], "--timeout: 'tea=1s'"),
    ("a mailbox that cannot be watched", [*CANARY, "--mailbox", "ftp://x", "TARGET"],
     "--mailbox: "),
    ("canaries of one domain", [*CANARY, "--canary", "a@canary.test", "TARGET"],
     "--canary: 'a@canary.test': of the same domain"),
    ("the canary's domain as the target's own", [*CANARY, "--domain", "Canary.test", "TARGET"],
     "--domain: that is the canary's own domain"),
    ("mx: without a domain", [*CANARY, "mx:"], "target: 'mx:'"),
]


@pytest.mark.parametrize("words,said", [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_wrong_usage(listener, words, said):
    done = run(*[listener.address if word == "TARGET" else word for word in words])
    assert done.returncode == 2
    assert said in one_line(done)
    listener.nobody_came()


def test_sink_port_in_use(listener):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run(*CANARY, "--sink", address, listener.address)
    assert done.returncode == 71
    assert f"--sink {address}: cannot listen" in one_line(done)
    listener.nobody_came()


IMAP = ["--mailbox", "imap://probe@127.0.0.1", "--control-route", "127.0.0.1:9"]  # no look-up


@pytest.mark.parametrize("words", [
    ["--transcript"], ["--ledger"], [*IMAP, "--password-file"], [*IMAP, "--ca-file"],
    [*IMAP, "--save-proof"]], ids=lambda words: words[-1])
def test_file_that_cannot_be_used(listener, tmp_path, words):
    done = run(*CANARY, *words, tmp_path / "missing" / "file", listener.address)
    assert done.returncode == 71
    assert f"{words[-1]}: {tmp_path}/missing/file: No such file or directory" in one_line(done)
    assert list(tmp_path.iterdir()) == []
    listener.nobody_came()


@pytest.mark.parametrize("how", [[], ["--json"], ["--dry-run"]], ids=["text", "json", "dry-run"])
def test_full_disk(how):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [BUILD / "relayprobe", *CANARY, *how, free_address()], stdout=full,
            stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 71
    assert done.stderr == "relayprobe: standard output: No space left on device\n"


def test_full_disk_under_the_transcript(lab):
    done = lab.ask("--transcript", "/dev/full", lab.start("postfix-554"))
    assert done.returncode == 71
    assert "--transcript: /dev/full: No space left on device" in done.stderr


def test_dry_run_sends_nothing(listener):
    done = run(*CANARY, "--dry-run", listener.address)
    assert done.returncode == 0
    assert "\nEHLO probe.canary.test\n" in done.stdout
    assert re.search(r"\nMAIL FROM:<probe\+[a-z2-7]{16}@canary\.test>\n"
                     r"RCPT TO:<probe\+[a-z2-7]{16}@canary\.test>\n", done.stdout)
    assert "\nX-Relaylab-Form: S1-R1\n" in done.stdout
    listener.nobody_came()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(listener, number):
    command = [BUILD / "relayprobe", *CANARY, "--json", listener.address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as probe:
        connection, _ = listener.socket.accept()
        with connection:
            probe.send_signal(number)
            out = probe.communicate(timeout=30)[0]
    report = json.loads(out)
    schema.check(report, SCHEMA)
    assert report["interrupted"]
    assert probe.returncode == 128 + number


def test_colour_and_progress_on_a_terminal_only():
    def on_terminal(env):
        leader, follower = pty.openpty()
        done = subprocess.run([BUILD / "relayprobe", *CANARY, free_address()], stdout=follower,
                              env=env)
        os.close(follower)
        assert done.returncode == 5
        out = os.read(leader, 65536)
        os.close(leader)
        return out

    assert b"\033[1;33munreachable\033[0m" in on_terminal({**ENV, "TERM": "vt100"})
    assert b"\033" not in on_terminal({**ENV, "NO_COLOR": "1"})


def test_lists():
    assert re.fullmatch(r"relayprobe \d+\.\d+\.\d+\n", run("--version").stdout)
    assert "S1" in run("--list-forms").stdout and "R43" in run("--list-forms").stdout
    text = run("--help").stdout
    manual = (ROOT / "doc" / "relayprobe.1").read_text().replace("\\-", "-")
    for option in re.findall(r"--[a-z-]+", text):
        assert option in manual


def test_name_without_address():
    alone = ["unshare", "--user", "--map-root-user", "--net"]
    if subprocess.run([*alone, "true"], capture_output=True).returncode != 0:
        pytest.skip("no network namespace to be had here")
    command = [*alone, BUILD / "relayprobe", *CANARY, "--json", "mx.victim.test"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    report = json.loads(done.stdout)
    schema.check(report, SCHEMA)
    assert (report["verdict"], report["reason_code"]) == ("unreachable", "no-such-name")
    assert done.returncode == 5


class Names(threading.Thread):
    """A DNS server of a few names, by UDP: (name, type) to data; anything else is refused."""

    A, MX = 1, 15

    def __init__(self, records):
        super().__init__(daemon=True)
        self.records = records
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.start()

    @staticmethod
    def wire(name):
        return b"".join(bytes([len(x)]) + x.encode() for x in name.split(".") if x) + b"\0"

    def mx(self, preference, host):
        return struct.pack(">H", preference) + self.wire(host)

    def answer(self, query):
        end = query.index(b"\0", 12) + 5
        asked = query[12:end]
        for (name, kind), data in self.records.items():
            if asked == self.wire(name) + struct.pack(">HH", kind, 1):
                records = [b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(d)) + d
                           for d in data]
                break
        else:
            records = []
        known = any(asked.startswith(self.wire(name)) for name, _ in self.records)
        flags = 0x8180 if known else 0x8183
        head = query[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0)
        return head + asked + b"".join(records)

    def run(self):
        while True:
            query, peer = self.socket.recvfrom(512)
            self.socket.sendto(self.answer(query), peer)


def names_of(port_owner):
    names = Names({})
    loopback = socket.inet_aton("127.0.0.1")
    names.records.update({
        ("victim.test", Names.MX): [names.mx(20, "mx2.victim.test"),
                                    names.mx(10, "mx1.victim.test")],
        ("mx2.victim.test", Names.A): [loopback],
        ("mx1.victim.test", Names.A): [loopback],
        ("null.victim.test", Names.MX): [names.mx(0, "")],
        ("alone.victim.test", Names.A): [loopback],
    })
    return names, port_owner.rpartition(":")[2]


def test_domain_by_mx(lab):
    names, port = names_of(lab.start("open"))
    done = lab.ask("--resolver", names.address, "--forms", "quick", "--json",
                   f"mx:victim.test:{port}")
    report = json.loads(done.stdout)
    schema.check(report, SCHEMA)
    assert done.returncode == 1, done.stderr
    assert report["verdict"] == "open"
    assert report["target"] == f"mx:victim.test:{port}"
    assert report["notes"][0].startswith(
        "Found by the MX records of victim.test: 10 mx1.victim.test (127.0.0.1), "
        "20 mx2.victim.test")


def test_implicit_mx_and_host_name(lab):
    names, port = names_of(lab.start("postfix-554"))
    for target, way in ((f"mx:alone.victim.test:{port}", "as the implicit MX of alone.victim.test"),
                        (f"alone.victim.test:{port}", "by the name alone.victim.test")):
        done = lab.ask("--resolver", names.address, "--forms", "quick", "--wait", "1s", target)
        assert done.returncode == 0, done.stdout
        assert f"Found {way}: alone.victim.test (127.0.0.1)." in " ".join(done.stdout.split())


@pytest.mark.parametrize("target, code", [
    ("mx:null.victim.test", "null-mx"),
    ("mx:gone.victim.test", "no-such-name"),
    ("gone.victim.test:2525", "no-such-name"),
])
def test_not_found(target, code):
    names, _ = names_of("127.0.0.1:0")
    done = run(*CANARY, "--resolver", names.address, "--json", target)
    report = json.loads(done.stdout)
    schema.check(report, SCHEMA)
    assert (done.returncode, report["verdict"], report["reason_code"]) == (5, "unreachable", code)


def test_resolver_that_does_not_answer():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % silent.getsockname()[1]
        done = run(*CANARY, "--resolver", address, "--resolver-timeout", "300ms", "--json",
                   "mx:victim.test")
    assert json.loads(done.stdout)["reason_code"] == "resolver-timeout"
    done = run(*CANARY, "--resolver", address, "--resolver-timeout", "1s", "--json",
               "mx:victim.test")
    assert json.loads(done.stdout)["reason_code"] == "resolver-refused"


def test_all_mx(lab):
    names, port = names_of(lab.start("postfix-554"))
    names.records["mx2.victim.test", Names.A] = [socket.inet_aton("127.0.0.9")]
    done = lab.ask("--resolver", names.address, "--forms", "quick", "--wait", "1s", "--all-mx",
                   "--json", f"mx:victim.test:{port}")
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    for report in reports:
        schema.check(report, SCHEMA)
    assert [(r["target"], r["verdict"]) for r in reports] == [
        (f"mx:victim.test:{port} at mx1.victim.test", "closed"),
        (f"mx:victim.test:{port} at mx2.victim.test", "unreachable"),
    ]
    assert done.returncode == 5


def test_canarys_own_mail_server():
    names, _ = names_of("127.0.0.1:0")
    names.records["canary.test", Names.MX] = [names.mx(10, "mx1.victim.test")]
    for target in ("mx:victim.test", "mx2.victim.test"):
        done = run(*CANARY, "--resolver", names.address, target)
        assert done.returncode == 2
        assert "a mail server of the canary's own domain" in done.stderr
    names.records["mx1.victim.test", Names.A] = [socket.inet_aton("127.0.0.9")]
    done = run(*CANARY, "--resolver", names.address, "mx2.victim.test:1")
    assert done.returncode == 5
