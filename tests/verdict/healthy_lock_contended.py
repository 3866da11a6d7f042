# SPDX-License-Identifier: Apache-2.0
# zoo: healthy: a lock with 50 waiters that moves all the time
# REAL: counterpart of lock_convoy_slow_holder; false alarm of the kind in tox-dev/filelock#675
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=lock-waiters=49; dumps=5
import asyncio


async def worker(lock, turns):
    while True:
        async with lock:
            await asyncio.sleep(0.001)
            turns.release()


async def main():
    lock, turns = asyncio.Lock(), asyncio.Semaphore(0)
    ts = [asyncio.create_task(worker(lock, turns), name="w-%d" % i) for i in range(50)]
    for _ in range(60):
        await turns.acquire()
    print("READY", flush=True)
    await asyncio.gather(*ts)

asyncio.run(main())
