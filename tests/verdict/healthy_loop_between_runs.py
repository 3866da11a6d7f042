# SPDX-License-Identifier: Apache-2.0
# verdict: a loop that is run again and again by one thread, while another one waits for what it has handed to it
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=a loop that stands still between two runs
import asyncio
import threading
import time

loop = asyncio.new_event_loop()


async def ticks():
    while True:
        await asyncio.sleep(0.01)


def other():
    while True:
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.02), loop).result()


keep = loop.create_task(ticks())
threading.Thread(target=other, daemon=True).start()
threading.Timer(0.6, print, ("READY",), {"flush": True}).start()
while True:
    loop.run_until_complete(asyncio.sleep(0.05))
    time.sleep(0.3)
