# SPDX-License-Identifier: Apache-2.0
# verdict: writes more to a pipe than it holds
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=blocked-loop.pipe-write; task=handler; culprit=blocked_pipe.py:13
import asyncio
import threading
import os


async def handler():
    _, end = os.pipe()
    while True:  # a signal ends a call that has written a part
        os.write(end, bytes(1 << 20))  # <- bad


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
