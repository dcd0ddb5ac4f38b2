"""How much a battery costs: sessions, commands and round trips, on sockets."""

import json
import subprocess

import pytest

from lab import BUILD, ENV, Mockmta


@pytest.fixture
def server():
    mock = Mockmta("--persona", "postfix-554", "--listen", "127.0.0.1:0")
    yield mock
    mock.stop()


def ask(server, *options):
    command = [BUILD / "relayprobe", "--canary", "probe@canary.test", "--forms", "standard",
               "--outside", "--json", "--no-ledger", *options, server.address]
    done = subprocess.run(command, capture_output=True, text=True, env=ENV, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


# More than three round trips: without EHLO there is no PIPELINING, and a second EHLO is awaited.
MORE = {"E6": 3, "E6n": 2, "E9": 1, "E9a": 1, "E10": 1}


def contexts(asked):
    """Kinds of session beside the ordinary one: each needs a connection of its own."""
    asked_in = {form["id"].partition("@")[2] for form in asked["forms"]["list"]
                if form["state"] != "not-applicable"}
    return asked_in - {""}


def test_groups(server):
    """Nine refusals a connection at most; connection, EHLO, and one group with QUIT in each."""
    asked = ask(server)
    assert asked["verdict"] == "closed" and asked["forms"]["total"] >= 55
    refused = asked["forms"]["refused"] + 4  # R41, R42 and both R43 are refused too
    assert asked["sessions"] <= -(-refused // 9) + len(contexts(asked))
    more = sum(MORE.get(context, 0) for context in contexts(asked))
    assert asked["round_trips"] <= 3 * asked["sessions"] + more


def test_one_by_one(server):
    alone = ask(server, "--one-by-one")
    assert alone["round_trips"] == alone["commands"] + alone["sessions"]
    assert alone["round_trips"] > 3 * ask(server)["round_trips"]


def test_side_by_side(server):
    """The same answers over as many connections, and fewer round trips after one another."""
    alone, beside = ask(server), ask(server, "--sessions", "4")
    assert beside["forms"]["refused"] == alone["forms"]["refused"]
    assert beside["verdict"] == "closed" and beside["sessions"] <= alone["sessions"] + 1
    assert beside["longest_chain"] < alone["longest_chain"] / 2
    assert alone["longest_chain"] == alone["round_trips"]
