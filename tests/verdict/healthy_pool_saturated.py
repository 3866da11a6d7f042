# SPDX-License-Identifier: Apache-2.0
# zoo: healthy: ten tasks share the three members of a pool
# REAL: made for the rules
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=a full pool whose holders move
import asyncio
import contextlib


class Pool:
    def __init__(self, n):
        self.free = asyncio.Queue()
        for i in range(n):
            self.free.put_nowait(i)

    @contextlib.asynccontextmanager
    async def acquire(self):
        c = await self.free.get()
        try:
            yield c
        finally:
            self.free.put_nowait(c)


async def request(pool):
    while True:
        async with pool.acquire():
            await asyncio.sleep(0.05)


async def main():
    pool = Pool(3)
    tasks = [asyncio.create_task(request(pool)) for _ in range(10)]
    await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
