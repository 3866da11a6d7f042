# SPDX-License-Identifier: Apache-2.0
# verdict: two tasks wait for each other or for a third, which ends them
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=a ring through asyncio.wait
import asyncio
import threading


async def member(tasks, number):
    await asyncio.sleep(0.1)
    await asyncio.wait([tasks[(number + 1) % 2], tasks[2]], return_when=asyncio.FIRST_COMPLETED)


async def main():
    threading.Timer(0.6, print, ("READY",), {"flush": True}).start()
    tasks = []
    tasks += [asyncio.create_task(member(tasks, i), name="member-%d" % i) for i in range(2)]
    tasks.append(asyncio.create_task(asyncio.sleep(100), name="third"))
    await asyncio.wait(tasks)


asyncio.run(main())
