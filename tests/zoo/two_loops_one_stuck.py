# SPDX-License-Identifier: Apache-2.0
# LOOPS: blocked idle
# EXPECT: kind=blocked-loop.sleep; task=bridge-job; culprit=two_loops_one_stuck.py:13; thread=bridge; loops=2; loop=idle
# zoo: main loop is fine, the loop in a side thread is blocked
# REAL: internetarchive/openlibrary#13389 (AsyncBridge loop wedged, server otherwise alive); pyrogram-style bridges
# PY: 3.8+  NEEDS: stdlib
import asyncio
import threading
import time


async def bridge_job():
    time.sleep(3600)  # <- bad


def bridge():
    async def run():
        await asyncio.create_task(bridge_job(), name="bridge-job")
    asyncio.run(run())


async def main():
    threading.Thread(target=bridge, daemon=True, name="bridge").start()
    for i in range(100000):
        await asyncio.sleep(0.2)
        if i == 2:
            print("READY", flush=True)

asyncio.run(main())
