# SPDX-License-Identifier: Apache-2.0
# verdict: two tasks take two locks in opposite order, one of them as what wait_for runs (up to 3.11 a task of its own)
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=a ring of locks that a timer of another task ends
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
    tasks = [asyncio.create_task(take(a, b, *signs)), asyncio.create_task(asyncio.wait_for(take(b, a, *signs), 3600))]
    await taken.acquire()
    await taken.acquire()
    both.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
