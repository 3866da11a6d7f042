# SPDX-License-Identifier: Apache-2.0
# LOOPS: blocked
# EXPECT: kind=blocked-loop.sleep; task=handler; culprit=blocked_time_sleep.py:18; victims=heartbeat (overdue timer); syscall=clock_nanosleep; loop=blocked
# zoo: time.sleep() in a coroutine
# REAL: home-assistant/core#94236, #63766; Rapptz/discord.py#6729; FM-17/poglink#47
# PY: 3.8+  NEEDS: stdlib
import asyncio
import threading
import time


async def heartbeat():
    while True:
        await asyncio.sleep(0.1)


async def handler():
    time.sleep(3600)  # <- bad


async def main():
    h = asyncio.create_task(heartbeat(), name="heartbeat")
    await asyncio.sleep(0.2)
    t = threading.Timer(0.6, print, ("READY",), {"flush": True})
    t.daemon = True
    t.start()
    await asyncio.create_task(handler(), name="handler")
    return h

asyncio.run(main())
