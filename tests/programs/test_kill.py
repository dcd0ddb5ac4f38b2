"""relayprobe killed at its Nth write, again and again: what was sent is written down, and what came
home is found.

The instants are chosen by number of calls, not by time: tests/kill/kill_at.c is preloaded, counts
every call that lets anything out to a file or a socket, and kills in place of the Nth.
RELAYLAB_KILLS says how many kills (20), spread over a whole run. All runs that ask share one
ledger, so that each also opens what the one before was killed in. Where each kill has its ledger,
they are dealt out to PARTS tests, which run side by side.
"""

import json
import os
import re
import socketserver
import sqlite3
import subprocess
import threading
import time
from contextlib import closing

import pytest

from lab import BUILD, ENV, Mockmta, free_address, read_log

KILLS = int(os.environ.get("RELAYLAB_KILLS", "20"))
PARTS = 5
SHIM = BUILD / "tests" / "kill_at.so"
TOKEN = re.compile(r"^X-Relaylab-Token: ([a-z2-7]{16})", re.M)
FORM = re.compile(r"^X-Relaylab-Form: (\S+)", re.M)
FORMS = "S1-R1,S1-R3,S3-R1"


class MailHandler(socketserver.StreamRequestHandler):
    """Takes everything, and stores it in a Maildir before it says so."""

    def handle(self):
        self.say("220 mail.canary.test ESMTP")
        sender, recipient = "", ""
        while line := self.rfile.readline().decode("latin-1"):
            verb, path = line[:4].upper(), line.partition(":")[2].strip()
            if verb == "QUIT":
                return self.say("221 2.0.0 Bye")
            if verb == "MAIL":
                sender = path.split(" ")[0]
            elif verb == "RCPT":
                recipient = path.split(" ")[0].strip("<>")
            elif verb == "DATA":
                self.say("354 Go ahead")
                if not self.store(sender, recipient):
                    return None
            self.say("250 2.0.0 Ok")
        return None

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def store(self, sender, recipient):
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return False
            lines.append(line[1:] if line.startswith(b".") else line)
        head = f"Return-Path: {sender}\r\nDelivered-To: {recipient}\r\n".encode()
        self.server.keep(head + b"".join(lines))
        return True


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, maildir, at=("127.0.0.1", 0)):
        super().__init__(at, MailHandler)
        self.maildir = maildir
        for folder in ("tmp", "new", "cur"):
            (maildir / folder).mkdir(parents=True)
        self.count = 0
        self.lock = threading.Lock()
        self.address = f"127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def keep(self, content):
        with self.lock:
            self.count += 1
            name = f"{self.count}.test"
        (self.maildir / "tmp" / name).write_bytes(content)
        (self.maildir / "tmp" / name).rename(self.maildir / "new" / name)

    def stored(self):
        return [path.read_text("latin-1") for path in sorted((self.maildir / "new").iterdir())]


def run_probe(*args, **environment):
    return subprocess.run([BUILD / "relayprobe", *map(str, args)], capture_output=True, text=True,
                          env={**ENV, **environment}, timeout=60, check=False)


class Scene:
    """One ledger, one open relay that keeps copies, and a probe that is killed."""

    def __init__(self, folder, mailbox, route):
        self.ledger = folder / "ledger.db"
        self.copies = folder / "copies"
        self.copies.mkdir()
        self.log = folder / "mock.log"
        self.relay = Mockmta("--persona", "open", "--listen", "127.0.0.1:0", "--save", self.copies,
                             "--log", self.log, "--route", f"canary.test={route}")
        self.command = ["--canary", "probe@canary.test", "--forms", FORMS, "--wait", "1s",
                        "--ledger", self.ledger, *mailbox, self.relay.address]
        self.mailbox = mailbox

    def whole_run(self, folder):
        """A run that nobody kills; how many calls it made."""
        count = folder / "count"
        done = run_probe(*self.command, LD_PRELOAD=str(SHIM), RELAYLAB_KILL_COUNT=str(count))
        assert done.returncode == 1, done.stdout + done.stderr
        return int(count.read_text())

    def kill_spread_over(self, calls, kills):
        """How many runs were really killed: a run may end with fewer calls than the first one."""
        killed = 0
        for i in range(kills):
            at = 1 + i * calls // kills
            done = run_probe(*self.command, LD_PRELOAD=str(SHIM), RELAYLAB_KILL_AT=str(at))
            assert done.returncode in (-9, 1), f"at {at}: {done.stdout}{done.stderr}"
            killed += done.returncode == -9
        return killed

    def settle(self):
        """Until the relay has done with all that it accepted, or waits for a retry."""
        ends = {"relayed", "kept", "discarded", "bounced", "deferred", "failed"}
        for _ in range(200):
            events = read_log(self.log)
            accepted = {e["queue_id"] for e in events if e["event"] == "accepted"}
            done = {e["queue_id"] for e in events if e["event"] in ends}
            if accepted <= done:
                return events
            time.sleep(0.05)
        pytest.fail("the relay does not come to rest")

    def rows(self, query, *values):
        with closing(sqlite3.connect(self.ledger)) as db, db:
            return db.execute(query, values).fetchall()

    def sent(self):
        return {token for (token,) in self.rows("SELECT recipient_token FROM messages")}

    def check_sent(self):
        """Every message that the server saw has its row."""
        seen = [TOKEN.search(path.read_text("latin-1")) for path in self.copies.glob("*.eml")]
        tokens = {match.group(1) for match in seen if match}
        assert tokens
        assert tokens <= self.sent()

    def check_found(self, delivered):
        """Every delivery has its row, and its run is open."""
        found = {token for (token,) in
                 self.rows("SELECT token FROM arrivals WHERE kind = 'delivery'")}
        assert delivered <= found
        for token in delivered:
            verdict = self.rows(
                "SELECT verdict FROM verdicts WHERE run = (SELECT run FROM messages WHERE"
                " recipient_token = ?) ORDER BY id DESC LIMIT 1", token)
            assert verdict == [("open",)], token

    def collect(self, *mailbox):
        done = run_probe("--collect", "--ledger", self.ledger, "--json", *mailbox)
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def scene(tmp_path):
    made = []

    def make(mailbox, route):
        made.append(Scene(tmp_path, mailbox, route))
        return made[0]

    yield make
    for each in made:
        each.relay.stop()


@pytest.mark.takes(15)
def test_killed_beside_a_stored_mailbox(scene, tmp_path):
    server = MailServer(tmp_path / "Maildir")
    mailbox = ["--mailbox", f"maildir:{server.maildir}"]
    s = scene([*mailbox, "--control-route", server.address], server.address)
    kills = KILLS - KILLS // 2
    assert s.kill_spread_over(s.whole_run(tmp_path), kills) >= kills * 3 // 4
    s.settle()
    s.check_sent()
    delivered = {TOKEN.search(text).group(1) for text in server.stored()
                 if not FORM.search(text).group(1).startswith("control")
                 and "multipart/report" not in text}
    assert delivered
    s.collect(*mailbox)
    s.check_found(delivered)
    for line in s.collect(*mailbox):
        assert not line["changed"]
        assert line["again"] or line["arrival"] != "delivery"
    server.shutdown()


@pytest.mark.takes(15)
def test_killed_while_it_is_the_mailbox_itself(scene, tmp_path):
    sink = free_address()
    s = scene(["--sink", sink], sink)
    assert s.kill_spread_over(s.whole_run(tmp_path), KILLS // 2) >= KILLS // 2 * 3 // 4
    events = s.settle()
    s.check_sent()
    relayed = {e["queue_id"] for e in events if e["event"] == "relayed"}
    delivered = set()
    for queue_id in relayed:
        for path in s.copies.glob(f"{queue_id}*.eml"):
            match = TOKEN.search(path.read_text("latin-1"))
            if match:
                delivered.add(match.group(1))
    assert delivered
    # Nobody is asked and nothing comes any more: what was taken must be in the ledger already.
    server = MailServer(tmp_path / "Maildir")
    s.collect("--mailbox", f"maildir:{server.maildir}")
    s.check_found(delivered)
    server.shutdown()


@pytest.mark.takes(8)
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_while_the_ledger_is_made(tmp_path, part):
    """What is left can be opened, and is made whole by the next one."""
    closed = free_address()
    command = ["--canary", "probe@canary.test", "--forms", "S1-R1", "--ledger"]
    count = tmp_path / "count"
    whole = run_probe(*command, tmp_path / "whole", closed, LD_PRELOAD=str(SHIM),
                      RELAYLAB_KILL_COUNT=str(count))
    assert whole.returncode == 5
    calls = int(count.read_text())
    for i in range(part, KILLS, PARTS):
        at = 1 + i * calls // KILLS
        ledger = tmp_path / f"ledger-{i}"
        done = run_probe(*command, ledger, closed, LD_PRELOAD=str(SHIM), RELAYLAB_KILL_AT=str(at))
        assert done.returncode in (-9, 5), f"at {at}: {done.stderr}"
        assert run_probe(*command, ledger, closed).returncode == 5, at
        assert run_probe("--list-runs", "--ledger", ledger).returncode == 0, at
        assert not ledger.exists() or ledger.stat().st_mode & 0o777 == 0o600


@pytest.mark.takes(5)
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_while_it_collects(scene, tmp_path, part):
    """The next --collect finds what is missing, and nothing twice."""
    sink = free_address()
    s = scene(["--sink", sink], sink)
    s.whole_run(tmp_path)
    token, = s.rows("SELECT recipient_token FROM messages WHERE form = 'S1-R1'")[0]
    s.rows("DELETE FROM arrivals")  # as if all had been discarded
    s.rows("UPDATE verdicts SET verdict = 'discards'")
    before = s.ledger.read_bytes()
    server = MailServer(tmp_path / "Maildir")
    server.keep(f"X-Relaylab-Token: {token}\r\n\r\nhome\r\n".encode())
    words = ["--collect", "--ledger", s.ledger, "--mailbox", f"maildir:{server.maildir}"]
    for i in range(part, KILLS, PARTS):
        s.ledger.write_bytes(before)
        for name in ("ledger.db-wal", "ledger.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        run_probe(*words, LD_PRELOAD=str(SHIM), RELAYLAB_KILL_AT=str(1 + i))
        s.collect(*words[3:])
        assert s.rows("SELECT verdict FROM verdicts ORDER BY id") == [("discards",), ("open",)]
        assert s.rows("SELECT count(*) FROM arrivals") == [(1,)]
    server.shutdown()
