# SPDX-License-Identifier: Apache-2.0
# verdict: a parent holds a lock and awaits a child that needs it
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.lock-cycle; task=parent,child; culprit=lock_parent_child.py:15; confidence=proved; hurts=3
import asyncio


async def child(lock):
    async with lock:
        pass


async def parent(lock):
    async with lock:
        await asyncio.create_task(child(lock), name="child")  # <- bad


async def main():
    task = asyncio.create_task(parent(asyncio.Lock()), name="parent")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print("READY", flush=True)
    await task


asyncio.run(main())
