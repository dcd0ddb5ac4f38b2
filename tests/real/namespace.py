"""A network and mount namespace that vanishes with its holder.

The holder is a shell under `unshare --kill-child`: it brings loopback up, puts private passwd and
group files in place, says so, and waits for the end of its input. When the test process ends,
however it ends, that input closes, the holder exits, and the kernel kills what runs in its process
namespace.

A Dovecot that was unpacked (ci/unpack) is laid over /usr/lib and /usr/bin in there, since it looks
for its modules and for doveconf in these places only; the host's own stay as they are.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

MAIL_UID, DROP_GID = 64531, 64532  # of users that exist in the namespace only
USERS = {"postfix": MAIL_UID, "dovecot": 64533, "dovenull": 64534, "canary": 64535}
DOVECOT = Path(__file__).resolve().parents[2] / "build" / "mta" / "dovecot"
START = """set -e
ip link set lo up
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/group" /etc/group
mount --bind "$1/hosts" /etc/hosts
mount --bind "$1/hostname" /etc/hostname
for place in /usr/lib /usr/bin; do
    [ ! -e "$2/.complete" ] || mount -t overlay overlay -o "lowerdir=$2$place:$place" "$place" || :
done
echo ready
exec cat >/dev/null
"""


class NamespaceError(Exception):
    pass


def lines_without(names, path):
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(names))


class Namespace:
    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="relaylab-real-"))
        self.directory.chmod(0o755)
        self._write_files()
        self.root = os.geteuid() == 0
        user = [] if self.root else ["--map-root-user", "--map-auto"]
        self.holder = subprocess.Popen(
            ["unshare", *user, "--net", "--mount", "--pid", "--mount-proc", "--fork",
             "--kill-child", "sh", "-c", START, "sh", str(self.directory), str(DOVECOT)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "ready\n":
            said = self.holder.communicate()[1].strip().splitlines()
            shutil.rmtree(self.directory)
            raise NamespaceError(said[-1] if said else "no namespace")

    def _write_files(self):
        names = tuple(f"{name}:" for name in USERS)
        passwd = lines_without(names, Path("/etc/passwd"))
        group = lines_without((*names, "postdrop:"), Path("/etc/group"))
        users = "".join(f"{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n"
                        for name, uid in USERS.items())
        groups = "".join(f"{name}:x:{uid}:\n" for name, uid in USERS.items())
        files = {
            "passwd": passwd + users,
            "group": group + groups + f"postdrop:x:{DROP_GID}:\n",
            "hosts": "127.0.0.1 localhost mx.victim.test mail.canary.test\n",
            "hostname": "mx.victim.test\n",
        }
        for name, text in files.items():
            (self.directory / name).write_text(text, encoding="utf-8")

    def command(self, argv, processes=False):
        """The argv that runs argv inside; with `processes`, also inside the process namespace."""
        pid = self.holder.pid
        enter = ["nsenter", f"--target={pid}", "--net", "--mount"]
        if not self.root:
            enter += ["--user", "--preserve-credentials"]
        if processes:
            enter.append(f"--pid=/proc/{pid}/ns/pid_for_children")
        return [*enter, f"--wd={os.getcwd()}", "--", *argv]

    def run(self, argv, timeout=60, processes=False, **options):
        return subprocess.run(self.command(argv, processes), stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=timeout, check=False, **options)

    def start(self, argv, **options):
        """A Popen of argv inside; whoever starts it ends it."""
        return subprocess.Popen(self.command(argv), stdin=subprocess.DEVNULL, text=True, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.holder.stdin.close()
        self.holder.wait(timeout=20)
        self.holder.stdout.close()
        self.holder.stderr.close()
        shutil.rmtree(self.directory)
