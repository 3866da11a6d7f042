# SPDX-License-Identifier: Apache-2.0
# verdict: the holders of all permits of a BoundedSemaphore want one more
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.pool-exhausted; task=job-0,job-1,job-2; culprit=pool_bounded.py:9; confidence=proved; hurts=4
import asyncio


async def job(pool):
    async with pool:  # <- holds
        await asyncio.sleep(0)
        async with pool:  # <- wants
            pass


async def main():
    pool = asyncio.BoundedSemaphore(3)
    tasks = [asyncio.create_task(job(pool), name="job-%d" % i) for i in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
