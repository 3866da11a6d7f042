# SPDX-License-Identifier: Apache-2.0
"""A busy service that crashes at a random instant, again and again.

  crash_soak_target.py LIBRARY

For each line "HOW KIND MICROSECONDS" on its standard input it forks a child that serves, which prints "READY pid"; when that has ended, it
prints "ENDED pid status". HOW: thread or timer (the child crashes by KIND of crash_module.c so long after READY, in a thread of C or in
whatever its first thread does), or wait (somebody sends a signal). "self HOW KIND MICROSECONDS": the same without a fork, the last one."""
import asyncio
import ctypes
import gc
import json
import os
import random
import sys
import zlib

WAITING = 40
library = ctypes.CDLL(sys.argv[1])


async def serve(reader, writer):
    """Lines of JSON in, lines of JSON out."""
    while True:
        line = await reader.readline()
        if not line:
            break
        told = json.loads(line)
        parts = await asyncio.gather(*[work(n) for n in range(told["n"] % 5 + 1)])
        writer.write(json.dumps({"sum": sum(parts)}).encode() + b"\n")
        await writer.drain()
    writer.close()


async def work(n):
    await asyncio.sleep(0 if n % 2 else 0.001)
    data = [bytes([n]) * random.randrange(1, 20000) for _ in range(5)]
    return zlib.crc32(b"".join(data)) % 1000


async def client(port):
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for n in range(20):
            writer.write(b'{"n": %d}\n' % n)
            await asyncio.wait_for(reader.readline(), 60)
        writer.close()


async def churn():
    """Tasks that come and go, also by cancelling, and garbage."""
    while True:
        tasks = [asyncio.ensure_future(asyncio.sleep(60)) for _ in range(20)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, lambda: zlib.compress(os.urandom(30000)))
        gc.collect(0)


async def main(say):
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    kept = [asyncio.ensure_future(asyncio.sleep(3600)) for _ in range(WAITING)]
    kept += [asyncio.ensure_future(client(port)) for _ in range(3)] + [asyncio.ensure_future(churn())]
    await asyncio.sleep(0.01)
    say()
    await asyncio.wait(kept)


def crash(how, kind, us):
    def say():
        os.write(1, b"READY %d\n" % os.getpid())  # first: a short timer ends the process right away
        if how == "thread":
            library.crash_after(kind.encode(), ctypes.c_long(int(us)))
        if how == "timer":
            library.crash_by_timer(kind.encode(), ctypes.c_long(int(us)))

    asyncio.run(main(say))


def obey():
    for line in sys.stdin:
        words = line.split()
        if words[0] == "self":
            crash(*words[1:])
        pid = os.fork()
        if pid == 0:
            crash(*words)
        os.write(1, b"ENDED %d %d\n" % (pid, os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    obey()
