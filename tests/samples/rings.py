# SPDX-License-Identifier: Apache-2.0
"""Two tasks that wait for each other's lock, one on an exit stack inside a context manager, and a thread that holds a lock: for make.sh."""
import asyncio
import contextlib
import threading

lock, never = threading.Lock(), threading.Event()


@contextlib.asynccontextmanager
async def both(first, second):
    async with first:
        await asyncio.sleep(0.1)
        async with second:
            yield


async def transfer(first, second):
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(both(first, second))


def hold():
    with lock:
        never.wait()


async def main():
    threading.Thread(target=hold, name="holder", daemon=True).start()
    a, b = asyncio.Lock(), asyncio.Lock()
    tasks = [asyncio.create_task(transfer(a, b), name="transfer"), asyncio.create_task(transfer(b, a), name="audit")]
    await asyncio.sleep(0.3)
    open("ready", "w").close()
    await asyncio.gather(*tasks)


asyncio.run(main())
