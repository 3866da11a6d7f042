# SPDX-License-Identifier: Apache-2.0
"""start_end_target.py start|end: a short life with a loop. start: imports and runs a few tasks, and is gone. end: says END, then
comes to its end slowly: a thread that is joined, atexit functions, a daemon thread, a loop with tasks that nobody closes, many
objects to give back. Both say OK when all of it was done."""
import asyncio
import atexit
import os
import sys
import threading
import time

LEFT = []  # what is alive at the end


async def short(n):
    await asyncio.sleep(0.002)
    return n


async def start():
    return sum(await asyncio.gather(*[short(n) for n in range(20)]))


async def never():
    await asyncio.get_running_loop().create_future()


class Cycle:
    """Only the collector gives it back, and then it says nothing but takes a moment."""

    def __init__(self):
        self.me = self

    def __del__(self):
        sum(range(1000))


def linger():
    """A thread that the interpreter waits for."""
    for _ in range(10):
        time.sleep(0.002)
    LEFT.append("joined")


def daemon():
    while True:
        time.sleep(0.001)


def last():
    """Runs last of all atexit functions."""
    end = time.monotonic() + 0.01
    while time.monotonic() < end:
        pass
    os.write(1, b"OK\n" if LEFT[-2:] == ["joined", "atexit"] else repr(LEFT[-2:]).encode())


def first():
    time.sleep(0.01)
    LEFT.append("atexit")


def end():
    loop = asyncio.new_event_loop()
    tasks = [loop.create_task(never()) for _ in range(50)]
    loop.run_until_complete(asyncio.sleep(0))
    LEFT.extend([loop, tasks, [Cycle() for _ in range(500)]])
    atexit.register(last)
    atexit.register(first)
    threading.Thread(target=daemon, daemon=True).start()
    threading.Thread(target=linger).start()
    os.write(1, b"END\n")


if sys.argv[1] == "start":
    if asyncio.run(start()) == 190:
        print("OK", flush=True)
else:
    end()
