# SPDX-License-Identifier: Apache-2.0
# verdict: who holds a lock waits for the first of two tasks, or for a while, and one of them needs the lock
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=a ring with a way around
import asyncio


async def child(lock):
    async with lock:
        pass


async def first(lock):
    async with lock:
        waits = [asyncio.create_task(child(lock)), asyncio.create_task(asyncio.sleep(3600))]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)


async def completed(lock):
    async with lock:
        for future in asyncio.as_completed([child(lock), asyncio.sleep(3600)]):
            await future
            break


async def a_while(lock):
    async with lock:
        await asyncio.wait([asyncio.create_task(child(lock))], timeout=3600)


async def main():
    tasks = [asyncio.create_task(work(asyncio.Lock())) for work in (first, completed, a_while)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
