# SPDX-License-Identifier: Apache-2.0
# verdict: one task takes the only permit of a BoundedSemaphore twice
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.pool-exhausted; task=twice; culprit=pool_of_one.py:14; confidence=proved; hurts=2; says=its only permit is held by a task
import asyncio


async def inner(pool):
    async with pool:
        pass


async def outer(pool):
    async with pool:  # <- bad
        await inner(pool)


async def main():
    task = asyncio.create_task(outer(asyncio.BoundedSemaphore(1)), name="twice")
    await asyncio.sleep(0)
    print("READY", flush=True)
    await task


asyncio.run(main())
