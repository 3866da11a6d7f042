# SPDX-License-Identifier: Apache-2.0
# verdict: a task that goes on has the queue in a variable that it does not use any more
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=orphan.queue-full; task=writer-*; culprit=orphan_unused.py:11; hurts=3; says=that nobody reads
import asyncio


async def reader(queue):
    while True:
        item = await queue.get()
        item["id"]  # <- fails


async def writer(queue):
    while True:
        await queue.put({})


async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print("READY", flush=True))
    queue = asyncio.Queue(maxsize=10)
    tasks = [asyncio.create_task(reader(queue), name="reader")]
    for i in range(3):
        tasks.append(asyncio.create_task(writer(queue), name="writer-%d" % i))
    if queue.full():
        await asyncio.sleep(1)
    while True:
        await asyncio.sleep(600)


asyncio.run(main())
