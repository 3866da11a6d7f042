# SPDX-License-Identifier: Apache-2.0
# verdict: a pool of two processes that are busy, with more jobs than processes
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=jobs wait for a process
import asyncio
import concurrent.futures
import time


def work(number):
    time.sleep(600)


async def job(pool, number):
    await asyncio.get_running_loop().run_in_executor(pool, work, number)


async def main():
    asyncio.get_running_loop().call_later(0.8, lambda: print("READY", flush=True))
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        await asyncio.gather(*[job(pool, i) for i in range(6)])


if __name__ == "__main__":
    asyncio.run(main())
