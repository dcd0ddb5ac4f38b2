"""Fixtures for tests with software that is not ours: a real Postfix, swaks, nmap, Python's smtplib.

Postfix runs unpacked (ci/unpack), in a private directory, inside a network and mount namespace of
the test's own: its ports clash with nobody's and no packet, look-up or mail can leave. What is
missing skips the test with the remedy; RELAYLAB_REQUIRE=postfix,netns,nmap,swaks turns the skip of
a named thing into a failure.
"""

import os
import shutil
from pathlib import Path

import pytest

from namespace import Namespace, NamespaceError
from postfix import UNPACKED, Postfix

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELAYLAB_BUILD", ROOT / "build")).resolve()


def need(name, present, remedy):
    """Skips when something is missing, or fails where RELAYLAB_REQUIRE names it."""
    if present:
        return
    if name in os.environ.get("RELAYLAB_REQUIRE", "").split(","):
        pytest.fail(f"{name} is required and missing: {remedy}", pytrace=False)
    pytest.skip(f"{name} is missing: {remedy}")


def need_program(name):
    need(name, shutil.which(name), f"apt-get install --no-install-recommends {name}")


@pytest.fixture
def swaks():
    need_program("swaks")


@pytest.fixture
def nmap():
    need_program("nmap")


@pytest.fixture(scope="session")
def namespace():
    """Network and mounts of the tests' own; ends, with all that runs in it, after the last test."""
    space, why = None, ""
    try:
        space = Namespace()
    except NamespaceError as error:
        why = str(error)
    need("netns", space, f"{why}; run as root, or allow user namespaces (sysctl "
         "kernel.unprivileged_userns_clone=1, package uidmap, a line in /etc/subuid)")
    with space:
        yield space


@pytest.fixture(scope="session")
def postfix(namespace):
    need("postfix", (UNPACKED / ".complete").exists(), "run ci/deps postfix")
    with Postfix(namespace) as server:
        yield server


@pytest.fixture(scope="session")
def program():
    """program(name): the path of one of our three programs."""
    def path(name):
        found = BUILD / name
        assert found.exists(), f"{found} is not built: run make"
        return str(found)
    return path
