# SPDX-License-Identifier: Apache-2.0
# LOOPS: blocked
# EXPECT: kind=blocked-loop.sleep; task=handler; culprit=uvloop_blocked_sleep.py:19; victims=heartbeat; loop=blocked
# zoo: time.sleep() in a coroutine, on uvloop
# REAL: Rapptz/discord.py#6729 shape; vllm-project/vllm#8237 (uvloop server)
# PY: 3.8+  NEEDS: python3-uvloop
import asyncio
import threading
import time
import uvloop


async def heartbeat():
    while True:
        await asyncio.sleep(0.1)


async def handler():
    time.sleep(3600)  # <- bad


async def main():
    h = asyncio.create_task(heartbeat(), name="heartbeat")
    await asyncio.sleep(0.2)
    t = threading.Timer(0.5, print, ("READY",), {"flush": True})
    t.daemon = True
    t.start()
    await asyncio.create_task(handler(), name="handler")
    return h

loop = uvloop.new_event_loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(main())
