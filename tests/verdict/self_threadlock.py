# SPDX-License-Identifier: Apache-2.0
# verdict: a function takes a lock of threading that its caller has
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.self-threadlock; task=handler; culprit=self_threadlock.py:12
import asyncio
import threading

lock = threading.Lock()


def log(text):
    with lock:  # <- waits
        print(text)


async def handler():
    with lock:  # <- bad
        log("begun")


async def main():
    threading.Timer(0.6, print, ("READY",), {"flush": True}).start()
    await asyncio.create_task(handler(), name="handler")


asyncio.run(main())
