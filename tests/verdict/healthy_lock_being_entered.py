# SPDX-License-Identifier: Apache-2.0
# verdict: a task is at the head of `async with lock`, and who has the lock took it by hand
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=a with block that is only being entered holds nothing yet
import asyncio
import contextlib


@contextlib.asynccontextmanager
async def guarded(lock):
    async with lock:
        yield


async def enter(manager):
    async with manager:
        pass


async def main():
    locks = [asyncio.Lock() for _ in range(3)]
    for lock in locks:
        await lock.acquire()
    tasks = [asyncio.create_task(enter(locks[0])), asyncio.create_task(enter(guarded(locks[1])))]
    async with contextlib.AsyncExitStack() as stack:
        tasks.append(asyncio.create_task(stack.enter_async_context(locks[2])))
        await asyncio.sleep(0)
        print("READY", flush=True)
        await asyncio.sleep(3600)
    for lock in locks:
        lock.release()


asyncio.run(main())
