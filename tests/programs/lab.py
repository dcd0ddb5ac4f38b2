"""mockmta as a child of a test: started on ports of the kernel's choice, ended by its pid."""

import json
import os
import random
import socket
import smtplib
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELAYLAB_BUILD", ROOT / "build")).resolve()
ENV = {**os.environ, "RELAYLAB_PERSONAS": str(ROOT / "mockmta" / "personas")}
MESSAGE = "Subject: a test\r\n\r\n.a line that begins with a dot\r\nthe end\r\n"


def free_port():
    """A port that nobody listens at, and below those that the kernel gives to connections: one of
    another test could take it before our program does."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def free_address():
    return f"127.0.0.1:{free_port()}"


class Mockmta:
    """A running server: its ready line, its address, its port."""

    def __init__(self, *args):
        self.process = subprocess.Popen(
            [BUILD / "mockmta", *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=ENV,
        )
        line = self.process.stdout.readline()
        assert line, self.process.communicate(timeout=20)[1]
        self.ready = json.loads(line)
        assert self.ready["event"] == "ready"
        self.address = self.ready["listen"]
        self.port = int(self.address.rpartition(":")[2])

    def client(self, **options):
        return smtplib.SMTP("127.0.0.1", self.port, "client.example.test", timeout=20, **options)

    def send(self, sender, recipient, message=MESSAGE):
        with self.client() as client:
            client.sendmail(sender, [recipient], message)

    def wait(self):
        """Status and standard error of a server that ends by itself."""
        _, error = self.process.communicate(timeout=20)
        return self.process.returncode, error

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait()


def run_mockmta(*args):
    """A run that ends at once: an error, or something printed."""
    return subprocess.run(
        [BUILD / "mockmta", *map(str, args)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=ENV,
        timeout=20,
        check=False,
    )


def read_log(path):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
