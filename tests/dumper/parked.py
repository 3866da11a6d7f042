# SPDX-License-Identifier: Apache-2.0
"""A target: parked.py TASKS THREADS: so many parked tasks, so many sleeping threads; prints READY when all are there."""
import asyncio
import sys
import threading
import time


async def wait_on(future):
    await future


async def main():
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(wait_on(loop.create_future()), name="parked-%d" % i) for i in range(int(sys.argv[1]))]
    for _ in range(int(sys.argv[2])):
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    all_of_them = asyncio.gather(*tasks)  # takes its time when there are many
    loop.call_soon(print, "READY")  # when this task waits, too
    loop.call_soon(sys.stdout.flush)
    await all_of_them


asyncio.run(main())
