# SPDX-License-Identifier: Apache-2.0
# zoo: healthy: locks that are taken and released by hand, one of them by another task than its taker
# REAL: made for the rules
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=no with block shows who holds
import asyncio


async def hold(lock):
    await lock.acquire()
    try:
        await asyncio.sleep(3600)
    finally:
        lock.release()


async def release_later(lock):
    await asyncio.sleep(3600)
    lock.release()


async def main():
    own, handed = asyncio.Lock(), asyncio.Lock()
    await handed.acquire()
    tasks = [asyncio.create_task(work) for work in (hold(own), hold(own), release_later(handed), hold(handed))]
    await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
