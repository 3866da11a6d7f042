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


PROGRAMS = {
    "forked-c": lambda: forked("c"),
    "forked-raw": lambda: forked("raw"),
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]]()
