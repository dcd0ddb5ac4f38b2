"""The ledger as a user meets it: where it stands, what a later --collect makes of earlier verdicts,
and runs listed, shown and exported."""

import json
import os
import re
import socket
import sqlite3
import subprocess
import time

import pytest

import schema
from lab import BUILD, ENV, Mockmta, ROOT, free_address

CANARY = ["--canary", "probe@canary.test"]
SCHEMA = json.loads((ROOT / "doc" / "relayprobe-run.schema.json").read_text())
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def wait_for(address):
    """Until somebody listens there."""
    host, _, port = address.rpartition(":")
    for _ in range(200):
        try:
            socket.create_connection((host, int(port))).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)
    pytest.fail(f"nobody listens at {address}")


def run(*args, **environment):
    return subprocess.run([BUILD / "relayprobe", *map(str, args)], capture_output=True, text=True,
                          env={**ENV, **environment}, timeout=60, check=False)


class Place:
    """A ledger, a Maildir, and servers that are started when they are needed."""

    def __init__(self, folder):
        self.folder = folder
        self.ledger = folder / "ledger.db"
        self.maildir = folder / "Maildir"
        for part in ("new", "cur", "tmp"):
            (self.maildir / part).mkdir(parents=True)
        self.mailbox = ["--mailbox", f"maildir:{self.maildir}"]
        self.servers = []

    def start(self, persona, *args):
        self.servers.append(Mockmta("--persona", persona, "--listen", "127.0.0.1:0", *args))
        return self.servers[-1].address

    def ask(self, persona, *args):
        """A run of one form against a server, with a sink; its report and its name."""
        sink = free_address()
        kept = self.folder / f"kept-{len(self.servers)}"
        kept.mkdir()
        target = self.start(persona, "--route", f"canary.test={sink}", "--save", kept)
        done = run(*CANARY, "--sink", sink, "--forms", "S1-R1", "--wait", "1s", "--json",
                   "--ledger", self.ledger, *args, target)
        assert done.stderr == ""
        return json.loads(done.stdout), kept

    def deliver(self, content, name="1.late"):
        (self.maildir / "new" / name).write_bytes(content)

    def collect(self, *args):
        return run("--collect", "--ledger", self.ledger, *self.mailbox, *args)

    def newest(self):
        return run("--list-runs", "--ledger", self.ledger).stdout.split(maxsplit=1)[0]

    def export(self, name):
        data = json.loads(run("--export-run", name, "--ledger", self.ledger).stdout)
        schema.check(data, SCHEMA)
        return data


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    for server in made.servers:
        server.stop()


def kept_message(folder):
    """The form's message as the target has it; its report, when there is one, is not it."""
    found = [path.read_bytes() for path in folder.glob("*.eml")]
    found = [content for content in found if b"X-Relaylab-Form: S1-R1\r\n" in content]
    assert len(found) == 1
    return found[0]


# -- what comes home later


def test_no_ledger_yet(tmp_path):
    done = run("--list-runs", XDG_STATE_HOME=str(tmp_path))
    assert done.returncode == 71 and done.stdout == ""
    assert done.stderr == (f"relayprobe: {tmp_path}/relaylab/ledger.db: No such file or directory: "
                           "no run was written down there yet\n")


def test_a_canary_that_comes_home_tomorrow(place):
    report, kept = place.ask("discard")
    assert report["verdict"] == "discards"
    name = place.newest()
    done = place.collect()
    assert (done.returncode, done.stdout) == (0, "")
    place.deliver(b"Received: from nowhere by mail.canary.test\r\n" + kept_message(kept))
    done = place.collect()
    assert done.returncode == 0
    assert done.stdout.startswith(f"run {name}, {report['server']['address']}: S1-R1, sent ")
    assert re.search(r"; verdict open, was discards at " + TIME.pattern + "$", done.stdout.strip())
    assert len(TIME.findall(done.stdout)) == 3
    assert "1 of ours, 0 of no concern, 0 forged; 1 verdicts changed" in done.stderr
    verdicts = place.export(name)["verdicts"]
    history = [(v["verdict"], v["cause"]) for v in verdicts]
    assert history == [("discards", "run"), ("open", "collect")]
    assert "\nReceived: from nowhere by" in place.export(name)["arrivals"][-1]["head"]
    # Twice changes nothing, and the mail is where it was.
    assert "verdict" not in place.collect().stdout
    assert len(place.export(name)["verdicts"]) == 2
    assert [path.name for path in (place.maildir / "new").iterdir()] == ["1.late"]


def test_closed_is_withdrawn_when_mail_comes_all_the_same(place):
    _, kept = place.ask("discard")
    name = place.newest()
    with sqlite3.connect(place.ledger) as db: # as if it had refused the message
        db.execute("UPDATE verdicts SET verdict = 'closed'")
    place.deliver(kept_message(kept))
    line = json.loads(place.collect("--json").stdout)
    assert (line["arrival"], line["run"], line["verdict"], line["was"]) == (
        "delivery", name, "open", "closed")
    assert all(TIME.fullmatch(line[key]) for key in ("sent", "seen", "was_at"))


def test_forged_and_foreign_mail_counts_for_nothing(place):
    _, kept = place.ask("discard")
    token = re.search(rb"X-Relaylab-Token: ([a-z2-7]{16})", kept_message(kept)).group(1)
    forged = (b"b" if token[:1] == b"a" else b"a") + token[1:]
    place.deliver(b"X-Relaylab-Token: " + forged + b"\r\n\r\nit got through\r\n")
    place.deliver(b"Subject: hello\r\n\r\nlunch?\r\n", "2.foreign")
    done = place.collect()
    said = "a forged or altered token, which counts for nothing: "
    assert done.stdout == said + forged.decode() + "\n"
    assert "0 of ours, 1 of no concern, 1 forged; 0 verdicts changed" in done.stderr
    assert [v["verdict"] for v in place.export(place.newest())["verdicts"]] == ["discards"]


def test_a_bounce_that_comes_late(place):
    report, kept = place.ask("discard", "--domain", "victim.test")
    message = kept_message(kept)
    bounce = (
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.victim.test\r\nContent-Type: multipart/report;"
        " report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
        "no\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns;"
        " mx.victim.test\r\n\r\nFinal-Recipient: rfc822; x@canary.test\r\nAction: failed\r\n"
        "Status: 5.1.1\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
    ).encode() + message + b"\r\n--b--\r\n"
    assert report["verdict"] == "discards"
    place.deliver(bounce)
    assert "; verdict bounces, was discards at " in place.collect().stdout
    place.deliver(message, "2.late")
    assert "; verdict open, was bounces at " in place.collect().stdout
    verdicts = [v["verdict"] for v in place.export(place.newest())["verdicts"]]
    assert verdicts == ["discards", "bounces", "open"]


def test_tidy_removes_ours_alone(place):
    _, kept = place.ask("discard")
    place.deliver(kept_message(kept))
    place.deliver(b"Subject: hello\r\n\r\nlunch?\r\n", "2.foreign")
    assert place.collect("--tidy").returncode == 0
    left = [path.name for part in ("new", "cur") for path in (place.maildir / part).iterdir()]
    assert left == ["2.foreign"]


def test_a_mailbox_that_cannot_be_read(place):
    place.ask("discard")
    done = run("--collect", "--ledger", place.ledger, "--wait", "1s", "--mailbox",
               f"maildir:{place.folder}/nowhere")
    assert done.returncode == 71
    assert "nowhere" in done.stderr and "not all mailboxes could be read" in done.stderr


def test_a_sink_collects_until_the_window_is_over(place):
    """A target that was slow: it gets through while --collect listens."""
    _, kept = place.ask("discard")
    sink = free_address()
    command = [BUILD / "relayprobe", "--collect", "--ledger", place.ledger, "--sink", sink,
               "--wait", "3s", "--json"]
    relay = Mockmta("--persona", "open", "--listen", "127.0.0.1:0", "--route",
                    f"canary.test={sink}")
    place.servers.append(relay)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENV) as collecting:
        wait_for(sink)
        content = kept_message(kept).decode()
        token = re.search(r"X-Relaylab-Token: (\S+)", content).group(1)
        relay.send("a@b.test", f"probe+{token}@canary.test", content)
        line = json.loads(collecting.stdout.readline())
        assert (line["arrival"], line["verdict"], line["was"]) == ("delivery", "open", "discards")
        assert collecting.wait(timeout=20) == 0


# -- where the ledger stands


def test_default_place_is_ours_alone(place, tmp_path):
    state = tmp_path / "state"
    target = place.start("postfix-554")
    assert run(*CANARY, target, XDG_STATE_HOME=str(state)).returncode == 0
    assert run(*CANARY, "--no-ledger", target, XDG_STATE_HOME=str(state)).returncode == 0
    file = state / "relaylab" / "ledger.db"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert len(run("--list-runs", XDG_STATE_HOME=str(state)).stdout.splitlines()) == 1
    home = tmp_path / "home"
    home.mkdir()
    assert run(*CANARY, target, XDG_STATE_HOME="relative", HOME=str(home)).returncode == 0
    assert (home / ".local/state/relaylab/ledger.db").exists()


def test_default_place_that_cannot_be_written_is_a_warning(place, tmp_path):
    (tmp_path / "file").write_text("no directory")
    done = run(*CANARY, "--json", place.start("postfix-554"), XDG_STATE_HOME=str(tmp_path / "file"))
    assert done.returncode == 0
    assert json.loads(done.stdout)["verdict"] == "closed"
    assert done.stderr.count("\n") == 1 and "file" in done.stderr


UNUSABLE = [
    ("in no directory", lambda folder: folder / "nowhere" / "ledger.db", "No such file"),
    ("a directory", lambda folder: folder, "directory"),
    ("a device", lambda _: "/dev/full", "not a regular file"),
    ("no database", lambda folder: written(folder / "text", "no database. " * 50),
     "not a database"),
    ("another program's", lambda folder: database(folder / "other", "CREATE TABLE t (x)"),
     "another program"),
]


def written(path, text):
    path.write_text(text)
    return path


def database(path, statement):
    with sqlite3.connect(path) as db:
        db.execute(statement)
    return path


@pytest.mark.parametrize("make,part", [u[1:] for u in UNUSABLE], ids=[u[0] for u in UNUSABLE])
def test_a_named_ledger_must_work(tmp_path, make, part):
    with socket.create_server(("127.0.0.1", 0)) as target:
        done = run(*CANARY, "--ledger", make(tmp_path), f"127.0.0.1:{target.getsockname()[1]}")
        assert (done.returncode, done.stdout) == (71, "")
        assert done.stderr.count("\n") == 1 and part in done.stderr
        target.setblocking(False)
        with pytest.raises(BlockingIOError): # nobody came
            target.accept()


def test_a_newer_ledger_is_left_alone(place):
    place.ask("discard")
    with sqlite3.connect(place.ledger) as db:
        db.execute("PRAGMA user_version = 99")
    for words in (["--list-runs"], ["--collect", *place.mailbox], [*CANARY, free_address()]):
        done = run("--ledger", place.ledger, *words)
        assert (done.returncode, done.stdout) == (71, "")
        assert "version 99, made by a newer relaylab" in done.stderr


def test_no_ledger_yet(tmp_path):
    done = run("--list-runs", XDG_STATE_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (71, "")
    assert "relaylab/ledger.db: No such file" in done.stderr
    assert not os.listdir(tmp_path)


# -- runs listed, shown, exported


def test_a_run_shown_and_exported(place):
    report, _ = place.ask("open")
    name = place.newest()
    shown = run("--show-run", name, "--ledger", place.ledger)
    assert shown.returncode == 0
    for part in (f"run        {name}", "greets as  mx.victim.test", "\nmessages sent\n",
                 "control-before", "Received: from", "\nverdicts, the last one counts\n",
                 "open (delivered): "):
        assert part in shown.stdout, part
    data = place.export(name)
    assert data["schema_version"] == 1
    assert data["target"] == report["server"]["address"]
    forms = {form["form"]: form for form in data["forms"]}
    assert (forms["S1-R1"]["kind"], forms["S1-R1"]["state"]) == ("external", "accepted")
    sent = {message["form"]: message for message in data["messages"]}
    assert {"control-before", "S1-R1"} <= set(sent)
    assert sent["S1-R1"]["recipient_token"] in sent["S1-R1"]["recipient"]
    home = [arrival for arrival in data["arrivals"] if arrival["kind"] == "delivery"]
    assert home[0]["form"] == "S1-R1" and home[0]["token"] == sent["S1-R1"]["recipient_token"]
    assert data["verdicts"][-1]["verdict"] == "open"


@pytest.mark.parametrize("option", ["--show-run", "--export-run"])
def test_a_run_that_is_not_there(place, option):
    place.ask("discard")
    done = run(option, "no\x1b[31m-such", "--ledger", place.ledger)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no such run" in done.stderr and "\x1b" not in done.stderr


def test_the_secret_is_never_shown(place):
    place.ask("open")
    with sqlite3.connect(place.ledger) as db:
        (secret,) = db.execute("SELECT secret FROM ledger").fetchone()
    assert len(secret) == 32
    name = place.newest()
    for words in (["--list-runs"], ["--show-run", name], ["--export-run", name]):
        said = run(*words, "--ledger", place.ledger).stdout
        assert secret.hex() not in said and secret.decode("latin-1") not in said
