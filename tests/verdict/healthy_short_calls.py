# SPDX-License-Identifier: Apache-2.0
# verdict: sleeps 30 ms at a time on the loop's thread, and turns between
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=asleep in a callback at the moment of the dump
import asyncio
import threading
import time


async def worker():
    while True:
        await asyncio.to_thread(time.sleep, 0.05) if hasattr(asyncio, "to_thread") else await asyncio.sleep(0.05)
        time.sleep(0.03)  # short: no hang


async def main():
    threading.Timer(0.6, print, ("READY",), {"flush": True}).start()
    await asyncio.gather(*(asyncio.create_task(worker(), name="worker-%d" % i) for i in range(4)))


asyncio.run(main())
