# SPDX-License-Identifier: Apache-2.0
# verdict: the loop's thread joins a thread that waits for a coroutine of the loop
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.loop-thread-cycle; task=handler; culprit=thread_join_cycle.py:20
import asyncio
import threading


async def load():
    await asyncio.sleep(0.1)


def work(loop):
    asyncio.run_coroutine_threadsafe(load(), loop).result()  # <- waits


async def handler():
    thread = threading.Thread(target=work, args=(asyncio.get_running_loop(),))
    thread.start()
    thread.join()  # <- bad


async def main():
    threading.Timer(0.6, print, ("READY",), {"flush": True}).start()
    await asyncio.create_task(handler(), name="handler")


asyncio.run(main())
