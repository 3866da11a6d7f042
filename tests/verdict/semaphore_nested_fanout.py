# SPDX-License-Identifier: Apache-2.0
# zoo: a batch holds a permit of the semaphore while it awaits its parts, and each part wants one of the same semaphore
# REAL: banteg/multicall.py#93 (multicall and call share one semaphore); taskiq-python/taskiq#280
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.pool-exhausted; task=batch-*; culprit=semaphore_nested_fanout.py:18; confidence=likely; hurts=13
import asyncio

SEM = None


async def call(n):
    async with SEM:  # <- inner
        await asyncio.sleep(0.01)
        return n


async def batch(n):
    async with SEM:  # <- outer
        await asyncio.sleep(0)
        return sum(await asyncio.gather(call(n), call(n + 1)))


async def main():
    global SEM
    SEM = asyncio.Semaphore(4)
    t = [asyncio.create_task(batch(i), name=f"batch-{i}") for i in range(4)]
    for _ in range(4):
        await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.gather(*t)


asyncio.run(main())
