"""mockmta as a user runs it: against Python's smtplib, by its command line and exit status."""

import json
import re
import signal
import smtplib
import socket
import subprocess
import time

import pytest

import lab

CONFIG = """\
hostname: mx.example.test
local_domains: [example.test]
listen: [smtp, submission]
rules:
  - {at: RCPT, when: {listener: submission}, reply: 550 5.7.1 not here}
"""


@pytest.fixture
def start():
    running = []

    def begin(*args):
        running.append(lab.Mockmta(*args))
        return running[-1]

    yield begin
    for server in running:
        server.stop()


def test_relays_to_its_route(start, tmp_path):
    catcher = start("--persona", "mail-catcher", "--save", tmp_path, "--exit-after", "1")
    route = f"canary.test={catcher.address}"
    log = tmp_path / "log"
    server = start("--persona", "open", "--listen", "127.0.0.1:0", "--route", route, "--log", log)
    server.send("someone@example.test", "probe@canary.test")
    assert catcher.wait() == (0, "")
    assert server.stop() == (128 + signal.SIGTERM, "")
    (message,) = tmp_path.glob("*.eml")
    received, _, rest = message.read_bytes().partition(b"Subject")
    first, second = received.split(b"\r\n")[:2]
    assert first == b"Received: from client.example.test ([127.0.0.1])"
    assert second.startswith(b"\tby mx.victim.test (mockmta) with ESMTP id ")
    assert b"Subject" + rest == lab.MESSAGE.encode()
    deeds = [event["event"] for event in lab.read_log(log)]
    assert deeds.count("relayed") == 1 and deeds.count("accepted") == 1


def test_bounces_to_the_sender(start, tmp_path):
    catcher = start("--persona", "mail-catcher", "--save", tmp_path, "--exit-after", "1")
    server = start("--persona", "qmail", "--route", f"canary.test={catcher.address}")
    server.send("sender@canary.test", "nobody@elsewhere.example.test")
    assert catcher.wait() == (0, "")
    (envelope,) = tmp_path.glob("*.json")
    assert '"sender":"","recipients":["sender@canary.test"]' in envelope.read_text()


def test_a_closed_server_by_default(start):
    server = start()
    with server.client() as client, pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        client.sendmail("a@example.test", ["probe@canary.test"], lab.MESSAGE)
    answer = (554, b"5.7.1 <probe@canary.test>: Relay access denied")
    assert refused.value.recipients["probe@canary.test"] == answer


def test_saved_byte_for_byte(start, tmp_path):
    server = start("--persona", "mail-catcher", "--save", tmp_path)
    octets = bytes(range(1, 256)).replace(b"\r", b"").replace(b"\n", b"\r\n.\r\n")
    content = b"Subject: x\r\n\r\n" + octets + b"\nbare\n.\nend\r\n"
    with server.client() as client:
        client.ehlo()
        client.mail("a@example.test")
        client.rcpt("b@canary.test")
        client.docmd("DATA")
        client.send(re.sub(rb"(^|\r\n)\.", rb"\1..", content) + b".\r\n")
        assert client.getreply()[0] == 250
    (message,) = tmp_path.glob("*.eml")
    assert message.read_bytes() == content
    assert not list(tmp_path.glob(".*"))


def test_listeners_by_name(start, tmp_path):
    config = tmp_path / "mx.yaml"
    config.write_text(CONFIG)
    server = start("--config", config, "--listen", "submission=127.0.0.1:0")
    ports = {l["name"]: int(l["listen"].rpartition(":")[2]) for l in server.ready["listeners"]}
    assert set(ports) == {"smtp", "submission"}
    for name, code in (("smtp", 250), ("submission", 550)):
        with smtplib.SMTP("127.0.0.1", ports[name], "c.example.test", timeout=20) as client:
            client.ehlo()
            client.mail("a@example.test")
            assert client.rcpt("b@example.test")[0] == code


LONG = {
    "ten thousand lines": (
        '{code: 220, text: "x\\nend", repeat: 10000}',
        b"220-x\r\n" * 10000 + b"220 end\r\n",
    ),
    "a long raw line": ('{raw: "220 abc", repeat: 20000}', b"220 abc" * 20000),
}


@pytest.mark.parametrize("reply,expected", LONG.values(), ids=LONG)
def test_replies_larger_than_any_buffer(start, tmp_path, reply, expected):
    config = tmp_path / "mx.yaml"
    config.write_text(f"rules:\n  - {{at: banner, reply: {reply}, then: close}}\n")
    server = start("--config", config)
    heard = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        while piece := client.recv(65536):
            heard += piece
    assert heard == expected


def test_ipv6(start):
    server = start("--listen", "[::1]:0")
    with smtplib.SMTP("::1", server.port, "c.example.test", timeout=20) as client:
        assert client.noop()[0] == 250


def test_log_is_whole_on_a_signal(start, tmp_path):
    log = tmp_path / "log"
    server = start("--persona", "discard", "--log", log)
    for number in range(20):
        server.send("a@example.test", f"u{number}@canary.test")
    server.process.send_signal(signal.SIGINT)
    assert server.wait() == (128 + signal.SIGINT, "")
    events = lab.read_log(log)
    assert [e["event"] for e in events].count("discarded") == 20
    assert [e["event"] for e in events].count("closed") == 20
    assert all(isinstance(e["time"], float) for e in events)


def test_log_is_prompt(start, tmp_path):
    log = tmp_path / "log"
    server = start("--log", log)
    with server.client() as client:
        client.docmd("NOOP", "prompt")
        for _ in range(500):
            if "prompt" in log.read_text():
                return
            time.sleep(0.01)
    pytest.fail("the log was not written while the server was idle")


def test_log_to_standard_output(start):
    server = start("--log", "-", "--exit-after", "1")
    server.send("a@example.test", "postmaster@victim.test")
    output, _ = server.process.communicate(timeout=20)
    assert '"event":"kept"' in output


@pytest.mark.parametrize("option", ["--log", "--save"])
def test_full_disk(start, option, tmp_path):
    """/dev/full for the log; for messages, a directory that goes away while the server runs."""
    gone = tmp_path / "gone"
    gone.mkdir()
    server = start(option, "/dev/full" if option == "--log" else gone)
    gone.rmdir()
    with server.client() as client:
        with pytest.raises(smtplib.SMTPException):
            for _ in range(1000):
                client.sendmail("a@example.test", ["postmaster@victim.test"], lab.MESSAGE)
    status, error = server.wait()
    assert status == 71
    assert error.startswith(f"mockmta: {option} ") and error.count("\n") == 1


MISTAKES = [
    (["--persona", "opne"], 2, '--persona.*"opne".*did you mean "open"'),
    (["--persona"], 2, "--persona: a value is missing: --persona NAME"),
    (["--bogus"], 2, "--bogus: no such option"),
    (["--persona", "open", "--persona", "open"], 2, "--persona: 'open': given twice"),
    (["--persona", "open", "--config", "x"], 2, "--config and --persona"),
    (["--explain", "opne"], 2, '--explain: .*no persona named "opne"'),
    (["--version=1"], 2, "--version: '1': this option takes no value"),
    (["argument"], 2, "argument: no argument is taken"),
    (["--listen", "localhost:25"], 2, "--listen: 'localhost:25': .*ADDR:PORT"),
    (["--listen", "127.0.0.1:99999"], 2, "--listen: .*ADDR:PORT"),
    (["--listen", "192.0.2.1:25"], 2, "--listen 192.0.2.1:25: a public address.*--allow-public"),
    (["--listen", "0.0.0.0:0"], 2, "--listen 0.0.0.0:0: every address.*--allow-public"),
    (["--listen", "imap=127.0.0.1:0"], 2, '--listen "imap": .*; this server has: smtp'),
    (["--route", "canary.test"], 2, "--route: .*DOMAIN=ADDR:PORT"),
    (["--route", "canary.test=127.0.0.1:0"], 2, "--route: .*DOMAIN=ADDR:PORT"),
    (["--route", "can ary.test=127.0.0.1:25"], 2, "--route: .*DOMAIN=ADDR:PORT"),
    (["--route", "canary.test=[2001:db8::1]:25"], 2, "--route .*a public address"),
    (["--exit-after", "0"], 2, "--exit-after: .*a number of messages"),
    (["--exit-after", "two"], 2, "--exit-after: .*a number of messages"),
    (["--config", "/nonexistent.yaml"], 3, "/nonexistent.yaml: .*No such file"),
    (["--log", "/nonexistent/log"], 71, "--log /nonexistent/log: No such file"),
    (["--save", "/nonexistent"], 71, "--save /nonexistent: No such file"),
    (["--save", "/proc"], 71, "--save /proc: "),
]


@pytest.mark.parametrize("args,status,text", MISTAKES, ids=[" ".join(row[0]) for row in MISTAKES])
def test_mistakes(args, status, text):
    done = lab.run_mockmta(*args)
    assert done.returncode == status
    assert done.stdout == ""
    assert re.match("mockmta: " + text, done.stderr), done.stderr
    assert done.stderr.count("\n") == 1


def test_a_bad_config_is_shown_with_its_place(tmp_path):
    config = tmp_path / "bad.yaml"
    config.write_text("rules:\n  - {at: RCPT, delay: 5 minutes}\n")
    done = lab.run_mockmta("--config", config)
    assert done.returncode == 3
    assert f"{config}:2:" in done.stderr and "^" in done.stderr
    assert done.stdout == ""


def test_a_port_in_use():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = lab.run_mockmta("--listen", address)
    assert done.returncode == 71
    assert done.stderr.startswith(f"mockmta: --listen {address}: ") and done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_explain_and_lists():
    names = [line.split()[0] for line in lab.run_mockmta("--list-personas").stdout.splitlines()]
    assert "open" in names and "postfix-554" in names
    for name in names:
        done = lab.run_mockmta("--explain", name)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(name + " - ")
        assert "why: " in done.stdout and "source: " in done.stdout and " 1. A" in done.stdout
    assert lab.run_mockmta("--version").stdout.startswith("mockmta ")
    assert "--exit-after N" in lab.run_mockmta("--help").stdout


def test_output_that_nobody_takes():
    with open("/dev/full", "w", encoding="ascii") as full:
        command = [lab.BUILD / "mockmta", "--list-personas"]
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, env=lab.ENV, timeout=20, check=False
        )
    assert done.returncode == 71


@pytest.mark.parametrize("ends, early", [("end_of_data: [lf-lf, cr-cr]", ["E16a", "E16e"]),
                                         ("title: strict", [])])
def test_messages_that_end_early(start, tmp_path, ends, early):
    """relayprobe says so of those, and its line for the shell shows it."""
    file = tmp_path / "server.yaml"
    file.write_text(f"local_domains: [victim.test]\n{ends}\n")
    server = start("--config", file)
    report = json.loads(subprocess.run(
        [lab.BUILD / "relayprobe", "--no-ledger", "--canary", "probe@canary.test", "--json",
         "--domain", "victim.test", "--local-recipient", "info@victim.test", "--forms",
         "S1-R1,S1-R1@E16a,S1-R1@E16b,S1-R1@E16e", f"127.0.0.1:{server.port}"],
        capture_output=True, text=True, env=lab.ENV, timeout=60, check=False).stdout)
    notes = [n for n in report["notes"] if "as if a message had ended" in n]
    assert [i for i in ("E16a", "E16b", "E16e") if notes and f"S1-R1@{i}" in notes[0]] == early
    assert report["verdict"] == "accepts" and report["plain_accepted"] == "no"
    for form in report["forms"]["list"][1:]:
        words, _, nc = form["reproduce"].partition(" | nc ")
        assert nc == f"-w 30 127.0.0.1 {server.port}"
        lines = subprocess.run(["sh", "-c", words], capture_output=True, timeout=60, check=False)
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as peer:
            peer.sendall(lines.stdout)
            said = peer.makefile().read()
        assert ("554 " in said) == (form["id"].partition("@")[2] in early), (form, said)
