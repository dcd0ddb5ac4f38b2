#!/usr/bin/python3
"""plain_imap.py - an IMAP server without TLS that prints its port and then all it hears"""

import socket

with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    while True:
        connection = listener.accept()[0]
        with connection, connection.makefile("rwb") as stream:
            stream.write(b"* OK hello\r\n")
            stream.flush()
            for line in stream:
                print(line.decode("latin-1").strip(), flush=True)
                tag = line.split(b" ")[0]
                stream.write(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n" + tag + b" OK\r\n")
                stream.flush()
