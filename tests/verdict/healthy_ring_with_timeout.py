# SPDX-License-Identifier: Apache-2.0
# verdict: two tasks wait for each other, one of them in wait_for
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=a ring through wait_for
import asyncio
import threading

tasks = []


async def timed():
    try:
        await asyncio.wait_for(asyncio.shield(tasks[1]), 600)
    except asyncio.TimeoutError:
        pass


async def plain():
    await tasks[0]


async def main():
    threading.Timer(0.6, print, ("READY",), {"flush": True}).start()
    tasks.append(asyncio.create_task(timed(), name="timed"))
    tasks.append(asyncio.create_task(plain(), name="plain"))
    await asyncio.wait(tasks)


asyncio.run(main())
