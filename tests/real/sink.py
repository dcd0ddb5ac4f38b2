#!/usr/bin/python3
"""sink.py PORT - a mail server that takes everything and prints one JSON object per message

The witness of the harness itself: it is not our code's SMTP server, so it shows what Postfix does
without relying on what is under test. Says {"event":"ready","port":N} first. Ends at SIGTERM.
"""

import asyncio
import json
import sys

LINE_MAX = 65536


async def read_message(reader):
    lines = []
    while (line := await reader.readuntil(b"\n")) != b".\r\n":
        lines.append(line[1:] if line.startswith(b".") else line)
    return b"".join(lines).decode("latin-1")


async def serve(reader, writer):
    sender, recipients = None, []
    writer.write(b"220 sink.canary.test ESMTP\r\n")
    while True:
        line = (await reader.readuntil(b"\n")).decode("latin-1").rstrip("\r\n")
        verb, argument = line[:4].upper(), line.partition(":")[2].strip()
        if verb == "QUIT":
            writer.write(b"221 2.0.0 Bye\r\n")
            return
        if verb == "DATA":
            writer.write(b"354 Go ahead\r\n")
            text = await read_message(reader)
            message = {"sender": sender, "recipients": recipients, "text": text}
            # Answered first: whoever reads the line may end this sink, and an answer that did not
            # get out would bring the message again, to the next one.
            writer.write(b"250 2.0.0 Ok\r\n")
            await writer.drain()
            print(json.dumps(message), flush=True)
            continue
        if verb == "MAIL":
            sender, recipients = argument.split(" ")[0], []
        if verb == "RCPT":
            recipients.append(argument.split(" ")[0])
        writer.write(b"250 2.0.0 Ok\r\n")


async def session(reader, writer):
    try:
        await serve(reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(session, "127.0.0.1", int(sys.argv[1]), limit=LINE_MAX)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"event": "ready", "port": port}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
