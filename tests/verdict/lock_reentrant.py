# SPDX-License-Identifier: Apache-2.0
# zoo: one task acquires the same asyncio.Lock twice
# REAL: python/asyncio#439; redis/redis-py#3056 (double acquire of the pool's Condition)
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.self-lock; task=order-7; culprit=lock_reentrant.py:15; confidence=proved; hurts=2
import asyncio


async def charge(lock):
    async with lock:  # <- inner
        return 1


async def order(lock):
    async with lock:  # <- outer
        await charge(lock)


async def main():
    task = asyncio.create_task(order(asyncio.Lock()))
    task.set_name("order-7")
    await asyncio.sleep(0)
    print("READY", flush=True)
    await task


asyncio.run(main())
