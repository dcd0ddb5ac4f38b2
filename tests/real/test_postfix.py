"""A real Postfix: asked by smtplib (is the harness true?), then by relayprobe (is the verdict?)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from postfix import SINK_PORT

# One Postfix for all.
pytestmark = [pytest.mark.xdist_group("postfix"), pytest.mark.takes(15)]
HERE = Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable


@pytest.fixture
def sink(namespace):
    """Reads the next message of an independent sink on the port that Postfix relays to."""
    process = namespace.start([PYTHON, str(HERE / "sink.py"), str(SINK_PORT)],
                              stdout=subprocess.PIPE)
    assert json.loads(process.stdout.readline())["event"] == "ready"
    yield lambda: json.loads(process.stdout.readline())
    process.terminate()
    process.wait(timeout=10)
    process.stdout.close()


SENDER, CANARY = "asker@canary.test", "probe@canary.test"


def ask(namespace, postfix, listener):
    port = postfix.address(listener).rpartition(":")[2]
    done = namespace.run([PYTHON, str(HERE / "ask.py"), port, SENDER, CANARY])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("listener, code", [("closed-554", 554), ("closed-454", 454)])
def test_harness_closed(namespace, postfix, listener, code):
    reply = ask(namespace, postfix, listener)
    assert reply["code"] == code
    assert "Relay access denied" in reply["text"]


def test_harness_open(namespace, postfix, sink):
    assert ask(namespace, postfix, "open")["code"] == 250
    message = sink()
    assert message["sender"] == "<asker@canary.test>"
    assert message["recipients"] == ["<probe@canary.test>"]
    assert "Subject: relay test" in message["text"]


def test_harness_discard_then_bounce(namespace, postfix, sink):
    """Both accept; the next thing at the sink is the bounce, so what was discarded did not come."""
    assert ask(namespace, postfix, "discard")["code"] == 250
    assert ask(namespace, postfix, "bounce")["code"] == 250
    message = sink()
    assert message["sender"] == "<>"
    assert message["recipients"] == ["<asker@canary.test>"]
    assert "Action: failed" in message["text"]
    assert "status=sent (lost)" in postfix.log()


VERDICTS = [  # listener, verdict, exit status
    ("closed-554", "closed", 0),
    ("closed-454", "closed", 0),
    ("open", "open", 1),
    ("discard", "discards", 3),
    ("bounce", "bounces", 3),
]


@pytest.mark.parametrize("listener, verdict, status", VERDICTS)
def test_verdict(namespace, postfix, program, listener, verdict, status):
    done = namespace.run([program("relayprobe"), "--canary", CANARY, "--sender", SENDER,
                          "--sink", f"127.0.0.1:{SINK_PORT}", "--domain", "victim.test",
                          "--wait", "4s", "--json", postfix.address(listener)], timeout=100)
    story = f"{done.stdout}{done.stderr}{postfix.log()}"
    assert done.returncode == status, story
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["verdict"] == verdict, story
    assert report["plain_accepted"] == ("no" if verdict == "closed" else "end-of-data"), story
    delivered = [form["id"] for form in report["forms"]["list"] if form["delivered"]]
    assert (verdict == "open") == bool(delivered), story
