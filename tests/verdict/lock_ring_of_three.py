# SPDX-License-Identifier: Apache-2.0
# verdict: three tasks, each holds a lock and wants the next one's
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.lock-cycle; task=fork-0,fork-1,fork-2; culprit=lock_ring_of_three.py:11; confidence=proved; hurts=4
import asyncio


async def philosopher(forks, i):
    async with forks[i]:
        await asyncio.sleep(0)
        async with forks[(i + 1) % 3]:  # <- bad
            pass


async def main():
    forks = [asyncio.Lock() for _ in range(3)]
    tasks = [asyncio.create_task(philosopher(forks, i), name="fork-%d" % i) for i in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
