# SPDX-License-Identifier: Apache-2.0
# zoo: two calls of one function take two locks of the module in opposite order, beside a task that sleeps
# REAL: made for the rules
# PY: 3.11+  NEEDS: stdlib
# EXPECT: kind=deadlock.lock-cycle; task=first,second; culprit=lock_global_ab.py:19
import asyncio

A, B = asyncio.Lock(), asyncio.Lock()


async def beat():
    while True:
        await asyncio.sleep(0.1)


async def both(p, q):
    async with p:
        await asyncio.sleep(0)
        async with q:  # <- bad
            pass


async def main():
    tasks = [asyncio.create_task(both(A, B), name="first"), asyncio.create_task(both(B, A), name="second")]
    beating = asyncio.create_task(beat(), name="beat")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.gather(*tasks)
    await beating


asyncio.run(main())
