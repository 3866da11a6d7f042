# SPDX-License-Identifier: Apache-2.0
# verdict: a task that was woken in Condition.wait() takes the lock again, which the notifier holds without a block
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=inside the block of a lock that it waits for
import asyncio


async def wait(manager, condition):
    async with manager:
        await condition.wait()


async def main():
    lock = asyncio.Lock()
    shared, own = asyncio.Condition(lock), asyncio.Condition()
    tasks = [asyncio.create_task(wait(lock, shared)), asyncio.create_task(wait(own, own))]
    await asyncio.sleep(0)
    for condition in shared, own:
        await condition.acquire()
        condition.notify_all()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.sleep(3600)
    for condition in shared, own:
        condition.release()


asyncio.run(main())
