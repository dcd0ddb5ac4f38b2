"""The list of forms, the page made of it, the cases that prove each, and forms of a user's own."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELAYLAB_BUILD", ROOT / "build")).resolve()
CASES = ROOT / "scenarios" / "cases" / "forms"
ASK = ["--no-ledger", "--canary", "probe@canary.test", "--dry-run"]


def run(*args, **more):
    return subprocess.run(
        [BUILD / "relayprobe", *args], capture_output=True, text=True, timeout=60, **more
    )


def rows():
    return json.loads(run("--list-forms", "--json").stdout)["forms"]


def test_the_list_is_long_enough_and_fits_a_terminal():
    said = run("--list-forms")
    assert said.returncode == 0 and said.stderr == ""
    assert all(len(line) < 80 for line in said.stdout.splitlines())
    forms = rows()
    assert len(forms) >= 75
    for form in forms:
        assert re.search(rf"^{form['id']} ", said.stdout, re.M), form
        assert form["finds"] and form["asked_by"]
    asked = [f for f in forms if not f["control"] and f["battery"] != "full"]
    assert len(asked) - 1 >= 55  # S1 and R1 are one form


def test_the_page_is_what_the_program_prints():
    """build/relayprobe --list-forms --markdown >doc/forms.md"""
    said = run("--list-forms", "--markdown")
    assert said.stdout == (ROOT / "doc" / "forms.md").read_text(encoding="utf-8")


def test_every_form_has_its_case():
    page = (ROOT / "doc" / "forms.md").read_text(encoding="utf-8")
    for form in rows():
        line = next(l for l in page.splitlines() if l.startswith(f"| {form['id']} |"))
        if form["control"]:
            assert "explains" in line
            continue
        name, row = re.search(r"\| ([a-z-]+) `form=([A-Za-z0-9-]+)` \|$", line).groups()
        case = (CASES / f"{name}.yaml").read_text(encoding="utf-8")
        assert f"{{form: {row}," in case or f"{{form: {row}}}" in case, form["id"]
        assert "truth: open" in case and "truth: closed" in case
        assert "delivered: {canary: 1}" in case or name == "plain"


FORMS = """forms:
  - id: U1
    to: "<{x}%{X}@relay.{D}>"
    why: our old gateway
  - {id: U2, from: "<{p}@{D}>", to: "<{x}@{X}>", to_params: NOTIFY=NEVER, needs: DSN}
  - {id: U3, to: "<{x}@{X}>", also: "<info@{D}>", also_after: true}
"""


def test_own_forms_are_asked_beside_the_plain_one(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(FORMS)
    said = run(*ASK, "--domain", "victim.test", "--forms", str(file), "127.0.0.1:25")
    assert said.returncode == 0, said.stderr
    assert "# S1-R1:" in said.stdout and "# S1-R43:" in said.stdout
    assert re.search(r"RCPT TO:<probe\+\w{16}%canary.test@relay.victim.test>\n", said.stdout)
    assert re.search(
        r"MAIL FROM:<probe\+\w{16}@victim.test>\nRCPT TO:<\S+@canary.test> NOTIFY=NEVER\n",
        said.stdout)
    assert re.search(r"RCPT TO:<\S+@canary.test>\nRCPT TO:<info@victim.test>\n", said.stdout)
    said = run(*ASK, "--forms", f"R6,{file}", "127.0.0.1:25")
    assert "# S1-R6:" in said.stdout and "# U3:" in said.stdout and "# S1-R1:" not in said.stdout


@pytest.mark.parametrize(
    "old, new, where, what",
    [
        ("id: U1", "id: R6", "2:9", "a form of that id is there already"),
        ("id: U1", "id: a-b", "2:9", "not an id for a form"),
        ("@relay.{D}", "@gmail.example", "3:9", "the domain is nobody's that we know"),
        ("<{x}%{X}", "<y%{X}", "3:9", "a delivery could not be told"),
        ("{X}@relay", "{Q}@relay", "3:9", "no template has the word {Q}"),
        ("needs: DSN", "needs: TLS", "5:8", "not an EHLO keyword"),
        ("why:", "wy:", "4:5", "unknown key"),
        ("id: U2", "id: U1", "", "two forms have the id U1"),
        (FORMS, "forms: [", "2:1", ""),
    ],
)
def test_errors_have_a_place(tmp_path, old, new, where, what):
    file = tmp_path / "mine.yaml"
    file.write_text(FORMS.replace(old, new, 1))
    said = run(*ASK, "--forms", str(file), "127.0.0.1:25")
    assert said.returncode == 2 and said.stdout == ""
    assert f"mine.yaml:{where}" in said.stderr and what in said.stderr, said.stderr


def test_a_file_that_is_not_there():
    said = run(*ASK, "--forms", "/nowhere/mine.yaml", "127.0.0.1:25")
    assert said.returncode == 2
    assert "/nowhere/mine.yaml" in said.stderr and "No such file" in said.stderr


@pytest.mark.parametrize(
    "option, value",
    [("--zone", "a b"), ("--zone", "[127.0.0.1]"), ("--canary-ip", "canary.test"),
     ("--backup-domain", ""), ("--mx-domain", "-x.test"), ("--local-recipient", "info"),
     ("--local-recipient", "info@canary.test"), ("--local-recipient", "a b@victim.test")],
)
def test_what_forms_need_is_checked(option, value):
    said = run(*ASK, option, value, "127.0.0.1:25")
    assert said.returncode == 2 and option in said.stderr
