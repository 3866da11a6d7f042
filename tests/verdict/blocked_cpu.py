# SPDX-License-Identifier: Apache-2.0
# verdict: computes on the loop's thread; the two callbacks before it in this turn were short
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=blocked-loop.cpu; task=handler; culprit=blocked_cpu.py:16
import asyncio
import threading


async def heartbeat():
    while True:
        await asyncio.sleep(0.1)


def compute():
    n = 1
    while True: n = (n * 31 + 7) % 1000003  # <- computes  # noqa: E701


async def handler():
    timer = threading.Timer(2.5, print, ("READY",), {"flush": True})
    timer.daemon = True
    timer.start()
    compute()


async def main():
    beat = asyncio.create_task(heartbeat(), name="heartbeat")
    other = asyncio.create_task(heartbeat(), name="other")
    await asyncio.create_task(handler(), name="handler")
    return beat, other


asyncio.run(main())
