# SPDX-License-Identifier: Apache-2.0
# verdict: three tasks that gather each other
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.task-cycle; task=member-0,member-1,member-2; culprit=gather_ring.py:11
import asyncio
import threading


async def member(tasks, number):
    await asyncio.sleep(0.1)
    await asyncio.gather(tasks[(number + 1) % 3], asyncio.sleep(0.2))  # <- bad


async def main():
    threading.Timer(0.6, print, ("READY",), {"flush": True}).start()
    tasks = []
    tasks += [asyncio.create_task(member(tasks, i), name="member-%d" % i) for i in range(3)]
    await asyncio.wait(tasks)


asyncio.run(main())
