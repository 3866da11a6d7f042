# SPDX-License-Identifier: Apache-2.0
# verdict: a lock of threading is held across an await, and the next task that wants it stops the loop
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.threadlock-across-await; task=second,first; culprit=threadlock.py:14
import asyncio
import threading

lock = threading.Lock()
waiting = threading.Event()


async def refresh(first):
    waiting.set() if not first else None
    with lock:  # <- bad
        await asyncio.sleep(0.2)


def ready():
    waiting.wait()
    print("READY", flush=True)


async def main():
    threading.Thread(target=ready, daemon=True).start()
    first = asyncio.create_task(refresh(True), name="first")
    await asyncio.sleep(0)
    await asyncio.create_task(refresh(False), name="second")
    return first


asyncio.run(main())
