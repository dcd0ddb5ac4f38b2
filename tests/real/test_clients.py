"""Other people's clients against mockmta: what they conclude, and what mockmta recorded of them."""

import smtplib
import subprocess
import time

import pytest

from mock import Mock

SENDER, RECIPIENT = "asker@canary.test", "probe@canary.test"


@pytest.fixture
def mock(program):
    return lambda persona, **options: Mock(program("mockmta"), persona, **options)


@pytest.fixture
def canary(mock):
    """The mail server of canary.test: takes and keeps everything."""
    with mock("mail-catcher") as server:
        yield server


def wait_for(server, kind):
    """The first event of that kind: relaying happens after the client has gone."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = [event for event in server.events() if event["event"] == kind]
        if found:
            return found[0]
        time.sleep(0.02)
    raise AssertionError(f"no {kind}: {server.events()}")


def run(argv):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=100, check=False)


def run_swaks(server):
    return run(["swaks", "--server", "127.0.0.1", "--port", str(server.port),
                "--ehlo", "probe.canary.test", "--from", SENDER, "--to", RECIPIENT,
                "--header", "Subject: by swaks"])


def run_nmap(server):
    pairs = ("domain=canary.test", "ip=127.0.0.1", "from=asker", "to=probe")
    arguments = ",".join(f"smtp-open-relay.{pair}" for pair in pairs)
    done = run(["nmap", "-Pn", "-n", "-sT", "-p", str(server.port), "--script", "+smtp-open-relay",
                "--script-args", arguments, "127.0.0.1"])
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_swaks_is_denied(swaks, mock):
    with mock("postfix-554") as server:
        done = run_swaks(server)
        assert done.returncode == 24, done.stdout
        assert f"554 5.7.1 <{RECIPIENT}>: Relay access denied" in done.stdout
        assert server.commands("RCPT") == [f"RCPT TO:<{RECIPIENT}>"]
        assert server.commands("DATA") == []


def test_swaks_is_relayed(swaks, mock, canary):
    with mock("open", routes={"canary.test": canary.address}) as server:
        done = run_swaks(server)
        assert done.returncode == 0, done.stdout
        kept = wait_for(canary, "kept")
        assert kept["sender"] == SENDER and kept["recipients"] == [RECIPIENT]
        assert wait_for(server, "relayed")["code"] == 250


def test_smtplib_is_denied_for_good_and_for_now(mock):
    for persona, code in (("postfix-554", 554), ("postfix-454", 454)):
        with mock(persona) as server, smtplib.SMTP("127.0.0.1", server.port, timeout=20) as client:
            with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
                client.sendmail(SENDER, [RECIPIENT], "Subject: by smtplib\n\nHello.\n")
            assert refusal.value.recipients[RECIPIENT][0] == code


def test_smtplib_dots_arrive(mock, canary):
    """Stuffed by somebody else's client, undone by mockmta, stuffed and undone again on the way."""
    body = "Subject: dots\r\n\r\n.\r\n..two\r\nend.\r\n"
    with mock("open", routes={"canary.test": canary.address}) as server:
        with smtplib.SMTP("127.0.0.1", server.port, timeout=20) as client:
            assert client.sendmail(SENDER, [RECIPIENT], body) == {}
        assert wait_for(canary, "kept")["size"] >= len(body)
        assert [event["event"] for event in server.stop()].count("relayed") == 1


@pytest.mark.takes(20)
@pytest.mark.parametrize("persona, says", [
    ("postfix-554", "Server doesn't seem to be an open relay, all tests failed"),
    ("open", "Server is an open relay (16/16 tests)"),
    # It is none: the script stops at RCPT and cannot know.
    ("discard", "Server is an open relay (16/16 tests)"),
])
def test_nmap(nmap, mock, canary, persona, says):
    with mock(persona, routes={"canary.test": canary.address}) as server:
        assert says in run_nmap(server)
        assert len(server.commands("RCPT")) == 16
        assert server.commands("DATA") == []
