"""mockmta as a server for other people's clients: on a port that the kernel chooses."""

import json
import subprocess
import tempfile
from pathlib import Path


class Mock:
    """with Mock(program, "open", routes={"canary.test": other.address}) as server: ..."""

    def __init__(self, program, persona, routes=None):
        self.argv = [program, "--persona", persona, "--listen", "127.0.0.1:0"]
        for domain, address in (routes or {}).items():
            self.argv += ["--route", f"{domain}={address}"]

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="relaylab-mock-")
        self.log = Path(self.directory.name) / "log"
        self.process = subprocess.Popen([*self.argv, "--log", str(self.log)], text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        assert line, f"{' '.join(self.argv)}: status {self.process.wait(timeout=10)}"
        ready = json.loads(line)
        assert ready["event"] == "ready", ready
        self.address = ready["listen"]
        self.port = int(self.address.rpartition(":")[2])
        return self

    def stop(self):
        """Ends the server; what it logged is whole afterwards."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=20)
        return self.events()

    def events(self):
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def commands(self, verb):
        """Each command with that verb, as the server heard it. Ends the server."""
        heard = [event["text"] for event in self.stop() if event["event"] == "command"]
        return [line for line in heard if line.upper().startswith(verb)]

    def __exit__(self, *_):
        self.stop()
        self.process.stdout.close()
        self.directory.cleanup()
