"""The section `mailbox` of bench.py: does a mailbox full of other people's mail cost anything?

relayprobe asks mockmta's `open`, whose relayed mail goes through a real Postfix into a Maildir; it
is read from there directly, and by a real Dovecot, first empty, then with ten thousand messages
that are not ours. Seconds are of a whole run, up to the verdict by the first delivery; memory is
the largest resident size of relayprobe, asked of the kernel when it ends.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "real"))

from dovecot import HOST, PASSWORD, PORTS, USER, Dovecot  # noqa: E402
from namespace import Namespace  # noqa: E402
from postfix import HOME_DOMAIN, HOME_PORT, Home  # noqa: E402

ROUNDS, FOREIGN, TARGET_PORT = 5, 10000, 2525
FILLER = "A line of somebody else's mail, which is nobody's business.\n" * 16


def fill(dovecot):
    for i in range(FOREIGN):
        path = dovecot.inbox / "new" / f"1700000000.M{i}.foreign"
        text = f"From: a{i}@example.test\nSubject: foreign {i}\nMessage-ID: <{i}@example.test>\n\n"
        path.write_text(text + FILLER, encoding="ascii")
    dovecot.inside(["chown", "-R", "canary:canary", str(dovecot.maildirs)])


class Rig:
    def __init__(self, build, namespace, dovecot):
        self.build, self.namespace, self.dovecot = build, namespace, dovecot
        self.password = dovecot.here / "password"
        self.password.write_text(PASSWORD, encoding="ascii")
        self.password.chmod(0o600)
        remote = {kind: f"{kind}://{USER}@{HOST}:{PORTS[kind]}" for kind in ("imaps", "pop3s")}
        self.urls = {"maildir": f"maildir:{dovecot.inbox}", **remote}

    def run(self, kind):
        """Seconds and MiB of one run, whose verdict must be right."""
        secret = [] if kind == "maildir" else ["--password-file", str(self.password), "--ca-file",
                                               str(self.dovecot.here / "ca.pem")]
        argv = [str(self.build / "relayprobe"), "--canary", f"canary@{HOME_DOMAIN}", "--mailbox",
                self.urls[kind], *secret, "--control-route", f"127.0.0.1:{HOME_PORT}",
                "--no-ledger", "--json", f"127.0.0.1:{TARGET_PORT}"]
        begin = time.monotonic()
        process = self.namespace.start(argv, stdout=subprocess.PIPE)
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if json.loads(said)["verdict"] != "open":
            raise SystemExit(f"bench: {kind}: {said}")
        return time.monotonic() - begin, used.ru_maxrss / 1024

    def measure(self, label):
        figures = {kind: [] for kind in self.urls}
        for kind in self.urls:
            self.run(kind)  # Dovecot makes its index
        for _ in range(ROUNDS):
            for kind, values in figures.items():
                values.append(self.run(kind))
        for kind, values in figures.items():
            seconds, memory = zip(*values)
            print(f"  {kind:<8} {label:<24} {statistics.median(seconds):6.2f} s "
                  f"[{min(seconds):.2f} .. {max(seconds):.2f}] {max(memory):6.1f} MiB")


def start_target(build, namespace):
    process = namespace.start(
        [str(build / "mockmta"), "--persona", "open", "--listen", f"127.0.0.1:{TARGET_PORT}",
         "--route", f"{HOME_DOMAIN}=127.0.0.1:{HOME_PORT}"], stdout=subprocess.PIPE)
    if not process.stdout.readline():
        raise SystemExit("bench: mockmta does not start")
    return process


def mailbox(build, _directory):
    print(f"a run with proof by delivery, {ROUNDS} rounds, the verdict checked each time")
    with Namespace() as namespace, Dovecot(namespace) as dovecot:
        with Home(namespace, dovecot.maildirs):
            target = start_target(build, namespace)
            try:
                rig = Rig(build, namespace, dovecot)
                rig.measure("an empty mailbox")
                fill(dovecot)
                rig.measure(f"{FOREIGN} foreign messages")
            finally:
                target.terminate()
                target.communicate(timeout=20)
