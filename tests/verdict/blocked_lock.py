# SPDX-License-Identifier: Apache-2.0
# verdict: takes a lock of threads that somebody keeps
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=blocked-loop.lock; task=handler; culprit=blocked_lock.py:12
import asyncio
import threading


async def handler():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()  # <- bad


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
