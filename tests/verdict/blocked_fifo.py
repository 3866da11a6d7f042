# SPDX-License-Identifier: Apache-2.0
# verdict: opens a FIFO that nobody writes to
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=blocked-loop.file-io; task=handler; culprit=blocked_fifo.py:14
import asyncio
import threading
import os
import tempfile


async def handler():
    path = os.path.join(tempfile.mkdtemp(), "fifo")
    os.mkfifo(path)
    open(path)  # <- bad


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
