# SPDX-License-Identifier: Apache-2.0
# verdict: two tasks take two locks in opposite order, one of them inside asyncio.timeout()
# PY: 3.11+  NEEDS: stdlib
# EXPECT: healthy; trap=a ring of locks that a timer ends
import asyncio


async def take(p, q, taken, both):
    async with p:
        taken.release()
        await both.wait()
        async with q:
            pass


async def timed(p, q, *signs):
    async with asyncio.timeout(3600):
        await take(p, q, *signs)


async def main():
    a, b = asyncio.Lock(), asyncio.Lock()
    taken, both = signs = asyncio.Semaphore(0), asyncio.Event()
    tasks = [asyncio.create_task(take(a, b, *signs)), asyncio.create_task(timed(b, a, *signs))]
    await taken.acquire()
    await taken.acquire()
    both.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
