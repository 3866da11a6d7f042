# SPDX-License-Identifier: Apache-2.0
# verdict: a thread holds a lock and waits for a coroutine; the loop's thread waits for that lock
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.loop-thread-cycle; task=handler; culprit=lock_thread_cycle.py:22
import asyncio
import threading

lock = threading.Lock()


async def load():
    await asyncio.sleep(0.05)


def work(loop):
    with lock:
        asyncio.run_coroutine_threadsafe(load(), loop).result()  # <- waits


async def handler():
    while True:
        with lock:  # <- bad
            await asyncio.sleep(0)


async def main():
    threading.Thread(target=work, args=(asyncio.get_running_loop(),), daemon=True).start()
    threading.Timer(0.6, print, ("READY",), {"flush": True}).start()
    await asyncio.create_task(handler(), name="handler")


asyncio.run(main())
