# SPDX-License-Identifier: Apache-2.0
# zoo: healthy: the permits of a semaphore are held by async generators
# REAL: made for the rules
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=a with block in a frame that is not on the chain
import asyncio


async def rows(sem):
    async with sem:
        for i in range(2):
            yield i


async def use(sem):
    while True:
        async for _ in rows(sem):
            await asyncio.sleep(0.01)


async def main():
    sem = asyncio.Semaphore(2)
    tasks = [asyncio.create_task(use(sem)) for _ in range(5)]
    await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
