"""delay.py PORT TARGET_PORT SECONDS - a line on loopback that takes its time, each way

Octets come out in order, so long after they went in: what a network's latency does to a dialogue.
"""

import asyncio
import sys


async def carry(reader, writer, seconds):
    """Everything that is read is written after its time; the end of the stream, too."""
    loop = asyncio.get_running_loop()
    queue = asyncio.Queue()

    async def write():
        while True:
            due, octets = await queue.get()
            await asyncio.sleep(due - loop.time())
            if not octets:
                writer.close()
                return
            writer.write(octets)

    task = loop.create_task(write())
    octets = b"?"
    while octets:
        try:
            octets = await reader.read(65536)
        except ConnectionError:
            octets = b""
        queue.put_nowait((loop.time() + seconds, octets))
    await task


async def main(port, target, seconds):
    async def serve(reader, writer):
        await asyncio.sleep(2 * seconds)  # the handshake's round trip
        there, back = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(carry(reader, back, seconds), carry(there, writer, seconds))

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
