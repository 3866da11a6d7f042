# SPDX-License-Identifier: Apache-2.0
# verdict: a task ends its loop with SystemExit; two threads wait for results of that loop
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=loop-stopped; task=*; culprit=loop_stopped.py:19; confidence=likely; hurts=1; says=2 threads wait
import asyncio
import sys
import threading

loop = asyncio.new_event_loop()


async def flush():
    while True:
        await asyncio.sleep(0.2)


async def export():
    await asyncio.sleep(0.1)
    sys.exit("no target")  # <- exit


def bridge():
    loop.create_task(flush(), name="flush")
    try:
        loop.run_forever()
    except SystemExit:
        print("READY", flush=True)


def late():
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()


runner = threading.Thread(target=bridge)
runner.start()
first = asyncio.run_coroutine_threadsafe(export(), loop)
runner.join()
threading.Thread(target=late).start()
first.result()  # <- result
