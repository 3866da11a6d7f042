# SPDX-License-Identifier: Apache-2.0
"""Healthy programs that are seldom asleep for long, for turning.py: turning_target.py NAME [--loop uvloop] [--thread].

rounds: sleeps 2 ms, works 0.5 ms, for ever: a loop that turns 400 times a second. fresh: wakes 200 times a second. duty5, duty60: works
for 5 % and for 60 % of the time. rivals: as rounds, beside two threads that compute in Python, so that it often waits for the GIL. echo: a server with three clients, in a process of their own, that never pause. --thread: the loop is in a
side thread."""
import asyncio
import os
import socket
import sys
import threading
import time


def work(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


async def turn(rest, effort):
    while True:
        await asyncio.sleep(rest)
        if effort:
            work(effort)


def client(port):
    peer = socket.create_connection(("127.0.0.1", port))
    while True:
        peer.sendall(b"x" * 100)
        if not peer.recv(100):
            return


def clients(port):
    """In a child, which ends with its connections."""
    if os.fork() == 0:
        try:
            threads = [threading.Thread(target=client, args=(port,)) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            os._exit(0)


async def rivals():
    for _ in range(2):
        threading.Thread(target=work, args=(float("inf"),), daemon=True).start()
    await turn(0.002, 0.0005)


async def echo(listener):
    async def serve(reader, writer):
        while True:
            data = await reader.read(100)
            if not data:
                break
            writer.write(data)
            await writer.drain()

    server = await asyncio.start_server(serve, sock=listener)
    async with server:
        await server.serve_forever()


PROGRAMS = {
    "rounds": lambda: turn(0.002, 0.0005),
    "fresh": lambda: turn(0.005, 0),
    "duty5": lambda: turn(0.0095, 0.0005),
    "duty60": lambda: turn(0.004, 0.006),
    "rivals": rivals,
}


def run(program):
    if "uvloop" in sys.argv:
        import uvloop

        loop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.call_later(0.3, lambda: print("READY pid=%d" % os.getpid(), flush=True))
    loop.run_until_complete(program())


def main():
    name = sys.argv[1]
    if name == "echo":
        listener = socket.create_server(("127.0.0.1", 0))
        clients(listener.getsockname()[1])
        program = lambda: echo(listener)  # noqa: E731
    else:
        program = PROGRAMS[name]
    if "--thread" in sys.argv:
        thread = threading.Thread(target=run, args=(program,))
        thread.start()
        thread.join()
    else:
        run(program)


main()
