# SPDX-License-Identifier: Apache-2.0
# zoo: loop thread waits for a worker thread that waits for the loop
# REAL: home-assistant/core#45807; django/asgiref#249, #492; erdewit/nest_asyncio#72
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.loop-thread-cycle; task=view; culprit=executor_waits_loop.py:21; thread=pool_0; thread-waits=executor_waits_loop.py:16; victims=heartbeat; loop=blocked
import asyncio
import concurrent.futures
import threading


async def db():
    return 1


def job(loop):
    return asyncio.run_coroutine_threadsafe(db(), loop).result()  # <- tresult


async def view(pool):
    f = pool.submit(job, asyncio.get_running_loop())
    return f.result()  # <- result


async def heartbeat():
    while True:
        await asyncio.sleep(0.1)


async def main():
    t = threading.Timer(0.6, print, ("READY",), {"flush": True})
    t.daemon = True
    t.start()
    h = asyncio.create_task(heartbeat(), name="heartbeat")
    pool = concurrent.futures.ThreadPoolExecutor(2, "pool")
    await asyncio.create_task(view(pool), name="view")
    return h

asyncio.run(main())
