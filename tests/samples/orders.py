# SPDX-License-Identifier: Apache-2.0
"""The program whose dumps are the samples: a few tasks in different states, few modules, nothing that is secret."""
import sys

sys.modules["ssl"] = None  # asyncio does without it: fewer modules make smaller dumps
import asyncio  # noqa: E402
import contextvars  # noqa: E402

request = contextvars.ContextVar("request")


async def take(queue, number):
    request.set(number)
    return await queue.get()


async def hold(lock, seconds):
    async with lock:
        await asyncio.sleep(seconds)


async def fail(orders):
    raise KeyError(len(orders))


async def main():
    queue, lock = asyncio.Queue(), asyncio.Lock()
    tasks = [asyncio.create_task(take(queue, n), name="order-%d" % n) for n in (1, 2)]
    tasks += [asyncio.create_task(hold(lock, 3600.5), name=name) for name in ("holder", "waiter")]
    tasks.append(asyncio.create_task(fail([]), name="failed"))
    tasks.append(asyncio.create_task(asyncio.sleep(3600), name="\u00fcnnamed \udc80"))
    tasks.append(asyncio.create_task(asyncio.wait(tasks[:2])))
    await asyncio.sleep(0.1)
    open("ready", "w").close()
    await asyncio.wait(tasks)


asyncio.run(main())
