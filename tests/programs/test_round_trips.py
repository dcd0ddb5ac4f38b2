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


def contexts(asked):
    """Kinds of session beside the ordinary one: each needs a connection of its own."""
    return len({form["id"].partition("@")[2] for form in asked["forms"]["list"]} - {""})


def test_groups(server):
    """Nine refusals a connection at most, and EHLO, one group and QUIT in each."""
    asked = ask(server)
    assert asked["verdict"] == "closed" and asked["forms"]["total"] >= 55
    refused = asked["forms"]["refused"] + 4  # R41, R42 and both R43 are refused too
    assert asked["sessions"] <= -(-refused // 9) + contexts(asked)
    ordinary = asked["sessions"] - contexts(asked)
    assert asked["round_trips"] <= 3 * ordinary + 7 * contexts(asked)  # some go one by one


def test_one_by_one(server):
    alone = ask(server, "--one-by-one")
    assert alone["round_trips"] == alone["commands"] > 3 * ask(server)["round_trips"]
