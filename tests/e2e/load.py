# SPDX-License-Identifier: Apache-2.0
"""A process with N tasks that wait, for measurements and for the test of big processes.

  load.py N [--loop uvloop] [--shape flat|chain|ring|deep]

flat: each task is four coroutines deep, a third each waits for a future, an event and a sleep (of its own), with a name and a
context variable of its own: 4.67 frames on average. chain: task i awaits task i + 1, N of them. ring: the same, closed. deep:
one task, N coroutines deep. On SIGUSR1 it writes what a classic Python handler would (every task, its await chain, the repr of
every local) as JSON to the file in $LOAD_JSON."""
import asyncio
import contextvars
import gc
import json
import os
import signal
import sys

request = contextvars.ContextVar("request")
KEEP = []


async def leaf(kind, n):
    if kind == 0:
        fut = asyncio.get_running_loop().create_future()
        KEEP.append(fut)
        await fut
    elif kind == 1:
        event = asyncio.Event()
        KEEP.append(event)
        await event.wait()
    else:
        await asyncio.sleep(36000 + n)


async def query(kind, n):
    sql, retries = "select * from t where id = %d" % n, 3
    await leaf(kind, n)
    return sql, retries


async def service(kind, n, user):
    limits = {"rows": 100}
    await query(kind, n)
    return limits


async def handler(n):
    request.set(n)
    user, path = "user-%d" % (n % 100), "/items/%d" % n
    await service(n % 3, n, user)
    return path


async def awaits(tasks, n):
    await tasks[n]


async def down(n):
    if n > 1:
        await down(n - 1)
    else:
        await asyncio.get_running_loop().create_future()


def flat(loop, n):
    KEEP.append([loop.create_task(handler(i), name="worker-%d" % i) for i in range(n)])


def chain(loop, n, last=None):
    tasks = []
    KEEP.append(tasks)
    for i in range(n - 1):
        tasks.append(loop.create_task(awaits(tasks, i + 1), name="link-%d" % i))
    tasks.append(
        loop.create_task(awaits(tasks, 0) if last == 0 else leaf(0, 0), name="link-%d" % (n - 1))
    )


def ring(loop, n):
    chain(loop, n, 0)


def deep(loop, n):
    sys.setrecursionlimit(10 * n + 1000)
    KEEP.append(loop.create_task(down(n), name="deep"))


def classic_handler(*_, with_locals=True):
    """What programs do today: walk in Python, repr everything, one json.dump."""
    tasks = []
    for task in asyncio.all_tasks(KEEP[0]):
        frames, coro = [], task.get_coro()
        while coro is not None and hasattr(coro, "cr_frame"):
            frame = coro.cr_frame
            frames.append(
                {
                    "function": coro.__qualname__,
                    "file": frame.f_code.co_filename,
                    "line": frame.f_lineno,
                }
            )
            if with_locals:
                frames[-1]["locals"] = {k: repr(v) for k, v in frame.f_locals.items()}
            coro = coro.cr_await
        tasks.append({"name": task.get_name(), "state": task._state, "frames": frames})
    with open(os.environ["LOAD_JSON"] + ".part", "w") as f:
        json.dump(tasks, f)
    os.rename(os.environ["LOAD_JSON"] + ".part", os.environ["LOAD_JSON"])


async def main(shape, n):
    gc.disable()
    globals()[shape](asyncio.get_running_loop(), n)
    await asyncio.sleep(0)
    await asyncio.sleep(0.1)
    gc.freeze()
    print("READY pid=%d" % os.getpid(), flush=True)
    await asyncio.get_running_loop().create_future()


def run():
    words = sys.argv[1:]
    shape = words[words.index("--shape") + 1] if "--shape" in words else "flat"
    if "uvloop" in words:
        import uvloop

        loop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    KEEP.append(loop)
    signal.signal(signal.SIGUSR1, classic_handler)
    loop.run_until_complete(main(shape, int(words[0])))


if __name__ == "__main__":
    run()
