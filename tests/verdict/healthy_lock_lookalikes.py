# SPDX-License-Identifier: Apache-2.0
# verdict: managers that look as if they held a lock: a class called Condition, and one with an attribute gen
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=names and attributes of asyncio's and contextlib's classes
import asyncio


class Manager:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        pass


class Condition(Manager):
    def __init__(self, lock):
        self._lock = lock


class Stream(Manager):
    def __init__(self, gen):
        self.gen = gen


async def rows(lock):
    async with lock:
        yield 1


async def use(manager, lock):
    async with manager:
        async with lock:
            pass


async def main():
    by_hand, by_rows = asyncio.Lock(), asyncio.Lock()
    await by_hand.acquire()
    gen = rows(by_rows)
    await gen.__anext__()
    tasks = [asyncio.create_task(use(Condition(by_hand), by_hand))]
    tasks.append(asyncio.create_task(use(Stream(gen), by_rows)))
    await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.sleep(3600)
    by_hand.release()
    await gen.aclose()


asyncio.run(main())
