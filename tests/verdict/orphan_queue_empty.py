# SPDX-License-Identifier: Apache-2.0
# verdict: three readers of a queue whose writer has ended
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=orphan.queue-empty; task=reader-*; culprit=orphan_queue_empty.py:16; hurts=4; says=put anything into
import asyncio


async def writer(queue):
    for number in range(4):
        await queue.put(number)


async def reader(queue):
    total = 0
    while total < 100:
        total += await queue.get()  # <- waits


def start():
    queue = asyncio.Queue()
    return [asyncio.create_task(reader(queue), name="reader-%d" % i) for i in range(3)] + [asyncio.create_task(writer(queue))]


async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print("READY", flush=True))
    tasks = start()
    await asyncio.gather(*tasks)


asyncio.run(main())
