# SPDX-License-Identifier: Apache-2.0
# verdict: two threads give the loop callbacks without pause, and wake it each time
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=ready callbacks of a loop that is in its selector at that moment
import asyncio
import threading
import time

stop = threading.Event()


def produce(loop, queue):
    while not stop.is_set():
        loop.call_soon_threadsafe(queue.put_nowait, 1)
        time.sleep(0.0005)


async def consume(queue):
    while True:
        await queue.get()


async def main():
    loop, queue = asyncio.get_running_loop(), asyncio.Queue()
    for _ in range(2):
        threading.Thread(target=produce, args=(loop, queue), daemon=True).start()
    loop.call_later(0.2, lambda: print("READY", flush=True))
    await asyncio.create_task(consume(queue), name="consumer")


asyncio.run(main())
