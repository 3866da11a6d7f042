# SPDX-License-Identifier: Apache-2.0
# verdict: a lock and a condition go from task to task as fast as the loop can
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=reads of different moments; dumps=20
import asyncio


async def lock_user(first, second):
    while True:
        async with first:
            await asyncio.sleep(0)
            async with second:
                await asyncio.sleep(0)
        async with second:
            await asyncio.sleep(0)


async def condition_user(condition):
    while True:
        async with condition:
            condition.notify(2)
            await asyncio.sleep(0)
            await condition.wait()


async def notifier(condition):
    while True:
        await condition.acquire()
        await asyncio.sleep(0)
        condition.notify(1)
        condition.release()


async def main():
    first, second, condition = asyncio.Lock(), asyncio.Lock(), asyncio.Condition()
    tasks = [asyncio.create_task(lock_user(first, second)) for _ in range(20)]
    tasks += [asyncio.create_task(condition_user(condition)) for _ in range(5)]
    tasks.append(asyncio.create_task(notifier(condition)))
    await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
