# SPDX-License-Identifier: Apache-2.0
# verdict: the output of a child process is read on the loop's thread, in a selector, while another task is ready
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=blocked-loop.subprocess; task=handler; culprit=blocked_communicate.py:12
import asyncio
import subprocess
import threading


async def handler(other):
    other.set()
    subprocess.run(["sleep", "3600"], stdout=subprocess.PIPE)  # <- bad


async def wait(event):
    await event.wait()


async def main():
    threading.Timer(0.6, print, ("READY",), {"flush": True}).start()
    event = asyncio.Event()
    asyncio.ensure_future(wait(event))
    await asyncio.sleep(0)
    await asyncio.create_task(handler(event), name="handler")


asyncio.run(main())
