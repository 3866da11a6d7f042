# SPDX-License-Identifier: Apache-2.0
# verdict: who gathers two tasks that take two locks in opposite order does so inside wait_for
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=a timer that cancels a gather, and so its members
import asyncio


async def take(p, q, taken, both):
    async with p:
        taken.release()
        await both.wait()
        async with q:
            pass


async def main():
    a, b = asyncio.Lock(), asyncio.Lock()
    taken, both = signs = asyncio.Semaphore(0), asyncio.Event()
    tasks = [asyncio.create_task(take(a, b, *signs)), asyncio.create_task(take(b, a, *signs))]
    all_ = asyncio.create_task(asyncio.wait_for(asyncio.gather(*tasks), 3600))
    await taken.acquire()
    await taken.acquire()
    both.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print("READY", flush=True)
    await all_


asyncio.run(main())
