"""Proof by delivery, with nobody's code but ours in the middle: relayprobe asks a real Postfix,
whose mail goes to another real Postfix and into a Maildir, which relayprobe reads through a real
Dovecot, by POP3 and IMAP, over TLS with certificates of the test's own CA."""

import json
import sys
from pathlib import Path

import pytest

from conftest import need
from dovecot import HOST, PASSWORD, PORTS, USER, Dovecot
from namespace import DOVECOT
from postfix import HOME_DOMAIN, HOME_PORT, Home

# One Postfix and one Dovecot for all.
pytestmark = [pytest.mark.xdist_group("chain"), pytest.mark.takes(60)]
FOREIGN = 5
STATUS = """
import imaplib, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
box = imaplib.IMAP4_SSL("mail.canary.test", 3993, ssl_context=context)
box.login(sys.argv[2], sys.argv[3])
box.select("INBOX", readonly=True)
for wanted in ("UNSEEN SUBJECT foreign", "SUBJECT foreign", "NOT SUBJECT foreign"):
    print(len(box.search(None, wanted)[1][0].split()))
"""


class Chain:
    """The mailbox at its end, and runs of relayprobe that read it."""

    def __init__(self, namespace, dovecot, program):
        self.namespace, self.dovecot, self.program = namespace, dovecot, program
        self.password = self.write("password", PASSWORD + "\n")

    def write(self, name, text):
        path = self.dovecot.here / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    def url(self, kind, host=HOST):
        return f"{kind}://{USER}@{host}:{PORTS[kind]}"

    def probe(self, target, mailbox, *options, secret=("--password-file",), ca="ca.pem", **more):
        secret = [*secret, str(self.password)] if secret else []
        argv = [self.program, "--canary", f"canary@{HOME_DOMAIN}", "--sender",
                f"asker@{HOME_DOMAIN}", "--mailbox", mailbox, *secret, "--ca-file",
                str(self.dovecot.here / ca), "--control-route", f"127.0.0.1:{HOME_PORT}",
                "--domain", "victim.test", "--wait", "4s", "--no-ledger", *options, target]
        done = self.namespace.run(argv, timeout=100, **more)
        assert PASSWORD not in done.stdout + done.stderr
        return done

    def flags(self):
        """How many foreign messages are unseen, are there, and how many others are."""
        done = self.namespace.run([sys.executable, "-c", STATUS, str(self.dovecot.here / "ca.pem"),
                                   USER, PASSWORD])
        assert done.returncode == 0, done.stderr
        return tuple(map(int, done.stdout.split()))


@pytest.fixture(scope="module")
def dovecot(namespace):
    visible = namespace.run(["test", "-e", "/usr/lib/dovecot/auth"]).returncode == 0
    need("dovecot", (DOVECOT / ".complete").exists() and visible,
         "run ci/deps dovecot; overlay mounts must be allowed")
    with Dovecot(namespace) as server:
        yield server


@pytest.fixture(scope="module")
def chain(namespace, dovecot, postfix, program):
    for i in range(FOREIGN):
        path = dovecot.inbox / "new" / f"1700000000.M{i}.foreign"
        path.write_text(f"From: a@example.test\nSubject: foreign {i}\n\nHello.\n", encoding="ascii")
    dovecot.inside(["chown", "-R", "canary:canary", str(dovecot.maildirs)])
    with Home(namespace, dovecot.maildirs) as home:
        chain = Chain(namespace, dovecot, program("relayprobe"))
        servers = (postfix, home, dovecot)
        chain.story = lambda done: done.stdout + done.stderr + "".join(s.log() for s in servers)
        yield chain


def report_of(chain, done):
    lines = done.stdout.splitlines()
    assert lines, chain.story(done)
    return json.loads(lines[-1])


@pytest.mark.parametrize("kind", PORTS)
def test_open(chain, postfix, kind):
    """By TLS at once, and by STARTTLS."""
    done = chain.probe(postfix.address("open"), chain.url(kind), "--json")
    report = report_of(chain, done)
    assert (done.returncode, report["verdict"]) == (1, "open"), chain.story(done)
    assert chain.flags()[:2] == (FOREIGN, FOREIGN)


def test_the_report_shows_the_way_that_the_message_took(chain, postfix):
    done = chain.probe(postfix.address("open"), chain.url("imaps"), "--verbose")
    assert done.returncode == 1, chain.story(done)
    hops = [line for line in done.stdout.splitlines() if "mx.victim.test" in line]
    assert hops and "mx.canary.test" in done.stdout, chain.story(done)


@pytest.mark.parametrize("listener, verdict, status", [
    ("closed-554", "closed", 0), ("discard", "discards", 3), ("bounce", "bounces", 3)])
def test_verdict(chain, postfix, listener, verdict, status):
    done = chain.probe(postfix.address(listener), chain.url("imaps"), "--json")
    report = report_of(chain, done)
    assert (done.returncode, report["verdict"]) == (status, verdict), chain.story(done)


@pytest.mark.parametrize("kind", ["imaps", "pop3s"])
def test_tidy_removes_ours_and_nothing_else(chain, postfix, kind):
    before = chain.flags()
    done = chain.probe(postfix.address("open"), chain.url(kind), "--tidy", "--exhaustive")
    assert done.returncode == 1, chain.story(done)
    assert chain.flags() == before, chain.story(done)


@pytest.mark.parametrize("kind", ["imaps", "pop3s"])
@pytest.mark.parametrize("host, options, says", [
    pytest.param(HOST, {"ca": "other.pem"}, "certificate", id="another CA"),
    pytest.param("127.0.0.1", {}, "certificate", id="another name"),
    pytest.param(HOST, {"secret": ()}, "let us in", id="no password"),
])
def test_a_mailbox_that_cannot_be_read_proves_nothing(chain, postfix, kind, host, options, says):
    done = chain.probe(postfix.address("open"), chain.url(kind, host), "--json", **options)
    report = report_of(chain, done)
    assert (done.returncode, report["verdict"]) == (3, "accepts"), chain.story(done)
    assert says in done.stdout, chain.story(done)


def test_a_password_in_a_url_is_refused(chain, postfix):
    for rest in (f"{USER}:{PASSWORD}@{HOST}", f"{USER}:{PASSWORD}@{HOST}/x", f":{PASSWORD}@{HOST}"):
        done = chain.probe(postfix.address("open"), f"imaps://{rest}")
        assert done.returncode == 2 and "--password-file" in done.stderr, done.stderr
        assert done.stderr.count("\n") == 1 and done.stdout == "", done.stderr


def test_no_password_where_no_tls_is(chain, postfix, namespace):
    """A server that offers no STARTTLS is never told a password, unless it is this host."""
    server = Path(__file__).with_name("plain_imap.py")
    process = namespace.start([sys.executable, str(server)], stdout=-1)
    port = process.stdout.readline().strip()
    try:
        done = chain.probe(postfix.address("open"), f"imap://{USER}@{HOST}:{port}", "--json")
        assert report_of(chain, done)["verdict"] == "accepts", chain.story(done)
        assert "STARTTLS" in done.stdout, chain.story(done)
    finally:
        process.terminate()
        said = process.communicate(timeout=20)[0]
    assert "CAPABILITY" in said and "LOGIN" not in said and "AUTHENTICATE" not in said


def test_the_password_of_netrc_and_of_the_environment(chain, postfix):
    home = chain.dovecot.here / "home"
    home.mkdir()
    netrc = home / ".netrc"
    netrc.write_text(f'machine {HOST} login {USER} password "{PASSWORD}"\n', encoding="ascii")
    netrc.chmod(0o600)
    for environment in ({"HOME": str(home)}, {"RELAYPROBE_PASSWORD": PASSWORD}):
        done = chain.probe(postfix.address("open"), chain.url("imaps"), secret=(),
                           env={"PATH": "/usr/bin:/bin", **environment})
        assert done.returncode == 1, chain.story(done)


def test_a_dovecot_that_is_down(chain, postfix):
    chain.dovecot.stop()
    try:
        done = chain.probe(postfix.address("open"), chain.url("imaps"), "--json")
    finally:
        chain.dovecot.start()
    report = report_of(chain, done)
    assert (done.returncode, report["verdict"]) == (3, "accepts"), chain.story(done)
    assert "connect" in json.dumps(report).lower(), chain.story(done)
