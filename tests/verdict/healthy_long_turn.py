# SPDX-License-Identifier: Apache-2.0
# verdict: 40 tasks that compute for 15 ms, one after the other in one turn
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; dumps=20; trap=a long turn laid to one task
import asyncio
import threading
import time


async def worker():
    while True:
        end = time.thread_time() + 0.015
        while time.thread_time() < end:
            pass
        await asyncio.sleep(0.3)


async def main():
    threading.Timer(0.6, print, ("READY",), {"flush": True}).start()
    await asyncio.gather(*(asyncio.create_task(worker(), name="worker-%d" % i) for i in range(40)))


asyncio.run(main())
