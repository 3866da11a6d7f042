# SPDX-License-Identifier: Apache-2.0
# verdict: a pool made of a queue; each connection is held by a task that waits for a second one
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.pool-exhausted; task=request-*; culprit=pool_of_queue.py:23; hurts=7; says=is empty
import asyncio


class Pool:
    def __init__(self, size):
        self.free = asyncio.Queue()
        for number in range(size):
            self.free.put_nowait("connection-%d" % number)

    async def acquire(self):
        return await self.free.get()

    def release(self, connection):
        self.free.put_nowait(connection)


async def second(pool):
    await asyncio.sleep(0.05)
    connection = await pool.acquire()  # <- waits
    pool.release(connection)


async def handler(pool):
    connection = await pool.acquire()
    await second(pool)
    pool.release(connection)


async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print("READY", flush=True))
    pool = Pool(3)
    await asyncio.gather(*[asyncio.create_task(handler(pool), name="request-%d" % i) for i in range(6)])


asyncio.run(main())
