# SPDX-License-Identifier: Apache-2.0
# verdict: a ring of two locks in functions that also release something by hand: perhaps a lock of the ring
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.lock-cycle; task=one,other; culprit=lock_released_in_finally.py:13; confidence=likely; hurts=3
import asyncio


async def borrow(pool, p, q):
    await pool.acquire()
    try:
        async with p:
            await asyncio.sleep(0)
            async with q:  # <- bad
                pass
    finally:
        pool.release()


async def main():
    pool, a, b = asyncio.Semaphore(2), asyncio.Lock(), asyncio.Lock()
    tasks = [asyncio.create_task(borrow(pool, a, b), name="one")]
    tasks.append(asyncio.create_task(borrow(pool, b, a), name="other"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
