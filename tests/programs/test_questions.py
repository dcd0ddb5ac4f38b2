"""One target as several questions: --source, --ports, both address families; and what they say
together. Each mock server relays for some questions only, and its twin for none."""

import json
import os
import signal
import socket
import subprocess

import pytest

import schema
from lab import BUILD, ENV, ROOT, Mockmta
from test_relayprobe import Names, free_address

REPORT = json.loads((ROOT / "doc" / "relayprobe.schema.json").read_text())
SUMMARY = json.loads((ROOT / "doc" / "relayprobe-summary.schema.json").read_text())
RULES = """\
title: Relays for one client
why: The address decides.
networks: ["{networks}"]
{more}
hostname: mx.victim.test
local_domains: [victim.test]
rules:
  - at: RCPT
    when: {{from: trusted, to_domain: not-local}}
    reply: 250 2.1.5 Ok
    fate: relay
"""


class Lab:
    def __init__(self, folder):
        self.folder, self.servers = folder, []
        self.sink = free_address()

    def start(self, networks, *listen, more=""):
        """A server that relays for these; where it listens."""
        config = self.folder / f"rules-{len(self.servers)}.yaml"
        config.write_text(RULES.format(networks=networks, more=more))
        words = [word for at in listen for word in ("--listen", at)]
        server = Mockmta("--config", config, *words, "--route", f"canary.test={self.sink}")
        self.servers.append(server)
        return server.address

    def run(self, *args, ledger="ledger.db"):
        return subprocess.run(
            [BUILD / "relayprobe", "--canary", "probe@canary.test", "--sink", self.sink,
             "--wait", "1s", "--forms", "quick", "--ledger", self.folder / ledger,
             *map(str, args)],
            capture_output=True, text=True, env=ENV, timeout=60, check=False)

    def ask(self, *args, **more):
        """Reports by target, the summary (or None), the exit status."""
        done = self.run("--json", *args, **more)
        found, summary = {}, None
        for line in done.stdout.splitlines():
            row = json.loads(line)
            if "summary" in row:
                schema.check(row, SUMMARY)
                assert summary is None
                summary = row
            else:
                schema.check(row, REPORT)
                assert row["target"] not in found and summary is None
                found[row["target"]] = row
        assert found or summary or done.returncode == 2, done.stderr
        return found, summary, done.returncode

    def stop(self):
        for server in self.servers:
            server.stop()


@pytest.fixture
def lab(tmp_path):
    made = Lab(tmp_path)
    yield made
    made.stop()


def verdicts(found):
    return {target: report["verdict"] for target, report in found.items()}


def delivered(report):
    return {form["id"] for form in report["forms"]["list"] if form["delivered"]}


TWO = ("--source", "127.0.0.2", "--source", "127.0.0.3")


def test_vantages_are_told_apart(lab):
    target = lab.start("127.0.0.2/32", "127.0.0.1:0")
    found, summary, status = lab.ask(*TWO, target)
    assert verdicts(found) == {f"{target} from 127.0.0.2": "open",
                               f"{target} from 127.0.0.3": "closed"}
    assert [r["source"] for r in found.values()] == ["127.0.0.2", "127.0.0.3"]
    assert delivered(found[f"{target} from 127.0.0.2"])
    assert not delivered(found[f"{target} from 127.0.0.3"])
    assert summary["sources"] == [{"source": "127.0.0.2", "verdict": "open"},
                                  {"source": "127.0.0.3", "verdict": "closed"}]
    assert (summary["summary"], summary["verdict"], status) == (target, "open", 1)


def test_vantages_in_words(lab):
    target = lab.start("127.0.0.2/32", "127.0.0.1:0")
    text = lab.run(*TWO, target).stdout
    assert f"{target} from 127.0.0.2: open (" in text
    assert f"{target} from 127.0.0.3: closed (" in text
    assert text.endswith(f"{target}, all together: open\n"
                         "  sources:  relays from 127.0.0.2 only: "
                         "open from 127.0.0.2, closed from 127.0.0.3\n\n")
    brief = lab.run("--quiet", *TWO, target).stdout.splitlines()
    assert len(brief) == 3 and brief[2] == f"{target}, all together: open"


def test_vantages_that_agree(lab):
    target = lab.start("10.0.0.0/8", "127.0.0.1:0")
    found, summary, status = lab.ask(*TWO, target)
    assert set(verdicts(found).values()) == {"closed"}
    assert (summary["verdict"], status) == ("closed", 0)


def tokens(lab, run):
    shown = json.loads(subprocess.run(
        [BUILD / "relayprobe", "--export-run", run, "--ledger", lab.folder / "ledger.db"],
        capture_output=True, text=True, check=True).stdout)
    return shown, {m["recipient_token"] for m in shown["messages"]}


def test_tokens_and_runs_are_of_one_vantage(lab):
    """Where both relay, the same question of a list has other tokens from each address."""
    target = lab.start("127.0.0.0/8", "127.0.0.1:0")
    targets = lab.folder / "targets"
    targets.write_text(f"{target}\n")
    found, summary, status = lab.ask("--targets", targets, *TWO)
    assert set(verdicts(found).values()) == {"open"} and status == 1
    (one, of_one), (other, of_other) = (tokens(lab, r["run"]) for r in found.values())
    assert of_one and of_other and not of_one & of_other
    assert {one["vantage"], other["vantage"]} == {"same-host, from 127.0.0.2",
                                                  "same-host, from 127.0.0.3"}


def test_resume_knows_vantages(lab):
    target = lab.start("127.0.0.2/32", "127.0.0.1:0")
    targets = lab.folder / "targets"
    targets.write_text(f"{target}\n")
    found, _, _ = lab.ask("--targets", targets, "--resume", "set", "--source", "127.0.0.2")
    assert verdicts(found) == {target: "open"}
    found, summary, _ = lab.ask("--targets", targets, "--resume", "set", *TWO)
    assert verdicts(found) == {f"{target} from 127.0.0.3": "closed"}
    assert [row["verdict"] for row in summary["sources"]] == ["open", "closed"]
    found, summary, _ = lab.ask("--targets", targets, "--resume", "set", *TWO)
    assert not found and summary["verdict"] == "open"


def test_a_source_of_the_other_family_is_left_out(lab):
    target = lab.start("127.0.0.2/32", "127.0.0.1:0")
    found, summary, status = lab.ask("--source", "::1", "--source", "127.0.0.3", target)
    assert verdicts(found) == {f"{target} from 127.0.0.3": "closed"}
    assert summary is None and status == 0


def port_of(address):
    return int(address.rpartition(":")[2])


def test_ports_that_relay(lab):
    relay = port_of(lab.start("127.0.0.0/8", "127.0.0.1:0"))
    closed = port_of(lab.start("10.0.0.0/8", "127.0.0.1:0"))
    nobody = port_of(free_address())
    ports = ("--ports", f"{closed},{relay},{nobody}")
    found, summary, status = lab.ask(*ports, "127.0.0.1")
    assert verdicts(found) == {f"127.0.0.1:{closed}": "closed", f"127.0.0.1:{relay}": "open",
                               f"127.0.0.1:{nobody}": "unreachable"}
    assert summary["ports"] == [{"port": closed, "verdict": "closed"},
                                {"port": relay, "verdict": "open"},
                                {"port": nobody, "verdict": "unreachable"}]
    assert status == 1
    assert (f"  ports:    relays on {relay}: open on {relay}, closed on {closed}, "
            f"unreachable on {nobody}\n") in lab.run(*ports, "127.0.0.1").stdout


def test_an_unreachable_port_beside_a_closed_one(lab):
    """It counts for the exit status only where nothing answers at all."""
    closed = port_of(lab.start("10.0.0.0/8", "127.0.0.1:0"))
    nobody = port_of(free_address())
    _, summary, status = lab.ask("--ports", f"{nobody},{closed}", "127.0.0.1")
    assert (summary["verdict"], status) == ("closed", 0)
    _, _, status = lab.ask("--ports", f"{nobody},{closed}", "--expect", "closed", "127.0.0.1")
    assert status == 0
    _, summary, status = lab.ask("--ports", f"{nobody},{port_of(free_address())}", "127.0.0.1")
    assert (summary["verdict"], status) == ("unreachable", 5)


def test_ports_are_of_targets_without_one(lab):
    target = lab.start("10.0.0.0/8", "127.0.0.1:0")
    other = port_of(lab.start("10.0.0.0/8", "127.0.0.1:0"))
    found, summary, _ = lab.ask("--ports", f"{other},25", target)
    assert verdicts(found) == {target: "closed"} and summary is None
    listed = lab.folder / "targets"
    listed.write_text(f"127.0.0.1\n{target}\n")
    found, summary, _ = lab.ask("--ports", other, "--targets", listed)
    assert verdicts(found) == {f"127.0.0.1:{other}": "closed", target: "closed"}


def test_port_465_is_tls_unless_told_otherwise(lab):
    """Nobody may listen on 465 here, so it is seen in what would be said to that address."""
    unshare = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c"]
    if subprocess.run([*unshare, "ip link set lo up"], capture_output=True,
                      check=False).returncode != 0:
        pytest.skip("no network namespace to be had here")
    config = lab.folder / "tls.yaml"
    config.write_text(RULES.format(networks="127.0.0.0/8", more="tls: implicit"))
    script = (f"ip link set lo up; {BUILD}/mockmta --config {config} --listen 127.0.0.1:465 "
              f"--route canary.test=127.0.0.1:2600 >{lab.folder}/ready & server=$!; "
              f"until [ -s {lab.folder}/ready ]; do sleep 0.05; done; "
              f"{BUILD}/relayprobe --canary probe@canary.test --sink 127.0.0.1:2600 --wait 1s "
              f"--forms quick --no-ledger --json --ports 25,465 $MORE 127.0.0.1; kill $server")
    for more, verdict, mode in (("", "open", "implicit"),
                                ("--tls none --max-time 2s", "unreachable", None)):
        done = subprocess.run([*unshare, script], capture_output=True, text=True, timeout=60,
                              env={**ENV, "MORE": more}, check=False)
        (lab.folder / "ready").unlink()
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        found = {row["target"]: row for row in rows if "target" in row}
        assert found["127.0.0.1:25"]["verdict"] == "unreachable", done.stderr
        assert found["127.0.0.1:465"]["verdict"] == verdict
        assert (found["127.0.0.1:465"]["tls"] or {}).get("mode") == mode


AAAA = 28


def both_families():
    names = Names({})
    names.records.update({
        ("mx.victim.test", Names.A): [socket.inet_aton("127.0.0.1")],
        ("mx.victim.test", AAAA): [socket.inet_pton(socket.AF_INET6, "::1")],
        ("victim.test", Names.MX): [names.mx(10, "mx.victim.test")],
    })
    return names.address


def two_servers(lab, networks):
    """The same server at 127.0.0.1 and at ::1; its port."""
    port = port_of(lab.start(networks, "[::1]:0"))
    lab.start(networks, f"127.0.0.1:{port}")
    return port


@pytest.mark.parametrize("target", ["mx.victim.test", "mx:victim.test"])
@pytest.mark.parametrize("listed", [False, True], ids=["word", "list"])
def test_open_over_ipv6_only(lab, target, listed):
    port = two_servers(lab, "::1/128")
    words = [f"{target}:{port}"]
    if listed:
        path = lab.folder / "targets"
        path.write_text(words[0] + "\n")
        words = ["--targets", path]
    found, summary, status = lab.ask("--resolver", both_families(), *words)
    assert verdicts(found) == {f"{target}:{port} over IPv4": "closed",
                               f"{target}:{port} over IPv6": "open"}
    assert [r["family"] for r in found.values()] == ["IPv4", "IPv6"]
    assert summary["families"] == [{"family": "IPv4", "verdict": "closed"},
                                   {"family": "IPv6", "verdict": "open"}]
    assert status == 1


def test_open_over_ipv6_only_in_words(lab):
    port = two_servers(lab, "::1/128")
    text = lab.run("--resolver", both_families(), f"mx.victim.test:{port}").stdout
    assert text.endswith(f"mx.victim.test:{port}, all together: open\n"
                         "  families: relays over IPv6 only: "
                         "open over IPv6, closed over IPv4\n\n")


def test_closed_over_both(lab):
    port = two_servers(lab, "10.0.0.0/8")
    found, summary, status = lab.ask("--resolver", both_families(), f"mx.victim.test:{port}")
    assert list(verdicts(found).values()) == ["closed", "closed"]
    assert (summary["verdict"], status) == ("closed", 0)


def test_one_family_does_not_answer(lab):
    port = port_of(lab.start("::1/128", "127.0.0.1:0"))
    found, summary, status = lab.ask("--resolver", both_families(), f"mx.victim.test:{port}")
    assert list(verdicts(found).values()) == ["closed", "unreachable"]
    assert (summary["verdict"], status) == ("closed", 0)


def test_one_family_is_asked_for(lab):
    port = two_servers(lab, "::1/128")
    where = ["--resolver", both_families(), f"mx.victim.test:{port}"]
    for family, verdict in (("4", "closed"), ("6", "open")):
        found, summary, _ = lab.ask("--family", family, *where)
        assert verdicts(found) == {f"mx.victim.test:{port}": verdict} and summary is None


def test_sources_of_both_families(lab):
    """Each asks over its own family."""
    port = two_servers(lab, "::1/128")
    found, summary, _ = lab.ask("--resolver", both_families(), "--source", "127.0.0.2",
                                "--source", "::1", f"mx.victim.test:{port}")
    name = f"mx.victim.test:{port} over"
    assert verdicts(found) == {f"{name} IPv4 from 127.0.0.2": "closed",
                               f"{name} IPv6 from ::1": "open"}
    assert len(summary["sources"]) == len(summary["families"]) == 2


def test_names_of_etc_hosts(lab):
    """Of a list, too; both families of it."""
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    hosts = lab.folder / "hosts"
    hosts.write_text("127.0.0.1 localhost\n127.0.0.1 relay.victim.test\n::1 relay.victim.test\n")
    mount = f"mount --bind {hosts} /etc/hosts && exec \"$0\" \"$@\""
    if subprocess.run([*alone, mount, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no mount namespace to be had here")
    port = two_servers(lab, "::1/128")
    listed = lab.folder / "targets"
    listed.write_text(f"relay.victim.test:{port}\n")
    command = [*alone, mount, BUILD / "relayprobe", "--canary", "probe@canary.test", "--sink",
               lab.sink, "--wait", "1s", "--forms", "quick", "--no-ledger", "--json"]
    for words in ([f"relay.victim.test:{port}"], ["--targets", listed]):
        done = subprocess.run([*command, *words], capture_output=True, text=True, timeout=60,
                              env=dict(os.environ), check=False)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert {row["target"]: row["verdict"] for row in rows if "target" in row} == {
            f"relay.victim.test:{port} over IPv4": "closed",
            f"relay.victim.test:{port} over IPv6": "open"}, done.stderr


def test_interrupted_between_questions(lab):
    """What was not asked is reported, and the summary does not speak for it."""
    closed = port_of(lab.start("10.0.0.0/8", "127.0.0.1:0"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ports = f"{closed},{silent.getsockname()[1]},{port_of(free_address())}"
        run = subprocess.Popen(
            [BUILD / "relayprobe", "--canary", "probe@canary.test", "--sink", lab.sink, "--forms",
             "quick", "--no-ledger", "--json", "--ports", ports, "127.0.0.1"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENV)
        first = json.loads(run.stdout.readline())
        silent.accept()
        run.send_signal(signal.SIGINT)
        rest, _ = run.communicate(timeout=30)
    second, third, summary = [json.loads(line) for line in rest.splitlines()]
    schema.check(third, REPORT)
    assert (first["verdict"], third["reason_code"]) == ("closed", "not-asked")
    assert second["verdict"] != "closed"
    assert [row["verdict"] for row in summary["ports"]] == ["closed", second["verdict"],
                                                           "inconclusive"]
    assert (summary["verdict"], run.returncode) == ("inconclusive", 130)
