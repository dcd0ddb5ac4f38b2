"""The way in of control messages, by the MX of the canary's domain; DNS and mail on sockets."""

import json
import socket

import pytest

import schema
from test_kill import MailServer
from test_relayprobe import CANARY, SCHEMA, Lab, Names, run

HOME = "127.0.0.77"  # an MX is asked at port 25; hardly anybody else listens there
OTHER = "127.0.0.78"

pytestmark = pytest.mark.xdist_group("port-25")  # which one of them has at a time


@pytest.fixture
def lab():
    made = Lab()
    yield made
    made.stop()


def mail_server(folder, address):
    try:
        return MailServer(folder, (address, 25))
    except OSError as e:
        pytest.skip(f"port 25 of {address}: {e.strerror}")


def names_of(**hosts):
    """canary_test="127.0.0.77": an MX of that domain at that address; None: a null MX."""
    names = Names({})
    for domain, address in hosts.items():
        domain = domain.replace("_", ".")
        if address is None:
            names.records[domain, Names.MX] = [names.mx(0, "")]
            continue
        names.records[domain, Names.MX] = [names.mx(10, f"mail.{domain}")]
        names.records[f"mail.{domain}", Names.A] = [socket.inet_aton(address)]
    return names


def ask(names, *args):
    done = run(*CANARY, "--resolver", names.address, "--wait", "2s", "--forms", "S1-R1", "--json",
               *map(str, args))
    assert done.stdout, done.stderr
    data = json.loads(done.stdout)
    schema.check(data, SCHEMA)
    return data


def controls(server):
    return sum("X-Relaylab-Form: control-" in text for text in server.stored())


def test_controls_go_to_the_mx(lab, tmp_path):
    home = mail_server(tmp_path / "box", HOME)
    data = ask(names_of(canary_test=HOME), "--mailbox", f"maildir:{home.maildir}",
               lab.start("discard"))
    assert (data["verdict"], data["reason_code"]) == ("discards", "discarded")
    assert controls(home) == 2 and len(home.stored()) == 2
    home.shutdown()
    home.server_close()


def test_each_canary_has_its_own(lab, tmp_path):
    homes = [mail_server(tmp_path / "one", HOME), mail_server(tmp_path / "two", OTHER)]
    boxes = [word for home in homes for word in ("--mailbox", f"maildir:{home.maildir}")]
    data = ask(names_of(canary_test=HOME, other_test=OTHER), "--canary", "probe@other.test",
               *boxes, lab.start("discard"))
    assert data["verdict"] == "discards"
    assert [controls(home) for home in homes] == [2, 2]
    for home in homes:
        home.shutdown()
        home.server_close()


def test_a_route_that_was_named_is_the_only_one(lab, tmp_path):
    home = MailServer(tmp_path / "box")
    data = ask(names_of(canary_test="192.0.2.25"), "--mailbox", f"maildir:{home.maildir}",
               "--control-route", home.address, lab.start("discard"))
    assert data["verdict"] == "discards" and controls(home) == 2
    home.shutdown()
    home.server_close()


@pytest.mark.parametrize("domains, sentence", [
    ({"canary_test": "192.0.2.25"}, "has a public address, 192.0.2.25; say --allow-public"),
    ({"canary_test": None}, "no mail server of canary.test was found"),
    ({}, "name the one that fills the mailbox with --control-route ADDR:PORT"),
])
def test_no_way_is_found(lab, tmp_path, domains, sentence):
    """No packet leaves the ranges that may be spoken to, and the report says what to do."""
    (tmp_path / "box").mkdir()
    for folder in ("tmp", "new", "cur"):
        (tmp_path / "box" / folder).mkdir()
    data = ask(names_of(**domains), "--mailbox", f"maildir:{tmp_path / 'box'}",
               lab.start("discard"))
    assert (data["verdict"], data["reason_code"]) == ("accepts", "no-control-route")
    assert any(sentence in note for note in data["notes"])


def test_the_target_is_the_canarys_own_mx(tmp_path):
    """Found because a way in was looked up, though the target is an address."""
    for words in ([f"{HOME}:25"], ["--targets", str(tmp_path / "list")]):
        (tmp_path / "list").write_text(f"{HOME}:25\n")
        done = run(*CANARY, "--resolver", names_of(canary_test=HOME).address, "--mailbox",
                   f"maildir:{tmp_path}", "--json", *words)
        said = done.stderr + done.stdout
        assert "a mail server of the canary's own domain" in said
        assert done.returncode == 2
