# SPDX-License-Identifier: Apache-2.0
# zoo: healthy: a callback gives the permits of a semaphore back, and one is held in a with block by who waits for a taker
# REAL: made for the rules
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=not all holders of a plain semaphore are known
import asyncio


async def produce(sem, jobs):
    while True:
        await sem.acquire()
        job = asyncio.create_task(asyncio.sleep(3600))
        jobs.add(job)
        job.add_done_callback(lambda job: (sem.release(), jobs.discard(job)))


async def one_more(sem):
    async with sem:
        pass


async def nested(sem):
    async with sem:
        await asyncio.sleep(0)
        await asyncio.create_task(one_more(sem))


async def main():
    sem, jobs = asyncio.Semaphore(3), set()
    tasks = [asyncio.create_task(nested(sem)), asyncio.create_task(produce(sem, jobs))]
    for _ in range(3):
        await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
