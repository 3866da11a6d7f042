# SPDX-License-Identifier: Apache-2.0
# verdict: readers and writers; the first reader takes the lock that the last one releases, whoever that is
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=a lock that another task releases; dumps=5
import asyncio


class Shared:
    def __init__(self):
        self.readers, self.count, self.writing = 0, asyncio.Lock(), asyncio.Lock()

    async def read(self):
        async with self.count:
            self.readers += 1
            if self.readers == 1:
                await self.writing.acquire()
        await asyncio.sleep(0.001)
        async with self.count:
            self.readers -= 1
            if not self.readers:
                self.writing.release()

    async def write(self):
        async with self.writing:
            await asyncio.sleep(0.001)


async def again(work):
    while True:
        await work()


async def main():
    shared = Shared()
    tasks = [asyncio.create_task(again(shared.read)) for _ in range(5)]
    tasks += [asyncio.create_task(again(shared.write)) for _ in range(3)]
    await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
