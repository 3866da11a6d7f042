# SPDX-License-Identifier: Apache-2.0
# zoo: subprocess.run() in a coroutine
# REAL: skillberry-ai/skillberry-store#141 (blocking docker run in async endpoint)
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=blocked-loop.subprocess; task=handler; culprit=blocked_subprocess_run.py:17; victims=heartbeat (overdue timer); syscall=wait4; child=sleep; loop=blocked
import asyncio
import threading
import subprocess


async def heartbeat():
    while True:
        await asyncio.sleep(0.1)


async def handler():
    subprocess.run(["sleep", "3600"])  # <- bad


async def main():
    h = asyncio.create_task(heartbeat(), name="heartbeat")
    await asyncio.sleep(0.2)
    t = threading.Timer(0.6, print, ("READY",), {"flush": True})
    t.daemon = True
    t.start()
    await asyncio.create_task(handler(), name="handler")
    return h

asyncio.run(main())
