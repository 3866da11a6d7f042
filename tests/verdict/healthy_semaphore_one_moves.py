# SPDX-License-Identifier: Apache-2.0
# verdict: of three holders of a BoundedSemaphore two want one more, and the third sleeps
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=a ring of a semaphore with a way out
import asyncio


async def job(pool):
    async with pool:
        await asyncio.sleep(0)
        async with pool:
            pass


async def sleeper(pool):
    async with pool:
        await asyncio.sleep(3600)


async def main():
    pool = asyncio.BoundedSemaphore(3)
    tasks = [asyncio.create_task(work(pool)) for work in (job, job, sleeper)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
