# SPDX-License-Identifier: Apache-2.0
"""Programs of unusual shapes, each small: the first argument names one. corners.py says what must be seen of them.

Each prints "READY pid=N" from where it is to be dumped, N being the process that is meant, and then does not change any more."""
import asyncio
import ctypes
import os
import sys
import time


def ready():
    print("READY pid=%d" % os.getpid(), flush=True)


def forked(how):
    """A worker as a server in C forks its own: no PyOS_AfterFork_Child. raw: not even the C library knows."""
    c = ctypes.PyDLL(None)
    if c.fork() if how == "c" else c.syscall(57):
        time.sleep(1000)

    async def main():
        asyncio.get_running_loop().call_soon(ready)
        await asyncio.sleep(1000)

    asyncio.run(main())


async def sleeper():
    asyncio.get_running_loop().call_soon(ready)
    await asyncio.sleep(1000)


def second_library(path):
    """Another libpython is mapped, below this one, and never started."""
    ctypes.CDLL(path)
    asyncio.run(sleeper())


async def nested_leaf():
    await asyncio.sleep(0)
    asyncio._set_running_loop(None)
    asyncio.new_event_loop().run_until_complete(sleeper())


class Registered(asyncio.Future):
    """No task, but registered as one."""

    def __init__(self):
        super().__init__()
        self._coro = None


async def registered():
    future = Registered()
    asyncio.tasks._register_task(future)
    await asyncio.gather(sleeper(), future)


async def nest(n):
    """Each step runs the loop again, inside itself, as nest_asyncio does."""
    loop = asyncio.get_running_loop()
    if n:
        loop.create_task(nest(n - 1)).set_name("nest-%d" % (n - 1))
    else:
        loop.call_later(0.1, ready)
    asyncio.tasks._leave_task(loop, asyncio.current_task())
    while True:
        loop._run_once()


def block():
    ready()
    time.sleep(1000)


async def in_greenlet():
    """As SQLAlchemy does: the task runs on in another C stack."""
    import greenlet

    greenlet.greenlet(block).switch()


def deeper(n):
    return deeper(n - 1) if n else block()


async def many_frames():
    sys.setrecursionlimit(1000000)
    deeper(70000)


PROGRAMS = {
    "in-greenlet": lambda: asyncio.run(in_greenlet()),
    "many-frames": lambda: asyncio.run(many_frames()),
    "forked-c": lambda: forked("c"),
    "forked-raw": lambda: forked("raw"),
    "second-library": lambda: second_library(sys.argv[2]),
    "nested-loops": lambda: asyncio.run(nested_leaf()),
    "registered-future": lambda: asyncio.run(registered()),
    "nested-runs": lambda: asyncio.run(nest(6)),
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]]()
