"""relaylab ended by signals, and walks through directories that have no end."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELAYLAB_BUILD", ROOT / "build")).resolve()
ENV = {**os.environ, "RELAYLAB_PERSONAS": str(ROOT / "mockmta" / "personas")}


def start(*args):
    return subprocess.Popen([BUILD / "relaylab", *map(str, args)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env=ENV, cwd=ROOT,
                            start_new_session=True)


def lab(*args):
    run = start(*args)
    run.stdout, run.stderr = run.communicate(timeout=60)
    return run


def write_case(path, **changes):
    keys = {"case": path.stem, "title": "t", "why": "It must be told why.", "time": "virtual",
            "truth": "closed", "servers": "{mx: {persona: postfix-554}}",
            "expect": "{verdict: closed}", **changes}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()))
    return path


def write_slow(path):
    return write_case(path, time="real", probe="{wait: 300s}",
                      servers="{mx: {persona: discard}}", expect="{verdict: discards}")


def workers_of(pid, count):
    """The children of a run, once there are so many."""
    for _ in range(1000):
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if len(found) == count:
            return [int(child) for child in found]
        time.sleep(0.01)
    raise AssertionError(f"{count} workers never came")


def wait_until_idle(pid):
    """Nothing was read for half a second: whatever could finish has."""
    seen, same = "", 0
    while same < 25:
        now = Path(f"/proc/{pid}/io").read_text().splitlines()[0]
        seen, same = now, same + 1 if now == seen else 0
        time.sleep(0.02)


def are_gone(pids):
    for _ in range(500):
        if not any(Path(f"/proc/{pid}/exe").exists() for pid in pids):
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("number, group", [
    (signal.SIGINT, False), (signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGTERM, True),
])
def test_a_signal_ends_the_workers_and_what_had_finished_is_told(tmp_path, number, group):
    write_slow(tmp_path / "a-slow.yaml")
    write_case(tmp_path / "b-quick.yaml", time="real")
    write_case(tmp_path / "c-wrong.yaml", time="real", expect="{verdict: open}")
    write_slow(tmp_path / "d-slow.yaml")
    tap, jsonl = tmp_path / "report.tap", tmp_path / "report.jsonl"
    run = start("run", "--time", "real", "-j", "3", "--tap", tap, "--jsonl", jsonl, tmp_path)
    workers = workers_of(run.pid, 3)
    wait_until_idle(run.pid)  # what the quick ones brought waits for the slow one
    (os.killpg if group else os.kill)(run.pid, number)
    told, trouble = run.communicate(timeout=10)
    assert run.returncode == 128 + number and trouble == ""
    lines = told.splitlines()
    assert any(line.startswith("pass  b-quick ") for line in lines)
    assert any(line.startswith("fail  c-wrong ") for line in lines)
    assert not any("-slow" in line for line in lines)
    assert lines[-2] == f"ended by signal {number} ({signal.strsignal(number)}): 2 not finished"
    assert lines[-1] == "1 passed, 1 failed, 0 skipped"
    assert tap.read_text().splitlines()[-1] == f"Bail out! signal {number}, 2 not finished"
    total = json.loads(jsonl.read_text().splitlines()[-1])
    assert total["unfinished"] == 2 and total["signal"] == number
    assert are_gone(workers)


def test_workers_die_with_a_parent_that_was_killed(tmp_path):
    for name in "ab":
        write_slow(tmp_path / f"{name}.yaml")
    run = start("run", "--time", "real", "-j", "2", tmp_path)
    workers = workers_of(run.pid, 2)
    run.kill()
    run.communicate(timeout=10)
    assert are_gone(workers)


def test_a_walk_ends(tmp_path):
    """Links to directories, and what lies too deep, are left alone; a link to a file is a file."""
    write_case(tmp_path / "real" / "a.yaml")
    (tmp_path / "real" / "loop").symlink_to(tmp_path)
    (tmp_path / "b.yaml").symlink_to("real/a.yaml")
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "fifo.yaml")
    deep = tmp_path.joinpath(*"0123456789abcdefg")
    write_case(deep.parent / "fine.yaml")
    write_case(deep / "deep.yaml")
    run = lab("list", tmp_path)
    found = [line.split("/")[-1] for line in run.stdout.splitlines()]
    assert sorted(found) == ["a.yaml", "b.yaml", "fine.yaml"]
    assert lab("list", deep / "deep.yaml").returncode == 0
    assert lab("list", tmp_path / "real" / "loop").stdout.count("a.yaml") == 1


def test_a_walk_through_everything_is_refused(tmp_path):
    for number in range(4096):
        (tmp_path / f"{number}").mkdir()
    run = lab("run", tmp_path)
    assert run.returncode == 2 and run.stdout == ""
    assert run.stderr == f"relaylab: {tmp_path}: more than 4096 directories below it\n"
