#!/usr/bin/python3
"""reports.py - asks each listener of the real Postfix and prints the text reports as Markdown

    /usr/bin/python3 tests/real/reports.py >doc/real-postfix.md

Needs what the tests need: root or user namespaces, ci/deps postfix, and the programs in build/.
"""

from namespace import Namespace
from postfix import LISTENERS, SINK_PORT, Postfix

HEAD = """# What relayprobe says of a real Postfix

Postfix 3.7 as Debian 12 has it, in a network namespace of its own, relaying to the sink that
relayprobe runs. One instance, five listeners; what differs between them stands above each report.
Written by `tests/real/reports.py`; `tests/real/test_postfix.py` asserts the verdicts.
"""
COMMAND = ("relayprobe --canary probe@canary.test --sender asker@canary.test "
           "--sink 127.0.0.1:{sink} --domain victim.test --wait 4s {target}")


def report(namespace, server, name):
    command = COMMAND.format(sink=SINK_PORT, target=server.address(name))
    done = namespace.run(["build/" + command.split()[0], *command.split()[1:]])
    print(f"## {name}\n\nmaster.cf: `smtpd {LISTENERS[name][1]}`\n")
    print(f"```\n$ {command}\n{done.stdout}$ echo $?\n{done.returncode}\n```\n")


def main():
    print(HEAD)
    with Namespace() as namespace, Postfix(namespace) as server:
        for name in LISTENERS:
            report(namespace, server, name)


if __name__ == "__main__":
    main()
