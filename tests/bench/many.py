"""The section `many` of bench.py: a thousand servers in one run, and ten thousand simulated.

Twelve mock servers, one of each persona, answer at every address of 127.0.0.0/8, each reply 5 ms
late; a target is one address and port. Each figure is of the whole process of relayprobe, asked of
the kernel; its peak is looked at while it runs, since what wait4 tells counts the memory of whoever
started it. Memory for a target in flight is the difference between two runs over one
list: nearly all at once, and few. Virtual targets are tests/bench/crowd.c.
"""

import json
import os
import random
import re
import socket
import subprocess
import time
from pathlib import Path

VERDICTS = {
    "postfix-554": "closed", "postfix-454": "closed", "exim": "closed", "sendmail": "closed",
    "opensmtpd": "closed", "auth-required": "closed", "open": "open", "discard": "discards",
    "qmail": "bounces", "blocklisted-client": "inconclusive", "not-smtp": "unreachable",
    "refuses-then-delivers": "open",
}
TARGETS, MANY, FEW, SIMULATED = 1000, 600, 50, 10000


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def slow(persona, directory):
    """The persona, each of its replies 5 ms late."""
    path = Path(directory) / f"slow-{persona}.yaml"
    path.write_text(f"persona: {persona}\nrules:\n  - {{at: any, delay: 5ms, continue: true}}\n",
                    encoding="ascii")
    return path


def start(build, directory, sink):
    """Target -> verdict, and the servers."""
    servers, targets = [], []
    for number, persona in enumerate(VERDICTS):
        config = ["--config", str(slow(persona, directory))]
        server = subprocess.Popen([str(build / "mockmta"), *config, "--listen", "0.0.0.0:0",
                                   "--allow-public", "--route", f"canary.test={sink}"],
                                  stdout=subprocess.PIPE, text=True)
        port = json.loads(server.stdout.readline())["listen"].split(":")[-1]
        servers.append(server)
        count = TARGETS // len(VERDICTS) + (number < TARGETS % len(VERDICTS))
        targets += [(f"127.0.{i // 250}.{i % 250 + 1}:{port}", persona) for i in range(count)]
    random.Random(1).shuffle(targets)
    return dict(targets), servers


def wrong_of(out, targets):
    said = {}
    for line in out.decode().splitlines():
        report = json.loads(line)
        said[report["target"]] = report["verdict"]
    return sum(said.get(t) != VERDICTS[p] for t, p in targets.items()), len(said)


def peak_kib(process):
    """The most that it had resident; it has ended then, and waits for wait4."""
    peak = 0
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        seen = re.search(r"^VmHWM:\s+(\d+) kB", status, re.M)
        peak = int(seen.group(1)) if seen else peak
        time.sleep(0.02)
    return peak


def ask(build, directory, targets, sink, concurrency, *more):
    """Wrong verdicts, seconds, CPU seconds, KiB."""
    path = Path(directory) / "targets"
    path.write_text("".join(f"{t}\n" for t in targets), encoding="ascii")
    out = Path(directory) / "reports"
    argv = [str(build / "relayprobe"), "--canary", "probe@canary.test", "--sink", sink, "--json",
            "--wait", "10s", "--rate", "6000", "--targets", str(path), "--quiet",
            "--concurrency", str(concurrency), *more]
    began = time.monotonic()
    with open(out, "wb") as stream:
        process = subprocess.Popen(argv, stdout=stream)
        kib = peak_kib(process)
        _, _, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    wrong, said = wrong_of(out.read_bytes(), targets)
    assert said == len(targets), f"{said} reports of {len(targets)} targets"
    return wrong, seconds, usage.ru_utime + usage.ru_stime, kib


def show(label, figures):
    wrong, seconds, cpu, kib = figures
    print(f"  {label:<32} {wrong} wrong, {seconds:6.1f} s, CPU {cpu:5.1f} s, "
          f"peak {kib / 1024:6.1f} MiB")


def many(build, directory):
    print(f"{TARGETS} mock servers of {len(VERDICTS)} personas in one run, every reply 5 ms late")
    sink = f"127.0.0.1:{free_port()}"
    targets, servers = start(build, directory, sink)
    try:
        for label, tls in (("in clear", ["--tls", "none"]), ("TLS where it is offered", [])):
            print(f" {label}, no ledger")
            few = ask(build, directory, targets, sink, FEW, "--no-ledger", *tls)
            show(f"{FEW} at once", few)
            crowd = ask(build, directory, targets, sink, MANY, "--no-ledger", *tls)
            show(f"{MANY} at once", crowd)
            kib = (crowd[3] - few[3]) / (MANY - FEW)
            print(f"  memory of a target in flight     {kib:6.1f} KiB"
                  + ("   (to reach: 24)" if tls else ""))
        show(f"{MANY} at once, with a ledger", ask(build, directory, targets, sink, MANY,
                                                   "--ledger", str(Path(directory) / "ledger.db")))
    finally:
        for server in servers:
            server.terminate()
            server.wait(timeout=20)
    print("in the simulator, the same mix, 20 ms away (`make crowd`: 100000)", flush=True)
    subprocess.run([str(build / "bench/crowd"), str(SIMULATED)], check=True)
