"""A Dovecot that serves one Maildir by POP3 and IMAP, with certificates of a CA of the test's own.

It runs unpacked, in the namespace: its libraries lie over /usr/lib there (namespace.py). Ports are
fixed because they are private to the namespace; mail.canary.test is its name.
"""

import subprocess
import time

from namespace import DOVECOT, USERS

PORTS = {"pop3": 3110, "pop3s": 3995, "imap": 3143, "imaps": 3993}
HOST, USER, PASSWORD = "mail.canary.test", "canary", "a secret, never to be seen"

CONFIGURATION = """
base_dir = {here}/run
state_dir = {here}/run
log_path = {here}/log
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <{here}/cert.pem
ssl_key = <{here}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
mail_location = maildir:{maildirs}/canary
first_valid_uid = 1
default_vsz_limit = 0
mail_max_userip_connections = 100
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {here}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {here}/users
}}
service imap-login {{
  inet_listener imap {{
    port = 3143
  }}
  inet_listener imaps {{
    port = 3993
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = 3110
  }}
  inet_listener pop3s {{
    port = 3995
  }}
}}
"""
CERTIFICATES = """set -e
cd "$1"
key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
for ca in ca other; do
    openssl req -x509 $key -keyout "$ca.key" -out "$ca.pem" -days 2 -subj "/CN=$ca of a test" \\
        -addext keyUsage=critical,keyCertSign
done
openssl req $key -keyout key.pem -out request.pem -subj "/CN=$2"
printf 'subjectAltName=DNS:%s\\n' "$2" >extensions
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \\
    -extfile extensions -out cert.pem
"""


class Dovecot:
    def __init__(self, namespace):
        self.namespace = namespace
        self.here = namespace.directory / "dovecot"
        self.maildirs = self.here / "mail"
        self.inbox = self.maildirs / "canary"

    def prepare(self):
        (self.here / "run").mkdir(parents=True)
        for name in ("new", "cur", "tmp"):
            (self.inbox / name).mkdir(parents=True)
        subprocess.run(["sh", "-c", CERTIFICATES, "sh", str(self.here), HOST], check=True,
                       capture_output=True, timeout=60)
        text = CONFIGURATION.format(here=self.here, maildirs=self.maildirs)
        (self.here / "dovecot.conf").write_text(text, encoding="ascii")
        uid = USERS["canary"]
        users = f"{USER}:{{PLAIN}}{PASSWORD}:{uid}:{uid}::{self.maildirs}::\n"
        (self.here / "users").write_text(users, encoding="ascii")
        self.inside(["chown", "-R", "canary:canary", str(self.maildirs)])

    def inside(self, argv):
        done = self.namespace.run(argv, processes=True)
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}{self.log()}"

    def log(self):
        log = self.here / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    def start(self):
        """In the process namespace, and so ending with it whatever becomes of the test."""
        command = f"{DOVECOT}/usr/sbin/dovecot -c {self.here}/dovecot.conf"
        self.inside(["sh", "-c", f"exec {command} >>{self.here}/log 2>&1"])

    def stop(self):
        pid = self.here / "run/master.pid"
        self.inside(["kill", pid.read_text(encoding="ascii").strip()])
        deadline = time.monotonic() + 20
        while pid.exists():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def __enter__(self):
        self.prepare()
        self.start()
        return self

    def __exit__(self, *_):
        """Nothing: it ends with the namespace."""
