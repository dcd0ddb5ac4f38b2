"""Many targets in one run: lists, order, shards, Ctrl-C, kill -9 and --resume."""

import json
import os
import pty
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import yaml

import schema
from lab import free_port

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELAYLAB_BUILD", ROOT / "build")).resolve()
ENV = {**os.environ, "RELAYLAB_PERSONAS": str(ROOT / "mockmta" / "personas")}
SCHEMA = json.loads((ROOT / "doc" / "relayprobe.schema.json").read_text())
VERDICTS = {
    "postfix-554": "closed", "postfix-454": "closed", "exim": "closed", "sendmail": "closed",
    "opensmtpd": "closed", "auth-required": "closed", "open": "open", "discard": "discards",
    "qmail": "bounces", "blocklisted-client": "inconclusive", "not-smtp": "unreachable",
    "refuses-then-delivers": "open",
}


class Crowd:
    """A mock server of each persona; each answers at every address of 127.0.0.0/8."""

    def __init__(self, folder):
        self.folder = folder
        self.sink = f"127.0.0.1:{free_port()}"
        self.servers, self.ports = {}, {}

    def start(self, *personas):
        for persona in personas:
            command = [BUILD / "mockmta", "--persona", persona, "--listen", "0.0.0.0:0",
                       "--allow-public", "--route", f"canary.test={self.sink}",
                       "--log", self.folder / f"{persona}.jsonl"]
            server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENV)
            self.servers[persona] = server
            self.ports[persona] = json.loads(server.stdout.readline())["listen"].split(":")[-1]

    def targets(self, each):
        """Address -> persona, mixed."""
        made = [(f"127.0.0.{i + 1}:{port}", persona)
                for persona, port in self.ports.items() for i in range(each)]
        random.Random(each).shuffle(made)
        return dict(made)

    def list_of(self, targets):
        path = self.folder / "targets"
        path.write_text("# targets\n" + "".join(f"{t}\n" for t in targets))
        return path

    def words(self, *args, ledger="ledger.db"):
        where = ["--ledger", self.folder / ledger] if ledger else ["--no-ledger"]
        wait = [] if "--wait" in args else ["--wait", "2s"]
        return [BUILD / "relayprobe", "--canary", "probe@canary.test", "--sink", self.sink,
                *wait, "--json", *where, *map(str, args)]

    def ask(self, *args, **more):
        ledger = more.pop("ledger", "ledger.db")
        return subprocess.run(self.words(*args, ledger=ledger), capture_output=True, text=True,
                              env=ENV, timeout=120, check=False, **more)

    def begin(self, *args):
        return subprocess.Popen(self.words(*args), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env=ENV)

    def verdicts(self):
        """Target -> verdict, of every run in the ledger; a target has one run."""
        done = subprocess.run([BUILD / "relayprobe", "--list-runs", "--ledger",
                               self.folder / "ledger.db"],
                              capture_output=True, text=True, check=True)
        rows = [line.split() for line in done.stdout.splitlines()]
        found = {row[2]: (row[-1] if row[-2] != "no" else None) for row in rows}
        assert len(found) == len(rows)
        return found

    def stop(self):
        for server in self.servers.values():
            server.terminate()
            server.communicate()


@pytest.fixture
def crowd(tmp_path):
    made = Crowd(tmp_path)
    yield made
    made.stop()


def reports(done):
    found = {}
    for line in done.stdout.splitlines():
        report = json.loads(line)
        assert report["target"] not in found
        found[report["target"]] = report
    return found


def expected(targets):
    return {target: VERDICTS[persona] for target, persona in targets.items()}


@pytest.mark.takes(5)
def test_a_mix_of_servers_in_one_run(crowd):
    crowd.start(*VERDICTS)
    targets = crowd.targets(7)
    done = crowd.ask("--targets", crowd.list_of(targets), "--concurrency", "40")
    found = reports(done)
    assert {t: r["verdict"] for t, r in found.items()} == expected(targets)
    for report in found.values():
        schema.check(report, SCHEMA)
    assert done.returncode == 1, done.stderr
    assert "84 of 84 targets done" in done.stderr


def test_each_delivery_goes_to_the_target_that_made_it(crowd):
    crowd.start("open", "postfix-554", "discard")
    targets = crowd.targets(10)
    found = reports(crowd.ask("--targets", crowd.list_of(targets), "--forms", "quick"))
    for target, persona in targets.items():
        delivered = {f["id"] for f in found[target]["forms"]["list"] if f["delivered"]}
        assert bool(delivered) == (persona == "open"), target


def test_reports_come_as_they_are_known(crowd):
    """The slow one is begun first and reported last; lines are flushed one by one."""
    crowd.start("postfix-554", "discard")
    fast = [f"127.0.0.{i}:{crowd.ports['postfix-554']}" for i in range(1, 6)]
    slow = f"127.0.0.1:{crowd.ports['discard']}"
    run = crowd.begin("--targets", crowd.list_of([slow, *fast]))
    first = [json.loads(run.stdout.readline())["target"] for _ in fast]
    assert sorted(first) == fast
    assert run.poll() is None
    rest, _ = run.communicate(timeout=60)
    assert json.loads(rest)["target"] == slow


def test_one_at_a_time_keeps_the_order(crowd):
    crowd.start("postfix-554", "open")
    targets = crowd.targets(4)
    done = crowd.ask("--targets", crowd.list_of(targets), "--concurrency", "1", "--forms", "quick")
    assert list(reports(done)) == list(targets)


def test_a_list_from_standard_input(crowd):
    crowd.start("postfix-554")
    port = crowd.ports["postfix-554"]
    text = f"\ufeff# who\r\n\r\n127.0.0.1:{port}\t# the first\r\n  127.0.0.2:{port}\n" \
           f"127.0.0.1:{port}\nlocalhost:{port}"
    done = crowd.ask("--targets", "-", "--forms", "S1-R1", "--resolver", "127.0.0.1:1",
                     "--resolver-timeout", "200ms", input=text)
    found = reports(done)
    assert sorted(found) == [f"127.0.0.1:{port}", f"127.0.0.2:{port}", f"localhost:{port}"]
    assert found[f"localhost:{port}"]["verdict"] == "unreachable"
    assert "1 repeated lines were left out" in done.stderr


WRONG = [
    ("127.0.0.1:99999", 1, "port"),
    ("127.0.0.1:25 127.0.0.2:25", 14, "one target a line"),
    ("  10.0.0.256", 3, "neither an address nor a host name"),
    ("8.8.8.8", 1, "--allow-public"),
    ("canary.test", None, None),
    ("probe\x1b[2J", 1, "neither an address"),
]


@pytest.mark.parametrize("line, column, why", WRONG)
def test_wrong_lines_are_shown_and_nobody_is_asked(crowd, line, column, why):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        good = f"127.0.0.1:{listener.getsockname()[1]}"
        path = crowd.folder / "list"
        path.write_text(f"{good}\n# fine\n{line}\n{good}\n")
        done = crowd.ask("--targets", path)
        assert done.returncode == 2 and done.stdout == ""
        if column:
            head, shown, carets = done.stderr.splitlines()
            assert head.startswith(f"relayprobe: {path}:3:{column}: ") and why in head
            assert "\x1b" not in done.stderr
            assert carets.index("^") - shown.index("|") == column + 1
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_more_than_one_wrong_line(crowd):
    path = crowd.folder / "list"
    path.write_text("10.0.0.256\n10.0.0.257\n10.0.0.258\n")
    assert "and 2 more lines are wrong" in crowd.ask("--targets", path).stderr


@pytest.mark.parametrize("words, why", [
    (["--targets", "/nowhere/at/all"], "/nowhere/at/all: No such file"),
    (["--targets", "-", "127.0.0.1:25"], "not both"),
    (["--shard", "0/2", "127.0.0.1:25"], "--shard needs --targets"),
    (["--targets", "-", "--shard", "2/2"], "I from 0 to N-1"),
    (["--targets", "-", "--concurrency", "0"], "from 1 to"),
    (["--targets", "-", "--resume", "a-b"], "letters, digits"),
    (["--targets", "-", "--rate-total", "0"], "connections a minute"),
])
def test_wrong_options(crowd, words, why):
    done = crowd.ask(*words, input="")
    assert done.returncode in (2, 71) and why in done.stderr and done.stdout == ""


def test_who_asked_nobody_found_nothing_closed(crowd):
    done = crowd.ask("--targets", "-", input="# nobody\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("relayprobe: standard input: no target in it: write one a line, "
                           "like 192.0.2.1:25\n")
    done = crowd.ask("--targets", "-", "--shard", "1/100", input="127.0.0.1:1\n")
    assert (done.returncode, done.stdout) == (0, "")


def few_files(count):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


def test_few_open_files_are_enough(crowd):
    done = crowd.ask("--forms", "quick", "127.0.0.1:1", preexec_fn=few_files(256))
    assert done.returncode == 5 and done.stderr == ""
    done = crowd.ask("127.0.0.1:1", preexec_fn=few_files(100))
    assert done.returncode == 71
    assert done.stderr == ("relayprobe: 131 open files are needed, and 100 are allowed: "
                           "raise the limit (ulimit -n)\n")
    done = crowd.ask("--targets", "-", "--concurrency", "2", input="127.0.0.1:1\n127.0.0.1:2\n",
                     preexec_fn=few_files(100))
    assert done.stderr.endswith("(ulimit -n), or lower --concurrency\n")


def test_shards_make_up_the_list(crowd):
    targets = [f"127.0.{i // 250}.{i % 250 + 1}:1" for i in range(1000)]
    path = crowd.list_of(targets)
    parts = []
    words = [word for word in crowd.words("--targets", path, "--dry-run", "--forms", "S1-R1")
             if word != "--json"]
    for i in range(7):
        done = subprocess.run([*words, "--shard", f"{i}/7"], capture_output=True, text=True,
                              env=ENV, timeout=60, check=True)
        parts.append(set(re.findall(r"^# (127\S+): what would be said", done.stdout, re.M)))
        assert 100 < len(parts[-1]) < 190
    assert set().union(*parts) == set(targets)
    assert sum(map(len, parts)) == len(targets)


def test_ctrl_c_reports_all_that_was_begun_and_names_the_rest(crowd):
    crowd.start("discard", "postfix-554")
    port = crowd.ports["discard"]
    targets = [f"127.0.0.{i}:{port}" for i in range(1, 31)]
    run = crowd.begin("--targets", crowd.list_of(targets), "--concurrency", "10", "--wait", "60s")
    log = crowd.folder / "discard.jsonl"
    deadline = time.monotonic() + 30
    while log.read_text().count('"end_of_data"') < 1 and time.monotonic() < deadline:
        if '"event":"message"' in log.read_text() or log.stat().st_size > 20000:
            break
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=30)
    assert run.returncode == 130
    codes = {}
    for line in out.splitlines():
        report = json.loads(line)
        schema.check(report, SCHEMA)
        assert report["target"] not in codes
        codes[report["target"]] = report["reason_code"]
    assert set(codes) == set(targets)
    assert list(codes.values()).count("not-asked") == 20
    assert "10 of 30 targets done" in err and "--resume" in err
    name = err.split("--resume ")[1].split()[0]
    # The rest of the list, under the same name.
    rest = crowd.ask("--targets", crowd.list_of(targets), "--resume", name, "--wait", "1s")
    assert set(reports(rest)) >= {t for t, code in codes.items() if code == "not-asked"}
    assert {v for t, v in crowd.verdicts().items()} == {"discards"}


def connections(crowd):
    """Target -> connections that its server saw."""
    seen = {}
    for persona, port in crowd.ports.items():
        for line in (crowd.folder / f"{persona}.jsonl").read_text().splitlines():
            event = json.loads(line)
            if event["event"] == "connect":
                address = event["local"].split(":")[0]
                seen[f"{address}:{port}"] = seen.get(f"{address}:{port}", 0) + 1
    return seen


@pytest.mark.takes(5)
@pytest.mark.parametrize("after", [1, 9, 22])
def test_kill_and_resume(crowd, after):
    """Killed when some are known: those are not asked again, and all the others are."""
    crowd.start("postfix-554", "open", "exim", "not-smtp")
    targets = crowd.targets(9)
    path = crowd.list_of(targets)
    words = ["--targets", path, "--concurrency", "6", "--resume", "night.1"]
    run = crowd.begin(*words)
    for _ in range(after):
        run.stdout.readline()
    run.send_signal(signal.SIGKILL)
    run.communicate()
    known = {t: v for t, v in crowd.verdicts().items() if v}
    assert len(known) >= after
    before = connections(crowd)
    done = crowd.ask(*words)
    found = reports(done)
    assert set(found) == set(targets) - set(known)
    assert f"{len(known)} of them known by the ledger" in done.stderr
    assert crowd.verdicts() == expected(targets)
    for target in known:
        assert connections(crowd).get(target) == before.get(target)
    again = crowd.ask(*words)
    assert again.stdout == "" and "36 of them known" in again.stderr


def test_a_name_begins_where_nothing_is_known(crowd):
    crowd.start("postfix-554")
    targets = crowd.targets(3)
    path = crowd.list_of(targets)
    for name in ("monday", "tuesday"):
        done = crowd.ask("--targets", path, "--resume", name, "--forms", "quick")
        assert set(reports(done)) == set(targets)


def test_a_single_target_can_be_resumed_too(crowd):
    crowd.start("postfix-554")
    target = next(iter(crowd.targets(1)))
    assert crowd.ask(target, "--resume", "one").returncode == 0
    done = crowd.ask(target, "--resume", "one")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_rate_of_all_connections(crowd):
    """240 a minute, four a second: a burst of four at once, then they are spaced."""
    crowd.start("postfix-554")
    targets = crowd.targets(10)
    start = time.monotonic()
    done = crowd.ask("--targets", crowd.list_of(targets), "--forms", "S1-R1", "--rate-total", "240")
    assert len(reports(done)) == 10
    assert 1.2 < time.monotonic() - start < 20


def test_the_rate_of_a_network_lets_others_pass(crowd):
    """The second of a network waits five seconds, and meanwhile the only place is another's."""
    crowd.start("postfix-554")
    port = crowd.ports["postfix-554"]
    slow = [f"127.0.1.{i}:{port}" for i in (1, 2)]
    fast = [f"127.0.{i}.1:{port}" for i in range(2, 8)]
    start = time.monotonic()
    done = crowd.ask("--targets", crowd.list_of(slow + fast), "--forms", "S1-R1",
                     "--rate-network", "12", "--concurrency", "1")
    assert time.monotonic() - start > 4
    order = list(reports(done))
    assert sorted(order) == sorted(slow + fast)
    assert order.index(slow[1]) > order.index(fast[0])


def test_progress_on_a_terminal(crowd):
    crowd.start("discard")
    path = crowd.list_of(crowd.targets(4))
    ours, theirs = pty.openpty()
    done = subprocess.run(crowd.words("--targets", path, "--forms", "quick", "--concurrency", "2"),
                          stdout=subprocess.PIPE, stderr=theirs, text=True, env=ENV, timeout=60,
                          check=False)
    os.close(theirs)
    text = b""
    try:
        while part := os.read(ours, 4096):
            text += part
    except OSError:
        pass
    os.close(ours)
    assert len(reports(done)) == 4
    assert b" of 4 done: 0 open, 0 undecided; 2 being asked" in text and b" left" in text


@pytest.mark.skipif(not shutil.which("parallel"), reason="GNU parallel is not here")
def test_gnu_parallel(crowd):
    """The example of doc/many.md: shards side by side, each with a sink and a ledger of its own."""
    crowd.start("postfix-554", "discard")
    targets = crowd.targets(12)
    path = crowd.list_of(targets)
    command = (f"{BUILD}/relayprobe --canary probe@canary.test --sink 127.0.0.1:{{2}} --wait 1s "
               f"--json --forms quick --ledger {crowd.folder}/{{1}}.db --resume night "
               f"--targets {path} --shard {{1}}/3")
    done = subprocess.run(["parallel", "--will-cite", "-j", "3", "--line-buffer", command, ":::",
                           "0", "1", "2", ":::+", *[str(free_port()) for _ in range(3)]],
                          capture_output=True, text=True, env=ENV, timeout=120, check=False)
    assert {t: r["verdict"] for t, r in reports(done).items()} == expected(targets), done.stderr


def example(page, beginning):
    """The first example of a page with that beginning, without its indentation."""
    text = (ROOT / "doc" / page).read_text(encoding="utf-8")
    found = next(part for part in re.findall(r"(?:^    .*\n)+", text, re.M) if beginning in part)
    return found[found.index(beginning):]


@pytest.mark.skipif(not shutil.which("parallel"), reason="GNU parallel is not here")
def test_gnu_parallel_over_machines(crowd):
    """As doc/many.md has it; the only machine is this one, which parallel reaches without ssh."""
    crowd.start("postfix-554", "open")
    targets = crowd.targets(12)
    crowd.list_of(targets).rename(crowd.folder / "list.txt")
    (crowd.folder / "machines").write_text("2/:\n")
    command = example("many.md", "parallel --sshloginfile machines -j 1")
    for old, new in (("relayprobe", f"{BUILD}/relayprobe --wait 1s --forms quick"),
                     ("parallel", "parallel --will-cite"),
                     ("probe@c{}.canary.example", "probe@canary.test"),
                     ("0.0.0.0:25", crowd.sink), (">june.jsonl", "")):
        assert old in command
        command = command.replace(old, new)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=ENV,
                          cwd=crowd.folder, timeout=120, check=False)
    assert {t: r["verdict"] for t, r in reports(done).items()} == expected(targets), done.stderr


def job_of_kubernetes():
    text = (ROOT / "doc" / "many.md").read_text(encoding="utf-8")
    return yaml.safe_load(re.search(r"^```yaml\n(.*?)^```$", text, re.M | re.S)[1])


def test_kubernetes_job():
    """What an indexed Job wants, and options that there are."""
    job = job_of_kubernetes()
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert spec["completionMode"] == "Indexed" and spec["parallelism"] <= spec["completions"]
    assert pod["restartPolicy"] == "Never"  # backoffLimitPerIndex and podFailurePolicy want it
    (container,) = pod["containers"]
    script = container["args"][0]
    assert f'--shard "$JOB_COMPLETION_INDEX/{spec["completions"]}"' in script
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
    mounted = [m["mountPath"] for m in container["volumeMounts"]]
    assert all(any(path.startswith(place) for place in mounted)
               for path in re.findall(r"[ \"](/[a-z/]+/[a-z])", script))
    said = subprocess.run([BUILD / "relayprobe", "--help"], capture_output=True, text=True,
                          check=True, timeout=20).stdout
    options = re.findall(r" (--[a-z-]+)", script)
    assert "--resume" in options and all(f"  {option} " in said for option in options)


@pytest.mark.parametrize("status, succeeds", [(0, True), (1, True), (3, True), (4, True),
                                              (5, True), (71, False), (137, False), (143, False)])
def test_kubernetes_job_fails_when_it_should(tmp_path, status, succeeds):
    """Its script, run by sh: a verdict completes the index, trouble and signals do not."""
    program = tmp_path / "relayprobe"
    program.write_text(f'#!/bin/sh\necho "$*"\nexit {status}\n')
    program.chmod(0o755)
    script = job_of_kubernetes()["spec"]["template"]["spec"]["containers"][0]["args"][0]
    done = subprocess.run(["sh", "-c", script.replace("/state/", f"{tmp_path}/")], check=False,
                          env={"PATH": f"{tmp_path}:{os.environ['PATH']}",
                               "JOB_COMPLETION_INDEX": "3"}, timeout=20)
    assert (done.returncode == 0) == succeeds
    said = (tmp_path / "june-3.jsonl").read_text()
    assert "--shard 3/8" in said and "probe@c3.canary.example" in said
