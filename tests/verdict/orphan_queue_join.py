# SPDX-License-Identifier: Apache-2.0
# verdict: the only worker of a queue failed on an item; main waits until all are done
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=orphan.queue-join; task=main; culprit=orphan_queue_join.py:11; says=nobody can do that
import asyncio


async def worker(queue):
    while True:
        number = await queue.get()
        1 / (number - 2)  # <- fails
        queue.task_done()


async def main():
    queue = asyncio.Queue()
    for number in range(5):
        queue.put_nowait(number)
    workers = [asyncio.create_task(worker(queue), name="worker")]
    getattr(asyncio.current_task(), "set_name")("main")
    asyncio.get_running_loop().call_later(0.6, lambda: print("READY", flush=True))
    await queue.join()
    return workers


asyncio.run(main())
