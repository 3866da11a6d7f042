# SPDX-License-Identifier: Apache-2.0
# zoo: catastrophic regular expression; holds the GIL inside _sre
# REAL: class reported for fastapi/fastapi#1806 (CPU in handler); no regex thread verified
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=blocked-loop.cpu-native; task=handler; culprit=blocked_regex.py:17; victims=heartbeat (overdue timer); gil=held; native=_sre; loop=blocked
import asyncio
import re


async def heartbeat():
    while True:
        await asyncio.sleep(0.1)


async def handler():
    print("READY", flush=True)
    re.match(r"(a+)+$", "a" * 60 + "b")  # <- bad


async def main():
    h = asyncio.create_task(heartbeat(), name="heartbeat")
    await asyncio.sleep(0.2)
    await asyncio.create_task(handler(), name="handler")
    return h

asyncio.run(main())
