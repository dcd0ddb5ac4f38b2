"""One Postfix with a listener for each behaviour that a detector must tell apart.

The configuration is Postfix's own as far as can be; what differs per listener stands in LISTENERS.
Ports are fixed because they are private to the namespace. Mail that is relayed goes to the sink,
which is the canary's mail server; mail for home.canary.test goes to another Postfix, which puts it
into a Maildir. master runs in the process namespace of the tests, and ends with it.
"""

from pathlib import Path

from namespace import USERS

UNPACKED = Path(__file__).resolve().parents[2] / "build" / "mta" / "postfix"
SINK_PORT, HOME_PORT = 2599, 2598
HOME_DOMAIN = "home.canary.test"

EVERYBODY = "-o mynetworks=0.0.0.0/0"
LISTENERS = {  # name: (port, smtpd options)
    "closed-554": (2501, "-o smtpd_relay_restrictions=reject_unauth_destination"),
    "closed-454": (2502, "-o smtpd_relay_restrictions=defer_unauth_destination"),
    "open": (2503, EVERYBODY),
    "discard": (2504, EVERYBODY + " -o { content_filter = discard:lost }"),
    "bounce": (2505, EVERYBODY + " -o { content_filter = error:5.1.1 no such user here }"),
}

MAIN = """
compatibility_level = 3.6
config_directory = {here}/etc
queue_directory = {here}/spool
data_directory = {here}/data
command_directory = {unpacked}/usr/sbin
daemon_directory = {unpacked}/usr/lib/postfix/sbin
shlib_directory = {unpacked}/usr/lib/postfix
meta_directory = {here}/etc
mail_owner = postfix
setgid_group = postdrop
default_privs = nobody
import_environment = MAIL_CONFIG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME LD_LIBRARY_PATH
maillog_file = {here}/log/maillog
maillog_file_prefixes = {here}/log
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
mynetworks = 127.255.255.255/32
disable_dns_lookups = yes
smtp_host_lookup = native
smtpd_peername_lookup = no
smtpd_tls_security_level = none
smtp_tls_security_level = none
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
"""
VICTIM = """
myhostname = mx.victim.test
mydomain = victim.test
mydestination = victim.test, mx.victim.test, localhost
local_recipient_maps = inline:{{ postmaster=yes }}
local_transport = discard:local
relayhost = [127.0.0.1]:{sink}
transport_maps = inline:{{ {domain}=smtp:[127.0.0.1]:{home} }}
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
"""
HOME = """
myhostname = mx.canary.test
mydomain = canary.test
mydestination =
smtpd_relay_restrictions = reject_unauth_destination
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {maildirs}
virtual_mailbox_maps = static:canary/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{uid}
"""
SERVICES = """
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
virtual unix - n n - - virtual
postlog unix-dgram n - n - 1 postlogd
"""
QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
          "private", "saved", "trace")
MAKE_QUEUE = """set -e
cd "$1"
shift
mkdir -m 700 "$@"
mkdir -m 730 maildrop
mkdir -m 710 public
chown postfix "$@" ../data
chown postfix:postdrop maildrop public
"""


class Instance:
    def __init__(self, namespace, name):
        self.namespace = namespace
        self.here = namespace.directory / name
        self.environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                            "MAIL_CONFIG": str(self.here / "etc"),
                            "LD_LIBRARY_PATH": str(UNPACKED / "usr/lib/postfix")}

    def _write_files(self):
        for name in ("etc", "spool/pid", "data", "log"):
            (self.here / name).mkdir(parents=True)
        text = MAIN.format(here=self.here, unpacked=UNPACKED) + self.main()
        (self.here / "etc/main.cf").write_text(text, encoding="ascii")
        listeners = "".join(f"127.0.0.1:{port} inet n - n - - smtpd {options}\n"
                            for port, options in self.listeners())
        (self.here / "etc/master.cf").write_text(listeners + SERVICES, encoding="ascii")
        (self.here / "etc/dynamicmaps.cf").touch()

    def _make_queue(self):
        """What Postfix's post-install would do in some seconds; inside, where the users exist."""
        spool = self.here / "spool"
        self._inside(["sh", "-c", MAKE_QUEUE, "sh", str(spool), *QUEUES])

    def _inside(self, argv):
        done = self.namespace.run(argv, processes=True, env=self.environment)
        assert done.returncode == 0, f"{argv[0]}: {done.stdout}{done.stderr}{self.log()}"

    def log(self):
        maillog = self.here / "log/maillog"
        return maillog.read_text(errors="replace") if maillog.exists() else ""

    def __enter__(self):
        self._write_files()
        self._make_queue()
        # -w: returns when master is initialised, so that its sockets listen.
        master = UNPACKED / "usr/lib/postfix/sbin/master"
        self._inside([str(master), "-w", "-c", str(self.here / "etc")])
        return self

    def __exit__(self, *_):
        """Nothing: master ends with the namespace, its files go with the namespace's directory."""


class Postfix(Instance):
    """The target, as many as LISTENERS has."""

    def __init__(self, namespace):
        super().__init__(namespace, "postfix")

    def main(self):
        return VICTIM.format(sink=SINK_PORT, domain=HOME_DOMAIN, home=HOME_PORT)

    def listeners(self):
        return LISTENERS.values()

    def address(self, listener):
        return f"127.0.0.1:{LISTENERS[listener][0]}"


class Home(Instance):
    """The mail server of HOME_DOMAIN: all its mail goes into the Maildir `canary`."""

    def __init__(self, namespace, maildirs):
        super().__init__(namespace, "home")
        self.maildirs = maildirs

    def main(self):
        return HOME.format(domain=HOME_DOMAIN, maildirs=self.maildirs, uid=USERS["canary"])

    def listeners(self):
        return [(HOME_PORT, "")]
