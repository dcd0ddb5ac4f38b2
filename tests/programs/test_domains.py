"""--domain more than once: the forms that trust by domain are asked with each, and find a server
that trusts the second one only."""

import json
import subprocess

import pytest

from lab import BUILD, ENV, Mockmta
from test_relayprobe import free_address

RULES = """\
title: Trusts one domain
why: A server of several domains that forgot one of them.
hostname: mx.victim.test
local_domains: [victim.test, second.test, third.test]
rules:
  - at: RCPT
    when: {{{when}, to_domain: not-local}}
    reply: 250 2.1.5 Ok
    fate: relay
"""
DOMAINS = [word for name in ("victim.test", "second.test", "third.test")
           for word in ("--domain", name)]


def ask(target, sink, *args):
    done = subprocess.run(
        [BUILD / "relayprobe", "--canary", "probe@canary.test", "--sink", sink, "--wait", "1s",
         "--no-ledger", "--json", "--zone", "zone.canary.test", "--forms", "full", *args, target],
        capture_output=True, text=True, env=ENV, timeout=60, check=False)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("when, forms", [
    ("sender_domain: second.test",
     {"S9-R1.D2", "S9m-R1.D2", "S10-R1.D2", "S10r-R1.D2"}),
    ("helo: second.test", {"S1-R1@E5d.D2"}),
    ("helo: third.test", {"S1-R1@E5d.D3"}),
    ('to_domain: "second.test.*"', {"S1-R39.D2"}),
])
def test_open_by_the_second_domain_only(tmp_path, when, forms):
    config = tmp_path / "rules.yaml"
    rules = RULES.format(when=when)
    if when.startswith("to_domain"):
        rules = rules.replace(", to_domain: not-local", "")
    config.write_text(rules)
    sink = free_address()
    server = Mockmta("--config", config, "--listen", "127.0.0.1:0",
                     "--route", f"canary.test={sink}", "--route", f"*.canary.test={sink}")
    try:
        report = ask(server.address, sink, *DOMAINS)
        assert report["verdict"] == "open"
        assert {f["id"] for f in report["forms"]["list"] if f["delivered"]} == forms
        assert ask(server.address, sink, *DOMAINS[:2])["verdict"] == "closed"
    finally:
        server.stop()


def test_closed_to_all_domains(tmp_path):
    config = tmp_path / "rules.yaml"
    config.write_text(RULES.format(when="sender_domain: other.test"))
    sink = free_address()
    server = Mockmta("--config", config, "--listen", "127.0.0.1:0",
                     "--route", f"canary.test={sink}")
    try:
        report = ask(server.address, sink, *DOMAINS)
    finally:
        server.stop()
    assert report["verdict"] == "closed"
    ids = {f["id"] for f in report["forms"]["list"]}
    assert {f"S10-R1{n}" for n in ("", ".D2", ".D3")} <= ids
    assert {f"S1-R1@E5d{n}" for n in ("", ".D2", ".D3")} <= ids
    assert "S6-R1.D2" not in ids and "S1-R6.D2" not in ids


@pytest.mark.parametrize("words, what", [
    (["--domain", "a.test", "--domain", "A.TEST"], "given twice"),
    ([w for n in "abcde" for w in ("--domain", f"{n}.test")], "at most 4 domains"),
    (["--domain", "a.test", "--domain", "canary.test"], "that is the canary's own domain"),
])
def test_wrong_domains(words, what):
    done = subprocess.run(
        [BUILD / "relayprobe", "--canary", "probe@canary.test", "--dry-run", *words, "127.0.0.1"],
        capture_output=True, text=True, check=False)
    assert done.returncode == 2 and what in done.stderr and done.stdout == ""


def test_the_most_forms_that_can_be_asked_for_are_asked(tmp_path):
    """Everything, of four canaries and the domains, and as many of one's own as a file may have."""
    own = tmp_path / "own.yaml"
    own.write_text("forms:\n" + "".join(f'  - {{id: U{i}, to: "<{{x}}@{{X}}>"}}\n'
                                        for i in range(32)))
    canaries = [word for i in range(3) for word in ("--canary", f"probe@canary{i}.example")]
    done = subprocess.run(
        [BUILD / "relayprobe", "--canary", "probe@canary.test", *canaries, "--dry-run", *DOMAINS,
         "--forms", f"full,{own}", "127.0.0.1"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    for form in (b"U31", b"S1-R1.4", b"S10-R1.D3"):
        assert form in done.stdout, form
