# SPDX-License-Identifier: Apache-2.0
# verdict: 40 tasks that sleep 15 ms on the loop's thread, one after the other
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=a long turn laid to one task
import asyncio
import threading
import time


async def worker():
    while True:
        time.sleep(0.015)
        await asyncio.sleep(0.3)


async def main():
    threading.Timer(0.6, print, ("READY",), {"flush": True}).start()
    await asyncio.gather(*(asyncio.create_task(worker(), name="worker-%d" % i) for i in range(40)))


asyncio.run(main())
