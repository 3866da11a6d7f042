# SPDX-License-Identifier: Apache-2.0
"""Programs whose page is read by page.py: page_target.py CASE. Prints READY pid=N when everything waits."""
import asyncio
import os
import sys

cases = {}
keep = []


def case(function):
    cases[function.__name__] = function
    return function


async def turns(n=10):
    for _ in range(n):
        await asyncio.sleep(0)


def ready():
    print("READY pid=%d" % os.getpid(), flush=True)


async def ready_and_wait():
    await turns()
    asyncio.get_running_loop().call_soon(ready)
    await asyncio.Event().wait()


def module(path, source, **names):
    """What source defines, as code of a file that need not exist."""
    exec(compile(source, path, "exec"), names)
    return names


@case
async def packages():
    """An application that is installed in site-packages: no frame is of the program's own files."""
    folder = "/venv/lib/python3.%d/site-packages/" % sys.version_info[1]
    orm = module(folder + "orm/query.py", "async def execute(lock, n):\n"
                 "    if n:\n        return await execute(lock, n - 1)\n    async with lock:\n        pass\n")
    shop = module(folder + "shop/web.py", "async def handler(lock, n):\n"
                  "    if n:\n        return await handler(lock, n - 1)\n    return await execute(lock, 5)\n", **orm)
    lock = asyncio.Lock()
    await lock.acquire()
    keep.extend(asyncio.ensure_future(shop["handler"](lock, 6)) for _ in range(3))
    await ready_and_wait()


class Rejected(Exception):
    pass


async def fetch(key):
    await asyncio.sleep(0)
    raise Rejected(key)


async def refresh(key):
    await fetch(key)


async def deep(n):
    if n:
        return await deep(n - 1)
    raise ValueError(n)


async def fail_alone():
    raise KeyError("k")


async def failed(kind=asyncio.ensure_future):
    """Tasks that failed: two that nobody looked at, one that somebody did, one through many frames."""
    keep.extend(kind(refresh(i)) for i in range(2))
    keep.append(kind(deep(100)))
    keep.append(kind(fail_alone()))
    await turns()
    keep[-1].exception()
    await ready_and_wait()


case(failed)


@case
async def failed_python():
    """The same of tasks that are implemented in Python."""
    loop = asyncio.get_running_loop()
    await failed(lambda coro: asyncio.tasks._PyTask(coro, loop=loop))


@case
async def twice():
    """One line that is compiled twice (3.11, 3.13): the test of a while loop."""

    async def poll(queue):
        while await queue.get():
            pass

    for i in range(6):
        queue = asyncio.Queue()
        if i % 2:
            queue.put_nowait(1)
        keep.append(asyncio.ensure_future(poll(queue)))
    await ready_and_wait()


if __name__ == "__main__":
    asyncio.run(cases[sys.argv[1]]())
