#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small badge service that crashes the way real ones do, for trying taskcore on.

It answers clients over TCP on one asyncio loop, and measures names with a function of C (strlen of libc, by ctypes). One
client's record has no name: the function gets NULL and reads there, and the process is killed by SIGSEGV. Python has no
time to say anything. No traffic leaves the loopback interface."""
import asyncio
import ctypes

HOST = "127.0.0.1"
CLIENTS = 12
LIBC = ctypes.CDLL(None)
LIBC.strlen.argtypes = [ctypes.c_char_p]
NAMES = {n: b"client %d" % n for n in range(1, CLIENTS)}


def badge_width(name):
    """The mistake: None is NULL in C, and strlen does not look."""
    return 8 * LIBC.strlen(name)


class Service:
    def __init__(self):
        self.printer = asyncio.Semaphore(2)

    async def badge(self, number):
        async with self.printer:
            await asyncio.sleep(0.2)
            return badge_width(NAMES.get(number))

    async def handle(self, reader, writer):
        number = int(await reader.readline())
        writer.write(b"%d\n" % await self.badge(number))
        await writer.drain()
        writer.close()


async def client(port, number):
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(b"%d\n" % number)
    await reader.readline()
    writer.close()


async def main():
    server = await asyncio.start_server(Service().handle, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    order = [*range(1, CLIENTS // 2), CLIENTS, *range(CLIENTS // 2, CLIENTS)]
    await asyncio.gather(*(asyncio.create_task(client(port, n), name="client-%d" % n) for n in order))


if __name__ == "__main__":
    asyncio.run(main())
