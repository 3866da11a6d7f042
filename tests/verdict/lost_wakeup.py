# SPDX-License-Identifier: Apache-2.0
# verdict: a thread sets a future's result without waking the loop
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=lost-wakeup.thread; task=consumer; culprit=lost_wakeup.py:16
import asyncio
import threading
import time

woken = threading.Event()


async def consume():
    while True:  # once is enough where the loop was asleep already
        future = asyncio.get_running_loop().create_future()
        threading.Thread(target=produce, args=(future,), daemon=True).start()
        await future  # <- waits
        woken.set()


def produce(future):
    time.sleep(0.3)
    woken.clear()
    future.set_result(1)  # <- bad: not loop.call_soon_threadsafe(future.set_result, 1)
    if not woken.wait(0.3):
        print("READY", flush=True)


async def main():
    await asyncio.create_task(consume(), name="consumer")


asyncio.run(main())
