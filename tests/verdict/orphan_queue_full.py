# SPDX-License-Identifier: Apache-2.0
# verdict: the only reader of a full queue failed; main waits for the writers
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=orphan.queue-full; task=writer-*; culprit=orphan_queue_full.py:11; hurts=4; says=that nobody reads
import asyncio


async def reader(queue):
    while True:
        item = await queue.get()
        item["id"]  # <- fails


async def writer(queue):
    while True:
        await queue.put({})


def start():
    queue = asyncio.Queue(maxsize=10)
    tasks = [asyncio.create_task(writer(queue), name="writer-%d" % i) for i in range(3)]
    return tasks + [asyncio.create_task(reader(queue), name="reader")]


async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print("READY", flush=True))
    tasks = start()
    await asyncio.gather(*tasks, return_exceptions=True)


asyncio.run(main())
