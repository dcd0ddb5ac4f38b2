#!/usr/bin/python3
"""A relay detector in thirty lines that believes its mailbox only (see doc/adapters.md)."""
import json
import os
import smtplib
import time
from pathlib import Path

ENV = os.environ
END = time.monotonic() + min(20, int(ENV["RELAY_DEADLINE_MS"]) / 2000)
BOX = ENV.get("RELAY_MAILBOX", "").removeprefix("maildir:")
NEW = Path(BOX, "new") if BOX else None
TEXT = f"Subject: relay test {ENV['RELAY_TOKEN']}\r\n\r\nDoes this server relay?\r\n"


def arrived():
    """Our token in a header; a report that quotes it in its body is no delivery."""
    heads = (path.read_bytes().split(b"\r\n\r\n")[0] for path in NEW.iterdir())
    return any(ENV["RELAY_TOKEN"].encode() in head and b"multipart/report" not in head
               for head in heads)


def verdict():
    try:
        with smtplib.SMTP(ENV["RELAY_HOST"], int(ENV["RELAY_PORT"]), ENV["RELAY_HELO"], 20) as mx:
            mx.sendmail(ENV["RELAY_FROM"], [ENV["RELAY_RCPT"]], TEXT)
    except smtplib.SMTPRecipientsRefused as no:
        code = no.recipients[ENV["RELAY_RCPT"]][0]
        return "closed" if code >= 500 else "inconclusive"
    except smtplib.SMTPException:
        return "inconclusive"
    except OSError:
        return "unreachable"
    while NEW and time.monotonic() < END and not arrived():
        time.sleep(0.1)
    return "open" if NEW and arrived() else "inconclusive"


word = verdict()
Path(ENV["RELAY_OUT"]).write_text(json.dumps(
    {"v": 1, "verdict": word, "confidence": "proven" if word == "open" else "none"}))
