# SPDX-License-Identifier: Apache-2.0
# verdict: joins a thread that does not end
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=blocked-loop.thread-join; task=handler; culprit=blocked_join.py:12
import asyncio
import threading


async def handler():
    thread = threading.Thread(target=threading.Event().wait, daemon=True)
    thread.start()
    thread.join()  # <- bad


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
