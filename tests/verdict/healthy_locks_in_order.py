# SPDX-License-Identifier: Apache-2.0
# verdict: three locks, taken in one order by all; the last one's holder sleeps
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=nested locks that others hold and want
import asyncio


async def nest(locks):
    if locks:
        async with locks[0]:
            await asyncio.sleep(0)
            await nest(locks[1:])
    else:
        await asyncio.sleep(3600)


async def main():
    locks = [asyncio.Lock() for _ in range(3)]
    tasks = [asyncio.create_task(nest(locks[i:])) for i in (2, 1, 0, 0, 1, 2)]
    for _ in range(4):
        await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
