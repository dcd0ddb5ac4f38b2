"""Real mail servers in cases, and relaylab check: verdicts, and that nothing gets out or stays."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from cases import Run
from conftest import need

pytestmark = pytest.mark.takes(8)  # servers are started, each several times
ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELAYLAB_BUILD", ROOT / "build")).resolve()
CASES = "scenarios/cases/engines"
SERVERS = ("postfix", "exim", "opensmtpd", "sendmail")


def lab(*args, timeout=200, **environment):
    return subprocess.run([BUILD / "relaylab", *map(str, args)], capture_output=True, text=True,
                          cwd=ROOT, timeout=timeout, check=False,
                          env={**os.environ, **environment})


ALL = Run("engines", "--time", "real", "-j", "6", "--wall", "3min", CASES)


@pytest.mark.takes(90)
@ALL.each
def test_case(place):
    ALL.check(place)


def unpacked(name):
    return (ROOT / "build" / "mta" / name / ".complete").exists()


def need_server(name):
    need(name, unpacked(name), f"ci/deps {name}")


def own_spaces(root):
    """Process namespaces that descendants of `root` live in, other than ours."""
    parents, spaces = {}, set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text(encoding="ascii", errors="replace")
            parents[int(entry.name)] = int(fields.rpartition(")")[2].split()[1])
        except OSError:
            continue
    for pid in parents:
        above = pid
        while above not in (0, root):
            above = parents.get(above, 0)
        if above == root:
            spaces.add(space_of(pid))
    return spaces - {space_of("self"), None}


def space_of(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None


def mounts():
    return Path("/proc/self/mounts").read_text(encoding="utf-8")


def wait_for_spaces(run):
    """Until the run lives in namespaces of its own."""
    deadline = time.monotonic() + 60
    while not (found := own_spaces(run.pid)) and time.monotonic() < deadline:
        assert run.poll() is None
        time.sleep(0.02)
    return found


def assert_gone(spaces, places):
    """What a killed program started is ended by the kernel, which takes a moment."""
    deadline = time.monotonic() + 20
    alive = True
    while alive and time.monotonic() < deadline:
        time.sleep(0.05)
        alive = [entry.name for entry in Path("/proc").glob("[0-9]*")
                 if space_of(entry.name) in spaces]
    assert spaces and not alive
    assert mounts() == places and not Path("/run/relaylab").exists()


# As Debian's packages write them for an "Internet site", but for names.
POSTFIX = """
smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
biff = no
append_dot_mydomain = no
readme_directory = no
compatibility_level = 3.6
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
myhostname = mail.victim.test
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
myorigin = /etc/mailname
mydestination = $myhostname, victim.test, localhost.localdomain, localhost
relayhost =
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
mailbox_size_limit = 0
recipient_delimiter = +
inet_interfaces = all
inet_protocols = all
"""
EXIM = """
primary_hostname = mail.victim.test
domainlist local_domains = @ : victim.test
domainlist relay_to_domains =
hostlist relay_from_hosts = 127.0.0.1
acl_smtp_rcpt = acl_check_rcpt
begin acl
acl_check_rcpt:
  accept  hosts = :
  deny    domains = +local_domains
          local_parts = ^[.] : ^.*[@%!/|]
  accept  hosts = +relay_from_hosts
  require message = relay not permitted
          domains = +local_domains : +relay_to_domains
  accept
begin routers
remote:
  driver = dnslookup
  domains = ! +local_domains
  transport = remote_smtp
kept:
  driver = redirect
  data = :blackhole:
begin transports
remote_smtp:
  driver = smtp
"""
OPENSMTPD = """
table aliases file:/etc/aliases
listen on localhost
action "local" maildir alias <aliases>
action "relay" relay
match from any for domain "victim.test" action "local"
match from local for any action "relay"
"""
SENDMAIL = """
OSTYPE(`debian')dnl
DAEMON_OPTIONS(`Family=inet, Name=MTA-v4, Port=smtp, Addr=127.0.0.1')dnl
FEATURE(`use_cw_file')dnl
MAILER(`local')dnl
MAILER(`smtp')dnl
"""
CHECKS = [  # server, file, as it comes, what is planted, what must be named
    ("postfix", "main.cf", POSTFIX, ("\nmynetworks = 127.0.0.0/8 ", "\nmynetworks = 0.0.0.0/0 "),
     "mynetworks = 0.0.0.0/0"),
    ("postfix", "main.cf", POSTFIX,
     ("smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated ",
      "smtpd_relay_restrictions = check_sender_access inline:{victim.test=OK} "),
     "smtpd_relay_restrictions = check_sender_access"),
    ("exim", "exim.conf", EXIM, ("relay_from_hosts = 127.0.0.1", "relay_from_hosts = *"),
     "relay_from_hosts = *"),
    ("opensmtpd", "smtpd.conf", OPENSMTPD, ("from local for any", "from any for any"),
     "match from any for any"),
    ("sendmail", "sendmail.mc", SENDMAIL,
     ("FEATURE(`use_cw_file')dnl", "FEATURE(`promiscuous_relay')dnl"), "promiscuous_relay"),
]


@pytest.mark.parametrize("server, name, text", {c[0]: c[:3] for c in CHECKS}.values(),
                         ids=SERVERS)
def test_check_of_a_closed_configuration(tmp_path, server, name, text):
    need_server(server)
    (tmp_path / name).write_text(text, encoding="ascii")
    run = lab("check", server, "--config", tmp_path, "--domain", "victim.test")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "closed: port 25, asked from 198.51.100.7" in run.stdout


@pytest.mark.parametrize("server, name, text, plant, named", CHECKS,
                         ids=[f"{check[0]}-{check[4]}" for check in CHECKS])
def test_check_names_the_line_that_opens(tmp_path, server, name, text, plant, named):
    need_server(server)
    assert plant[0] in text
    file = tmp_path / name
    file.write_text(text.replace(*plant), encoding="ascii")
    run = lab("check", server, "--config", file, "--domain", "victim.test")
    assert run.returncode == 1, run.stdout + run.stderr
    decisive = [line for line in run.stdout.splitlines() if "hangs on:" in line]
    assert any(named in line for line in decisive), run.stdout


def test_check_as_json_lines(tmp_path):
    need_server("postfix")
    file = tmp_path / "main.cf"
    file.write_text(POSTFIX.replace(*CHECKS[0][3]), encoding="ascii")
    run = lab("check", "postfix", "--config", file, "--json")
    assert run.returncode == 1, run.stdout + run.stderr
    events = [json.loads(line) for line in run.stdout.splitlines()]
    assert [e["event"] for e in events] == ["server", "result", "line", "result", "summary"]
    server, outside, line, inside, summary = events
    assert server["domains"] == ["mail.victim.test", "victim.test"]
    assert server["ports"] == [{"port": 25, "tls": False}]
    assert (outside["vantage"], outside["verdict"], outside["port"]) == ("outside", "open", 25)
    assert outside["relayed"][0]["id"] == "S1-R1"
    # What a busy machine still has in its queue when the window ends is not listed.
    relayed = [form["id"] for form in outside["relayed"]]
    assert len(set(relayed)) == len(relayed) <= outside["forms"]["accepted"]
    assert (line["decides"], line["file"], line["verdict_without"]) == (True, "main.cf", "closed")
    assert line["text"] == file.read_text(encoding="ascii").splitlines()[line["line"] - 1]
    assert (inside["vantage"], inside["verdict"]) == ("inside", "open")
    assert summary["status"] == 1 and all(e["schema_version"] == 1 for e in events)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_when_a_check_is_ended(tmp_path, number):
    need_server("postfix")
    file = tmp_path / "main.cf"
    file.write_text(POSTFIX, encoding="ascii")
    places = mounts()
    with subprocess.Popen([BUILD / "relaylab", "check", "postfix", "--config", file, "--json"],
                          cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert json.loads(run.stdout.readline())["event"] == "server"
        spaces = wait_for_spaces(run)
        run.send_signal(number)
        rest = [json.loads(line) for line in run.stdout]
        assert run.wait(timeout=20) == (-number if number == signal.SIGKILL else 128 + number)
    if number != signal.SIGKILL:
        assert rest[-1] == {"schema_version": 1, "event": "summary", "status": 128 + number,
                            "signal": number}
    assert_gone(spaces, places)


def test_check_tells_inside_from_outside(tmp_path):
    need_server("postfix")
    file = tmp_path / "main.cf"
    file.write_text(POSTFIX.replace("mynetworks = 127.0.0.0/8", "mynetworks = 10.9.0.0/16"),
                    encoding="ascii")
    run = lab("check", "postfix", "--config", file, "--inside", "10.9.0.0/16")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "closed: port 25, asked from 198.51.100.7" in run.stdout
    assert "open: port 25, asked from 10.9.0.7" in run.stdout


@pytest.mark.parametrize("arguments, status, says", [
    (("check", "postfix"), 2, "--config"),
    (("check", "--config", "/etc"), 2, "name one engine"),
    (("check", "qmail", "--config", "/etc"), 2, "no such engine: qmail"),
    (("check", "postfix", "--config", "/nowhere"), 2, "/nowhere: No such file"),
    (("check", "postfix", "--config", "/etc/ssl"), 2, "/etc/ssl has no main.cf"),
    (("check", "postfix", "--config", "/etc/passwd", "--inside", "here"), 2, "--inside"),
])
def test_usage(arguments, status, says):
    run = lab(*arguments)
    assert run.returncode == status, run.stderr
    assert says in run.stderr


@pytest.mark.parametrize("engine, text, said", [
    ("exim", "no_such_option = 1\n", "no_such_option"),
    # One that ends Postfix's master, and one that ends its smtpd alone.
    ("postfix", "myhostname mx.victim.test\n", "missing '=' after attribute name"),
    ("postfix", "myhostname = mx.victim.test\nsmtpd_relay_restrictions = no_such_thing\n",
     "smtpd_relay_restrictions"),
])
def test_a_configuration_that_does_not_start_shows_the_log(tmp_path, engine, text, said):
    need_server(engine)
    file = tmp_path / "given.cf"
    file.write_text(text, encoding="ascii")
    run = lab("check", engine, "--config", file)
    assert run.returncode == 71, run.stdout
    assert said in run.stdout


def test_a_server_that_takes_connections_and_says_nothing_did_not_start(tmp_path):
    """Postfix' master listens for an smtpd that dies of its configuration."""
    need_server("postfix")
    file = tmp_path / "main.cf"
    file.write_text("smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destinaton\n",
                    encoding="ascii")
    run = lab("check", "postfix", "--config", file, "--json")
    assert run.returncode == 71, run.stdout
    last, summary = [json.loads(line) for line in run.stdout.splitlines()][-2:]
    assert last["event"] == "trouble" and "specify at least one working" in last["reason"]
    assert summary["status"] == 71


@pytest.mark.skipif(os.geteuid() != 0, reason="wants to be another user")
def test_a_file_that_cannot_be_read(tmp_path):
    need_server("postfix")
    file = tmp_path / "main.cf"
    file.write_text(POSTFIX, encoding="ascii")
    file.chmod(0)
    run = subprocess.run([BUILD / "relaylab", "check", "postfix", "--config", file], timeout=60,
                         capture_output=True, text=True, cwd=ROOT, check=False, user="nobody")
    assert run.returncode == 2 and "main.cf: Permission denied" in run.stderr


MASTER = """
smtp inet n - y - - smtpd
203.0.113.5:submission inet n - y - - smtpd
  -o smtpd_relay_restrictions=permit_mynetworks,reject_unauth_destination
  -o mynetworks=0.0.0.0/0
submissions inet n - y - - smtpd -o smtpd_tls_wrappermode=yes
127.0.0.1:10025 inet n - y - - smtpd -o mynetworks=0.0.0.0/0
cleanup unix n - y - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - y 1000? 1 tlsmgr
rewrite unix - - y - - trivial-rewrite
bounce unix - - y - 0 bounce
defer unix - - y - 0 bounce
trace unix - - y - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - y - - smtp
relay unix - - y - - smtp
error unix - - y - - error
retry unix - - y - - error
discard unix - - y - - discard
anvil unix - - y - 1 anvil
"""


def answers(run):
    """What it found from outside, by port; and the lines, and what it says of itself."""
    events = [json.loads(line) for line in run.stdout.splitlines()]
    found = {e["port"]: e["verdict"] for e in events
             if e["event"] == "result" and e["vantage"] == "outside"}
    return found, [e for e in events if e["event"] == "line"], events[0]


def test_every_port_of_a_postfix_is_asked(tmp_path):
    """By the names of ports, at whatever address, and none that only its host can ask."""
    need_server("postfix")
    (tmp_path / "main.cf").write_text(POSTFIX + "smtpd_tls_security_level = may\n"
                                      "smtpd_tls_cert_file = /etc/ssl/not-there.pem\n",
                                      encoding="ascii")
    (tmp_path / "master.cf").write_text(MASTER, encoding="ascii")
    run = lab("check", "postfix", "--config", tmp_path, "--json")
    assert run.returncode == 1, run.stdout + run.stderr
    found, lines, server = answers(run)
    assert found == {25: "closed", 587: "open", 465: "closed"}
    assert {"port": 465, "tls": True} in server["ports"]
    assert [(line["file"], line["line"]) for line in lines if line["decides"]] == [
        ("master.cf", 5)]


TABLES = """
mydestination = victim.test
smtpd_recipient_restrictions =
    check_client_access hash:/etc/postfix/clients,
    check_sender_access cidr:/etc/postfix/not-there,
    reject_unknown_sender_domain, reject_unknown_recipient_domain,
    reject_rbl_client list.example.test,
    check_policy_service inet:127.0.0.1:10023,
    permit
virtual_alias_maps = proxy:mysql:/etc/postfix/aliases-mysql.cf
smtpd_relay_restrictions = permit_mynetworks, permit_mx_backup, reject_unauth_destination
"""


def test_tables_names_and_what_does_not_run_here(tmp_path):
    """A list of clients that is there, names that exist; and a backup for whoever says so."""
    need_server("postfix")
    (tmp_path / "main.cf").write_text(TABLES, encoding="ascii")
    (tmp_path / "clients").write_text("203.0.113.9 REJECT\n", encoding="ascii")
    run = lab("check", "postfix", "--config", tmp_path, "--json")
    assert run.returncode == 1, run.stdout + run.stderr
    found, lines, server = answers(run)
    assert found == {25: "open"}
    assert [line["text"] for line in lines if line["decides"]] == [
        "smtpd_relay_restrictions = permit_mynetworks, permit_mx_backup, reject_unauth_destination"]
    for told in ("check_policy_service", "/etc/postfix/not-there", "mysql:"):
        assert told in server["note"]


def test_every_listener_of_an_opensmtpd_is_asked(tmp_path):
    need_server("opensmtpd")
    (tmp_path / "smtpd.conf").write_text(
        OPENSMTPD.replace("listen on localhost", "listen on lo0\nlisten on eth0\n"
                          "listen on eth0 port submission tag users") +
        'match tag users from any for any action "relay"\n', encoding="ascii")
    run = lab("check", "opensmtpd", "--config", tmp_path, "--json")
    assert run.returncode == 1, run.stdout + run.stderr
    found, lines, server = answers(run)
    assert found == {25: "closed", 587: "open"} and "/etc/aliases" in server["note"]
    assert [line["text"] for line in lines if line["decides"]] == [
        'match tag users from any for any action "relay"']


def test_two_checks_at_once(tmp_path):
    """Both servers are at port 25, each in a network of its own."""
    need_server("postfix")
    texts = {"closed": POSTFIX, "open": POSTFIX.replace(*CHECKS[0][3])}
    runs = {}
    for name, text in texts.items():
        file = tmp_path / f"{name}.cf"
        file.write_text(text, encoding="ascii")
        runs[name] = subprocess.Popen([BUILD / "relaylab", "check", "postfix", "--config", file],
                                      cwd=ROOT, stdout=subprocess.PIPE, text=True)
    for name, run in runs.items():
        said = run.communicate(timeout=200)[0]
        assert f"{name}: port 25, asked from 198.51.100.7" in said


def test_a_missing_package_skips_with_its_name_and_the_remedy(tmp_path):
    (tmp_path / "mta").mkdir()
    away = {"RELAYLAB_MTA": str(tmp_path / "mta"), "RELAYLAB_REQUIRE": ""}
    case = f"{CASES}/postfix/closed.yaml"
    run = lab("run", "--time", "real", case, **away)
    assert run.returncode == 77
    assert "postfix is missing: ci/deps postfix" in run.stdout
    required = lab("run", "--time", "real", case, **{**away, "RELAYLAB_REQUIRE": "x,postfix"})
    assert required.returncode == 1
    run = lab("check", "postfix", "--config", tmp_path, **away)
    assert run.returncode == 77


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_when_a_run_is_ended(number):
    need_server("postfix")
    places = mounts()
    with subprocess.Popen([BUILD / "relaylab", "run", "--time", "real", "-j", "2",
                           f"{CASES}/postfix/catch-all-discards.yaml",
                           f"{CASES}/postfix/closed.yaml"], cwd=ROOT,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        spaces = wait_for_spaces(run)
        run.send_signal(number)
        run.wait(timeout=20)
    assert_gone(spaces, places)


def test_twice_in_a_row_and_side_by_side():
    need_server("postfix")
    places = mounts()
    with subprocess.Popen([BUILD / "relaylab", "run", "--time", "real", "-j", "2", "--repeat", "2",
                           "--tags", "smoke-engine", "--jsonl", "-", CASES], cwd=ROOT,
                          stdout=subprocess.PIPE, text=True) as run:
        spaces = wait_for_spaces(run)
        results = [json.loads(line) for line in run.stdout]
        assert run.wait(timeout=20) == 0
    assert [r["status"] for r in results[:-1]] == ["pass"] * 4
    assert results[-1]["flaky"] == 0
    assert_gone(spaces, places)


ESCAPE = """
case: escape
title: Tries to get out
why: An engine's case runs where there is no way out.
tags: [engine]
time: real
truth: closed
probe: {forms: quick}
servers:
  mx:
    engine: postfix
    config: |
      smtpd_recipient_restrictions = check_policy_service unix:private/policy
    files:
      master.cf: |
        policy unix - n n - 0 spawn user=nobody argv=/bin/sh /run/relaylab/mx/given/policy.sh
      policy.sh: |
        read -r line
        for address in 10.0.0.1 192.168.1.1 8.8.8.8 224.0.0.1; do
            if ip route get $address >/dev/null 2>&1; then echo "action=550 route to $address"; fi
        done
        ip -o link | grep -v ' lo: ' >/dev/null && echo 'action=550 an interface'
        touch /etc/escaped 2>/dev/null && echo 'action=550 wrote to /etc'
        getent hosts debian.org >/dev/null && echo 'action=550 a name'
        echo action=550 kept in
        echo
expect:
  verdict: closed
"""


def test_nothing_gets_out(tmp_path):
    """No route, no interface but loopback, no resolver, no writing to the host's files."""
    need_server("postfix")
    file = tmp_path / "escape.yaml"
    text = ESCAPE.replace("smtpd_recipient", "mynetworks = 0.0.0.0/0\n      smtpd_recipient")
    file.write_text(text, encoding="ascii")
    run = lab("run", "--time", "real", "--verbose", file)
    assert "kept in" in run.stdout, run.stdout
    for out in ("550 route to", "an interface", "wrote to /etc", "a name"):
        assert out not in run.stdout.replace(f"action={out}", ""), run.stdout
