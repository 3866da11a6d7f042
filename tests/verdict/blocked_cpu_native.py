# SPDX-License-Identifier: Apache-2.0
# verdict: a function of C computes on the loop's thread
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=blocked-loop.cpu-native; task=handler; culprit=blocked_cpu_native.py:19; says=inside a function of C
import asyncio
import hashlib
import threading


async def heartbeat():
    while True:
        await asyncio.sleep(0.1)


async def handler():
    timer = threading.Timer(0.8, print, ("READY",), {"flush": True})
    timer.daemon = True
    timer.start()
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 2**31 - 1)  # <- computes; other threads of Python run


async def main():
    beat = asyncio.create_task(heartbeat(), name="heartbeat")
    await asyncio.create_task(handler(), name="handler")
    return beat


asyncio.run(main())
