#!/usr/bin/python3
"""One sender, one recipient, smtplib: the relay test of many small scanners.

No exception means open. A refused recipient means closed, and so does everything else.
"""
import os
import smtplib

host, port = os.environ["RELAY_HOST"], int(os.environ["RELAY_PORT"])
sender, recipient = os.environ["RELAY_FROM"], os.environ["RELAY_RCPT"]
subject = f"relay test {os.environ['RELAY_TOKEN']}"
message = f"From: {sender}\nTo: {recipient}\nSubject: {subject}\n\ntest\n"

try:
    server = smtplib.SMTP(host, port, timeout=10)
    server.sendmail(sender, [recipient], message)
    server.quit()
    print(f"[+] {host}:{port} is an OPEN RELAY")
except (OSError, smtplib.SMTPException) as error:
    print(f"[-] {host}:{port} not vulnerable: {error}")
