#!/usr/bin/python3
"""One message after the manner of rlytest: every reply from 200 to 399 goes on, any other ends it.

Whole multi-line replies are read. What ends before the last dot is accepted counts as closed.
"""
import os
import socket
import sys

LIMIT_S = 30


def reply(stream):
    while True:
        line = stream.readline()
        if not line:
            sys.exit("connection lost")
        text = line.decode("latin-1").rstrip("\r\n")
        print("<<<", text)
        if len(text) < 4 or text[3] != "-":
            return int(text[:3]) if text[:3].isdigit() else 0


def main():
    env = os.environ
    sender, recipient = env["RELAY_FROM"], env["RELAY_RCPT"]
    message = (f"From: {sender}\r\nTo: {recipient}\r\n"
               "Subject: test for susceptibility to relaying\r\n"
               f"Message-ID: <{env['RELAY_TOKEN']}@{env['RELAY_HELO']}>\r\n\r\n"
               "This is a test of third-party relay.\r\n.")
    try:
        link = socket.create_connection((env["RELAY_HOST"], int(env["RELAY_PORT"])), LIMIT_S)
    except OSError as error:
        sys.exit(f"cannot connect: {error}")
    with link, link.makefile("rb") as stream:
        code = reply(stream)
        for line in (f"HELO {env['RELAY_HELO']}", f"MAIL FROM:<{sender}>",
                     f"RCPT TO:<{recipient}>", "DATA", message):
            if not 200 <= code <= 399:
                print("relaying denied")
                link.sendall(b"QUIT\r\n")
                return
            print(">>>", line.splitlines()[0])
            link.sendall(f"{line}\r\n".encode("latin-1"))
            code = reply(stream)
        print("relaying accepted" if 200 <= code <= 399 else "relaying denied")
        link.sendall(b"QUIT\r\n")


try:
    main()
except OSError as trouble:
    sys.exit(f"trouble: {trouble}")
