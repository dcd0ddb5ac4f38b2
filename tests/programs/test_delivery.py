"""How relayprobe sees what comes home: canaries, mailboxes, tokens, proof; on sockets."""

import email.utils
import json
import mailbox
import os
import pty
import re
import resource
import signal
import smtplib
import subprocess
import threading
import time

import pytest

import schema
from test_relayprobe import BUILD, CANARY, ENV, SCHEMA, Lab, Names, free_address, run


@pytest.fixture
def lab():
    made = Lab()
    yield made
    made.stop()


def report(done):
    data = json.loads(done.stdout)
    schema.check(data, SCHEMA)
    return data


def test_proof_in_both_reports(lab, tmp_path):
    done = lab.ask("--forms", "S1-R1", "--save-proof", str(tmp_path), lab.start("open"))
    assert done.returncode == 1
    text = done.stdout
    assert "\nproof: S1-R1 came home to <probe+" in text
    assert "mx.victim.test from probe.canary.test [127.0.0.1]" in text
    assert "the server saw us come from 127.0.0.1" in text
    assert "    C: MAIL FROM:<probe+" in text and "    C: (the message)" in text
    (file,) = tmp_path.iterdir()
    assert f"kept as {file.name}" in text
    assert re.fullmatch(r"[0-9a-f]{16}-S1-R1-[a-z2-7]{16}\.eml", file.name)
    message = email.message_from_bytes(file.read_bytes())
    assert message["X-Relaylab-Form"] == "S1-R1" and file.stat().st_mode & 0o777 == 0o600
    assert "\nWho runs this test, and whom to tell if you object to it:\nprobe@canary.test\n" in (
        message.get_payload().replace("\r\n", "\n"))
    assert re.search(r"mx.victim.test from probe.canary.test \[127.0.0.1\], \w{3}, \d", text)


def test_proof_in_json(lab):
    data = report(lab.ask("--forms", "S1-R1", "--json", lab.start("open")))
    proof = data["proof"]
    assert proof["form"] == "S1-R1" and proof["token_in_header"]
    assert proof["seen_address"] == "127.0.0.1"
    assert proof["received"][0]["by"] == "mx.victim.test"
    assert proof["dialogue"][0].startswith("C: MAIL FROM:") and proof["file"] is None
    name = f"sink://{lab.sink}"
    assert data["mailboxes"] == [{"name": name, "readable": True, "trouble": None}]


def test_no_proof_is_ever_overwritten(lab, tmp_path):
    target = lab.start("open")
    for _ in range(2):
        assert lab.ask("--forms", "S1-R1", "--save-proof", str(tmp_path), target).returncode == 1
    assert len(list(tmp_path.iterdir())) == 2


def no_large_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))


def test_proofs_that_cannot_be_kept(lab, tmp_path):
    """Said once, and how many."""
    done = run(*CANARY, "--sink", lab.sink, "--no-ledger", "--forms", "quick", "--exhaustive",
               "--wait", "1s", "--save-proof", tmp_path, lab.start("open"),
               preexec_fn=no_large_files)
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first == f"relayprobe: --save-proof: {tmp_path}: File too large"
    assert re.fullmatch(r"relayprobe: --save-proof: \d+ messages are not kept", second)


def test_a_directory_that_is_none_is_an_error_before_anything_is_sent(lab, tmp_path):
    done = lab.ask("--save-proof", str(tmp_path / "missing"), lab.start("open"))
    assert done.returncode == 71 and done.stdout == ""
    assert done.stderr.startswith("relayprobe: --save-proof: ") and done.stderr.count("\n") == 1


def test_tokens_of_a_catch_all_domain(lab):
    data = report(lab.ask("--token", "catch-all", "--forms", "S1-R1", "--json",
                          lab.start("open")))
    assert data["verdict"] == "open"
    assert re.fullmatch(r"[a-z2-7]{16}@canary\.test", data["proof"]["delivered_to"])


def test_a_honeypot_that_lets_one_domain_through(lab):
    """Only canary.test is routed: the other canary is never reached."""
    done = lab.ask("--canary", "x@other.test", "--forms", "S1-R1", "--json", "--wait", "2s",
                   lab.start("open"))
    data = report(done)
    assert data["verdict"] == "open"
    reached = {c["address"]: c["reached"] for c in data["canaries"]}
    assert reached == {"probe@canary.test": True, "x@other.test": False}
    assert [f["id"] for f in data["forms"]["list"]] == ["S1-R1", "S1-R1.2"]
    said = "Only some canaries were reached: probe@canary.test;"
    assert any(note.startswith(said) for note in data["notes"])
    assert all(c["control_before"] for c in data["canaries"])


def send_later(address, messages):
    """Puts messages into the sink when the probe has opened it."""
    host, _, port = address.partition(":")

    def work():
        for _ in range(200):
            try:
                with smtplib.SMTP(host, int(port), timeout=10) as client:
                    for recipient, text in messages:
                        client.sendmail("stranger@example.test", [recipient], text)
                return
            except ConnectionRefusedError:
                time.sleep(0.02)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_forged_tokens_count_for_nothing(lab):
    forged = [
        ("probe+aaaaaaaaaaaaaaaa@canary.test", "Subject: a\r\n\r\nb\r\n"),
        ("probe@canary.test", "X-Relaylab-Token: bbbbbbbbbbbbbbbb\r\n\r\nb\r\n"),
        ("probe@canary.test", "Subject: nothing of ours\r\n\r\nb\r\n"),
    ]
    thread = send_later(lab.sink, forged)
    data = report(lab.ask("--forms", "S1-R1", "--json", "--wait", "2s", lab.start("discard")))
    thread.join()
    assert data["verdict"] == "discards" and data["forged"] == 2 and data["replayed"] == 0
    assert any("forged or altered token" in note for note in data["notes"])


def test_an_old_token_is_told_from_a_forged_one(lab, tmp_path):
    ledger = ["--ledger", str(tmp_path / "ledger.db")]
    target = lab.start("open")
    first = report(lab.ask(*ledger, "--forms", "S1-R1", "--json", target))
    old = first["proof"]["delivered_to"]
    thread = send_later(lab.sink, [(old, "Subject: again\r\n\r\nb\r\n")])
    data = report(lab.ask(*ledger, "--forms", "S1-R1", "--json", "--wait", "2s",
                          lab.start("discard")))
    thread.join()
    assert data["verdict"] == "discards" and data["replayed"] == 1 and data["forged"] == 0
    assert any(f"of run {first['run']}, form S1-R1" in note for note in data["notes"])


def test_a_stored_mailbox_without_a_control_route(lab, tmp_path):
    """Nobody can put a control message into it: no route was named, and there is no MX."""
    box = mailbox.Maildir(tmp_path / "box", create=True)
    box.add("Subject: somebody else's\n\nb\n")
    data = report(run(*CANARY, "--mailbox", f"maildir:{tmp_path / 'box'}", "--wait", "2s",
                      "--resolver", Names({}).address, "--forms", "S1-R1", "--json",
                      lab.start("discard")))
    assert (data["verdict"], data["reason_code"]) == ("accepts", "no-control-route")
    assert data["mailboxes"][0]["readable"]


def test_a_mailbox_that_cannot_be_read(lab):
    dead = free_address().rpartition(":")[2]
    environment = {**ENV, "RELAYPROBE_PASSWORD": "geheim"}
    done = subprocess.run(
        [BUILD / "relayprobe", *CANARY, "--mailbox", f"pop3://probe@127.0.0.1:{dead}",
         "--control-route", free_address(), "--wait", "1s", "--forms", "S1-R1", "--json",
         lab.start("discard")],
        capture_output=True, text=True, env=environment, timeout=90)
    data = report(done)
    assert (data["verdict"], data["reason_code"]) == ("accepts", "mailbox-dead")
    assert data["mailboxes"][0]["trouble"] and not data["mailboxes"][0]["readable"]
    assert "geheim" not in done.stdout + done.stderr


def test_a_ledger_that_cannot_be_had(lab, tmp_path):
    done = lab.ask("--ledger", str(tmp_path / "missing" / "ledger.db"), lab.start("open"))
    assert done.returncode == 71 and done.stdout == ""
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = subprocess.run(
        [BUILD / "relayprobe", *CANARY, "--sink", lab.sink, "--forms", "S1-R1", lab.start("open")],
        capture_output=True, text=True, env={**ENV, "XDG_STATE_HOME": str(blocked)}, timeout=60)
    assert done.returncode == 1 and "warning: nothing is written down" in done.stderr


def test_ctrl_c_in_the_window_says_accepts_and_the_line_what_is_awaited(lab):
    target = lab.start("discard")
    master, slave = pty.openpty()
    probe = subprocess.Popen(
        [BUILD / "relayprobe", *CANARY, "--sink", lab.sink, "--forms", "S1-R1", "--wait", "1min",
         "--json", target],
        stdout=subprocess.PIPE, stderr=slave, text=True, env={**ENV, "TERM": "xterm"})
    os.close(slave)
    shown = b""
    while b"waiting for S1-R1" not in shown:
        shown += os.read(master, 4096)
    probe.send_signal(signal.SIGINT)
    data = json.loads(probe.communicate(timeout=20)[0])
    os.close(master)
    assert (data["verdict"], data["reason_code"]) == ("accepts", "window-cut")
    assert probe.returncode == 128 + signal.SIGINT
    assert re.search(rb"[01]:[0-5]\d left \(Ctrl-C: no longer\)", shown)


def test_the_rate_to_one_target_holds(lab):
    data = report(lab.ask("--rate", "1", "--forms", "S1-R1", "--max-time", "3s", "--json",
                          "--wait", "1s", lab.start("postfix-554")))
    assert data["sessions"] == 1 and data["verdict"] == "closed"


def test_dry_run_names_every_canary():
    done = run(*CANARY, "--canary", "x@other.test", "--sink", "127.0.0.1:2525", "--dry-run",
               "--token", "catch-all", "127.0.0.1:1")
    assert done.returncode == 0
    assert "# S1-R1.2: " in done.stdout
    assert re.search(r"RCPT TO:<[a-z2-7]{16}@other\.test>", done.stdout)
    assert done.stdout.count("control message") >= 1
