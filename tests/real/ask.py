#!/usr/bin/python3
"""ask.py PORT SENDER RECIPIENT - one message by Python's smtplib; prints {"code": N, "text": "..."}

The code is that of RCPT when it was refused, else that of the end of data.
"""

import json
import smtplib
import sys


def ask(port, sender, recipient):
    with smtplib.SMTP("127.0.0.1", int(port), "probe.canary.test", timeout=20) as client:
        client.ehlo()
        client.mail(sender)
        code, text = client.rcpt(recipient)
        if code < 400:
            code, text = client.data(f"From: {sender}\nTo: {recipient}\n"
                                     "Subject: relay test\n\nHello.\n")
        return {"code": code, "text": text.decode("latin-1")}


if __name__ == "__main__":
    print(json.dumps(ask(*sys.argv[1:])))
