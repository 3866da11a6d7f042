# SPDX-License-Identifier: Apache-2.0
# verdict: main is over, and the end of the program waits for a thread of the executor that waits for a queue
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=shutdown.executor-join; culprit=shutdown_executor.py:13; says=waits for 1 thread of an executor
import asyncio
import queue
import threading

keys = queue.Queue()


def read_keys():
    return keys.get()  # <- blocks


async def main():
    reading = asyncio.get_running_loop().run_in_executor(None, read_keys)
    await asyncio.sleep(0.1)
    reading.cancel()
    timer = threading.Timer(0.6, print, ("READY",), {"flush": True})
    timer.daemon = True
    timer.start()


asyncio.run(main())
