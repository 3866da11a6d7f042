# SPDX-License-Identifier: Apache-2.0
# verdict: a subclass of Lock that one task may take twice
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=a lock in two blocks of one task
import asyncio


class RLock(asyncio.Lock):
    owner, depth = None, 0

    async def acquire(self):
        if self.owner is not asyncio.current_task():
            await super().acquire()
            self.owner = asyncio.current_task()
        self.depth += 1

    def release(self):
        self.depth -= 1
        if not self.depth:
            self.owner = None
            super().release()


async def nest(lock):
    async with lock:
        async with lock:
            await asyncio.sleep(3600)


async def main():
    lock = RLock()
    tasks = [asyncio.create_task(nest(lock)) for _ in range(3)]
    await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
