"""TLS on sockets: mockmta against Python's clients, relayprobe against mockmta."""

import json
import smtplib
import socket
import ssl
import subprocess

import pytest

import schema
from lab import BUILD, ENV, ROOT, Mockmta

SCHEMA = json.loads((ROOT / "doc" / "relayprobe.schema.json").read_text())


def any_certificate():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.fixture
def start(tmp_path):
    servers = []

    def started(text, *args):
        file = tmp_path / f"server{len(servers)}.yaml"
        file.write_text(text)
        servers.append(Mockmta("--config", file, *args))
        return servers[-1]

    yield started
    for server in servers:
        server.stop()


def ask(server, *args):
    done = subprocess.run(
        [BUILD / "relayprobe", "--canary", "probe@canary.test", "--json", *args,
         f"127.0.0.1:{server.port}"],
        capture_output=True, text=True, env=ENV, timeout=60)
    report = json.loads(done.stdout)
    schema.check(report, SCHEMA)
    return report


def test_starttls_of_a_common_client(start):
    server = start("tls: starttls\n")
    with server.client() as client:
        client.ehlo()
        assert client.has_extn("starttls")
        assert client.starttls(context=any_certificate())[0] == 220
        client.ehlo()
        assert not client.has_extn("starttls")
        assert client.sendmail("a@example.test", ["b@victim.test"], "Subject: x\r\n\r\nx\r\n") == {}


def test_implicit_listener(start, tmp_path):
    log = tmp_path / "log"
    server = start("listen: [smtp, smtps]\nimplicit_tls: [smtps]\n", "--listen",
                   "smtp=127.0.0.1:0", "--listen", "smtps=127.0.0.1:0", "--log", log)
    port = int(server.ready["listeners"][1]["listen"].rpartition(":")[2])
    with smtplib.SMTP_SSL("127.0.0.1", port, context=any_certificate(), timeout=20) as client:
        assert client.noop()[0] == 250
        name = dict(pair[0] for pair in client.sock.getpeercert(False).get("subject", ())) or None
        assert name is None  # not verified, so not parsed
    with server.client() as client:
        assert client.noop()[0] == 250


def test_certificate_is_the_hostnames(start):
    server = start("tls: implicit\nhostname: mx.example.test\n")
    pem = ssl.get_server_certificate(("127.0.0.1", server.port), timeout=20)
    context = ssl.create_default_context(cadata=pem)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as plain:
        with context.wrap_socket(plain, server_hostname="mx.example.test") as tls:
            assert tls.recv(4) == b"220 "
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as plain:
        with pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(plain, server_hostname="mx.other.test")


def test_commands_before_the_handshake_are_dropped(start, tmp_path):
    log = tmp_path / "log"
    server = start("tls: starttls\n", "--log", log)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as plain:
        lines = plain.makefile("rb")
        assert lines.readline().startswith(b"220 ")
        plain.sendall(b"EHLO a\r\n")
        while not lines.readline().startswith(b"250 "):
            pass
        plain.sendall(b"STARTTLS\r\nRCPT TO:<early@victim.test>\r\n")
        assert lines.readline().startswith(b"220 ")
        with any_certificate().wrap_socket(plain) as tls:
            tls.sendall(b"QUIT\r\n")
            assert tls.recv(100).startswith(b"221 ")
    server.stop()
    events = [json.loads(line) for line in log.read_text().splitlines()]
    told = [e["text"] for e in events if e["event"] == "tls"]
    assert len(told) == 1 and "came too early, dropped: RCPT TO:<early" in told[0]
    assert not any(e.get("at") == "RCPT" for e in events)


@pytest.mark.parametrize("early,finding", [("answered", "answered"), ("dropped", "not-answered"),
                                           ("taken-for-tls", "unclear")])
def test_commands_before_the_handshake_are_noticed(start, early, finding):
    server = start(f"tls: starttls\nearly_commands: {early}\n")
    report = ask(server)
    assert (report["verdict"], report["tls"]["early_commands"]) == ("closed", finding)
    assert any("CVE-2011-0411" in n for n in report["notes"]) == (early == "answered")
    assert not any("in clear came behind the 220" in n for n in report["notes"])
    form = next(f for f in report["controls"]["forms"] if f["id"] == "S1-R1@E3c")
    by_hand = subprocess.run(["sh", "-c", form["reproduce"]], capture_output=True, text=True,
                             timeout=60).stdout.splitlines()
    assert [line[1:4] for line in by_hand] == {
        "answered": ["220", "250"], "dropped": ["220", "221"], "taken-for-tls": ["220"]}[early]
    assert ask(server, "--forms", "S1-R1")["tls"] is None
    assert ask(server, "--forms", "S1-R1,S1-R1@E3")["tls"]["early_commands"] is None


def test_probe_behind_starttls(start):
    report = ask(start("tls: starttls\n"))
    tls = report["tls"]
    assert (report["verdict"], tls["mode"], tls["established"]) == ("closed", "starttls", True)
    assert tls["self_signed"] and tls["names"] == "DNS:mx.victim.test" and not tls["expired"]
    form = next(f for f in report["forms"]["list"] if f["id"] == "S1-R1@E3")
    assert form["state"] == "refused" and " --tls " in form["reproduce"]


def test_probe_modes(start):
    offered = start("tls: starttls\ncertificate: expired\n")
    assert ask(offered, "--tls", "none")["tls"] is None
    forced = ask(offered, "--tls", "starttls")
    assert forced["verdict"] == "closed" and forced["tls"]["expired"]
    assert all(f["id"] != "S1-R1@E3" for f in forced["forms"]["list"])
    broken = ask(offered, "--tls", "implicit", "--timeout", "tls=2s")
    assert (broken["verdict"], broken["reason_code"]) == ("unreachable", "tls-failed")
    assert broken["tls"]["failure"]
    implicit = ask(start("tls: implicit\n"), "--tls", "implicit")
    assert (implicit["verdict"], implicit["tls"]["mode"]) == ("closed", "implicit")
    assert "--tls-on-connect" in implicit["forms"]["list"][0]["reproduce"]


MARKED = """tls: starttls
client_certificate: any
rules:
  - at: RCPT
    when: {client_certificate: true, to_domain: not-local}
    reply: 554 5.7.1 Relaying denied
"""


def certificate(tmp_path, name, *args):
    paths = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-subj", f"/CN={name}.example.test", "-days", "2",
                    "-out", paths[0], "-keyout", paths[1], *(args or ["-nodes"])],
                   check=True, capture_output=True, timeout=60)
    return paths


def certificate_form(report):
    return next(f for f in report["forms"]["list"] if f["id"] == "S1-R1@E3b")


def test_client_certificate(start, tmp_path):
    """One of our own making, and the user's."""
    log = tmp_path / "log"
    server = start(MARKED, "--log", log)
    made = ask(server)
    assert made["verdict"] == "closed" and made["tls"]["client_certificate_asked"]
    assert certificate_form(made)["reply"] == "554 5.7.1 Relaying denied"
    assert "--tls-cert CERTIFICATE.pem --tls-key KEY.pem" in certificate_form(made)["reproduce"]
    cert, key = certificate(tmp_path, "user")
    given = ask(server, "--client-cert", cert, "--client-key", key)
    assert f"--tls-cert {cert} --tls-key {key}" in certificate_form(given)["reproduce"]
    both = tmp_path / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    assert certificate_form(ask(server, "--client-cert", both))["state"] == "refused"
    server.stop()
    events = [json.loads(line) for line in log.read_text().splitlines()]
    names = [e["text"].partition("certificate of ")[2] for e in events if e["event"] == "tls"]
    assert names == ["", "CN=relayprobe.invalid", ""] + 2 * ["", "CN=user.example.test", ""]


def test_client_certificate_is_not_asked_for(start):
    report = ask(start("tls: starttls\n"))
    form = certificate_form(report)
    assert form["state"] == "not-applicable" and not report["tls"]["client_certificate_asked"]
    assert form["why_not"] == "the server asks for no client certificate"


@pytest.mark.parametrize("fault", ["missing", "no-certificate", "other-key", "pass-phrase"])
def test_client_certificate_that_cannot_be_used(tmp_path, fault):
    cert, key = certificate(tmp_path, "user")
    if fault == "missing":
        cert = tmp_path / "nowhere.pem"
    elif fault == "no-certificate":
        cert = key
    elif fault == "other-key":
        key = certificate(tmp_path, "other")[1]
    else:
        cert, key = certificate(tmp_path, "locked", "-passout", "pass:secret")
    done = subprocess.run([BUILD / "relayprobe", "--canary", "probe@canary.test", "--client-cert",
                           cert, "--client-key", key, "127.0.0.1:25"],
                          capture_output=True, text=True, env=ENV, timeout=20,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 71
    named = cert if fault in ("missing", "no-certificate") else key
    assert done.stderr.startswith(f"relayprobe: {named}: "), done.stderr


def test_wrong_mode():
    done = subprocess.run([BUILD / "relayprobe", "--canary", "probe@canary.test", "--tls", "ssl",
                           "127.0.0.1:25"], capture_output=True, text=True, env=ENV, timeout=20)
    assert done.returncode == 2
    assert "write auto, none, starttls or implicit" in done.stderr
