# SPDX-License-Identifier: Apache-2.0
# verdict: gets from a queue of threads that nobody fills
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=blocked-loop.thread-queue; task=handler; culprit=blocked_queue.py:11
import asyncio
import threading
import queue


async def handler():
    queue.Queue().get()  # <- bad


async def heartbeat():
    while True:
        await asyncio.sleep(0.1)


async def main():
    threading.Timer(0.6, print, ("READY",), {"flush": True}).start()
    other = asyncio.create_task(heartbeat(), name="heartbeat")
    await asyncio.sleep(0.2)
    await asyncio.create_task(handler(), name="handler")
    return other


asyncio.run(main())
