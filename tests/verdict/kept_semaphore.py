# SPDX-License-Identifier: Apache-2.0
# verdict: both permits of a semaphore that a class has were taken by tasks that failed before they gave them back
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.semaphore-leak; task=later-*; culprit=kept_semaphore.py:19; says=has no free permit
import asyncio


class Limit:
    permits = None
    used = []

    @classmethod
    def prepare_limit(cls):
        cls.permits = asyncio.Semaphore(2)


async def job(number):
    await asyncio.sleep(0.01 * number)
    await Limit.permits.acquire()
    Limit.used.append(number)
    if number < 2:
        raise ValueError("job %d" % number)
    Limit.permits.release()


async def beat():
    while True:
        await asyncio.sleep(0.1)


async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print("READY", flush=True))
    Limit.prepare_limit()
    await asyncio.gather(job(0), job(1), return_exceptions=True)
    await asyncio.gather(beat(), *[asyncio.create_task(job(2 + i), name="later-%d" % i) for i in range(2)])


asyncio.run(main())
