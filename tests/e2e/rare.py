# SPDX-License-Identifier: Apache-2.0
"""Prints READY pid=N in the middle of a step: 16 tasks, and from Python 3.12 on an eager one inside that step. Rare things that
walkers get wrong: tasks of a foreign class that others wait for, names with large numbers and with a NUL, a lock with a thousand
attributes, timers that are overdue, a pure-Python task with a mixin, a step that begins another one."""
import asyncio
import os
import sys
import time
from asyncio import tasks

NAMES = ["Task-1732174260123", "Task-7\0x", "Task-4294967295"]
TIMERS = 20
START = time.monotonic()


class Mixin:
    pass


class Mixed(Mixin, tasks._PyTask):
    """A class of its own before asyncio's."""


class Foreign:
    """A task of another library: registered, and awaitable by itself."""

    def __init__(self, loop):
        self._loop, self._coro, self._state, self.future = loop, None, "PENDING", loop.create_future()

    def done(self):
        return False

    def get_loop(self):
        return self._loop

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        self.future._asyncio_future_blocking = True
        return self.future


async def wait_for(awaitable):
    await awaitable


async def lock_twice():
    lock = type("Wide", (asyncio.Lock,), {})()
    for i in range(1000):
        setattr(lock, "attribute_%d" % i, i)
    await lock.acquire()
    await lock.acquire()


async def block():
    while time.monotonic() < START + 1.1:  # a second overdue
        pass
    print("READY pid=%d" % os.getpid(), flush=True)
    time.sleep(100000)


async def main():
    loop = asyncio.get_running_loop()
    foreign = [Foreign(loop) for _ in range(5)]
    for one in foreign:
        tasks._register_task(one)
    keep = [loop.create_task(wait_for(one)) for one in foreign]
    for name in NAMES:
        keep.append(loop.create_task(asyncio.Event().wait()))
        keep[-1].set_name(name)
    keep.append(loop.create_task(lock_twice()))
    keep.append(Mixed(asyncio.Event().wait(), loop=loop))
    keep[-1].set_name("mixed")
    await asyncio.sleep(0)
    keep += [loop.call_later(0.001, print) for _ in range(TIMERS)]
    if sys.version_info >= (3, 12):
        loop.set_task_factory(asyncio.eager_task_factory)
        keep.append(loop.create_task(block()))
    await block()


if __name__ == "__main__":
    asyncio.run(main())
