#!/usr/bin/python3
"""Measures speed and memory side by side with a peer, in one run: no figure stands alone.

Everything runs in a network namespace of its own. Pairs are interleaved, so that a drifting machine
hits both alike; medians are shown with their range. CPU is the server's own, from
/proc/PID/schedstat. Sections: messages, sessions, batteries, detector, mailbox, many; all when none
is named.
"""

import argparse
import contextlib
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mailbox import mailbox
from many import many

ROOT = Path(__file__).resolve().parents[2]
POSTFIX = ROOT / "build" / "mta" / "postfix" / "usr"
PEER_ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LD_LIBRARY_PATH": str(POSTFIX / "lib/postfix")}
ROUNDS, IDLE_SESSIONS = 7, 4000
PATTERNS = {"reused sessions": (["-d"], 20000), "a connection per message": ([], 6000)}


def cpu_ns(pid):
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0])


def resident(pid):
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return int(re.search(r"^Rss:\s+(\d+) kB", text, re.M).group(1)) * 1024


def free_ports(count):
    """Different ones: all are held until the last is found."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for s in found:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in found]


def free_port():
    return free_ports(1)[0]


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as s:
            return s.recv(3) == b"220"
    except OSError:
        return False


class Server:
    """A process that listens on a port, ended by its pid."""

    def __init__(self, argv, port, **options):
        self.port = port
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        **options)
        for _ in range(200):
            if answers(port):
                return
            time.sleep(0.02)
        raise SystemExit(f"bench: {argv[0]} does not answer")

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=20)


def smtp_sink(directory):
    port = free_port()
    argv = [str(POSTFIX / "sbin/smtp-sink"), "-m", "8000", "-u", "nobody", f"127.0.0.1:{port}",
            "4096"]
    return Server(argv, port, env={**PEER_ENV, "MAIL_CONFIG": directory})


def mockmta(build, *options):
    port = free_port()
    return Server([str(build / "mockmta"), "--persona", "discard", "--listen", f"127.0.0.1:{port}",
                   *options], port)


def source(directory, port, options, count):
    argv = [str(POSTFIX / "sbin/smtp-source"), *options, "-s", "10", "-l", "1024", "-m", str(count),
            "-M", "probe.example.test",
            "-f", "a@example.test", "-t", "b@canary.test", f"inet:127.0.0.1:{port}"]
    subprocess.run(argv, check=True, env={**PEER_ENV, "MAIL_CONFIG": directory}, timeout=300)


def median_line(label, values, unit):
    print(f"  {label:<28} {statistics.median(values):9.2f} {unit}  "
          f"[{min(values):.2f} .. {max(values):.2f}]")


def messages(build, directory):
    log = Path(directory) / "log.jsonl"
    for pattern, (options, count) in PATTERNS.items():
        print(f"server CPU per message, {pattern}, {count} messages of 1 KiB, 10 sessions, "
              f"{ROUNDS} interleaved rounds")
        with smtp_sink(directory) as peer, mockmta(build) as quiet, \
                mockmta(build, "--log", str(log)) as logging:
            servers = {"smtp-sink": peer, "mockmta": quiet, "mockmta --log FILE": logging}
            spent = {name: [] for name in servers}
            for _ in range(ROUNDS):
                for name, server in servers.items():
                    before = cpu_ns(server.pid)
                    source(directory, server.port, options, count)
                    spent[name].append((cpu_ns(server.pid) - before) / count / 1000)
                log.write_bytes(b"")
        for name, values in spent.items():
            median_line(name, values, "us")
        for name, bound in (("mockmta", 0.8), ("mockmta --log FILE", 1.2)):
            ratios = [a / b for a, b in zip(spent[name], spent["smtp-sink"])]
            median_line(f"{name} / smtp-sink", ratios, f"   (to reach: {bound})")


def idle_cost(server):
    """Bytes of resident memory per session that has said EHLO and waits."""
    before, clients = resident(server.pid), []
    for _ in range(IDLE_SESSIONS):
        s = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        s.recv(512)
        s.sendall(b"EHLO probe.example.test\r\n")
        s.recv(2048)
        clients.append(s)
    cost = (resident(server.pid) - before) / IDLE_SESSIONS
    for s in clients:
        s.close()
    return cost


def sessions(build, directory):
    print(f"resident memory per idle session, {IDLE_SESSIONS} sessions")
    with smtp_sink(directory) as peer:
        theirs = idle_cost(peer)
    with mockmta(build) as server:
        ours = idle_cost(server)
    print(f"  smtp-sink {theirs / 1024:9.2f} KiB\n"
          f"  mockmta   {ours / 1024:9.2f} KiB   (to reach: 4)")


def batteries(build, _directory):
    print("full first batteries per second in the simulator (postfix-554, tokens and report on), "
          "one core")
    rates = []
    for _ in range(ROUNDS):
        done = subprocess.run([str(build / "bench/battery")], check=True, capture_output=True,
                              text=True)
        rates.append(float(done.stdout.split()[0]))
    median_line("batteries", rates, "/s   (to reach: 3000)")


def ask_ours(build, port, sink, sessions):
    """Seconds that relayprobe takes, and its report."""
    start = time.monotonic()
    done = subprocess.run([str(build / "relayprobe"), "--canary", "probe@canary.test",
                           "--no-ledger", "--sink", f"127.0.0.1:{sink}", "--json",
                           "--sessions", str(sessions), f"127.0.0.1:{port}"],
                          capture_output=True, text=True, check=False)
    return time.monotonic() - start, json.loads(done.stdout)


def ask_nmap(port):
    start = time.monotonic()
    subprocess.run(["nmap", "-Pn", "-n", "-sT", "-p", str(port), "--script",
                    "+smtp-open-relay", "127.0.0.1"], capture_output=True, check=True)
    return time.monotonic() - start


def ask_all(build, port, sink, rounds):
    """Interleaved: relayprobe one session after another, four side by side, and nmap."""
    ours, theirs, reports = {1: [], 4: []}, [], {}
    for _ in range(rounds):
        for sessions, seconds in ours.items():
            took, reports[sessions] = ask_ours(build, port, sink, sessions)
            seconds.append(took)
        theirs.append(ask_nmap(port))
    for sessions, seconds in ours.items():
        report = reports[sessions]
        print(f"  --sessions {sessions}: {report['sessions']} connections, "
              f"{report['commands']} commands, {report['round_trips']} round trips, "
              f"{report['longest_chain']} after one another")
        median_line(f"relayprobe, {report['forms']['total']} forms", seconds, "s")
    median_line("nmap smtp-open-relay, 16", theirs, "s")


def detector(build, _directory):
    print("standard battery on sockets, against mockmta --persona postfix-554")
    sink, port, line = free_ports(3)
    mock = [str(build / "mockmta"), "--persona", "postfix-554", "--listen", f"127.0.0.1:{port}"]
    delay = ["/usr/bin/python3", str(ROOT / "tests/bench/delay.py"), str(line), str(port), "0.1"]
    with Server(mock, port), Server(delay, line):
        for label, at, rounds in (("no delay", port, ROUNDS), ("0.1 s each way", line, 3)):
            print(f" {label}")
            ask_all(build, at, sink, rounds)


SECTIONS = {"messages": messages, "sessions": sessions, "batteries": batteries,
            "detector": detector, "mailbox": mailbox, "many": many}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("section", nargs="*", choices=[*SECTIONS, []])
    options = parser.parse_args()
    if not options.inside:
        here = ["/usr/bin/python3", __file__, "--inside", *sys.argv[1:]]
        os.execvp("unshare",
                  ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *here])
    os.environ["RELAYLAB_PERSONAS"] = str(ROOT / "mockmta/personas")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="relaylab-bench-") as directory:
        os.chmod(directory, 0o755)
        (Path(directory) / "main.cf").write_text("compatibility_level = 3.6\n", encoding="ascii")
        for name in options.section or SECTIONS:
            SECTIONS[name](Path(options.build).resolve(), directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
