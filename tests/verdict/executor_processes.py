# SPDX-License-Identifier: Apache-2.0
# verdict: a pool of processes whose only process has ended, and none was started again; the tasks wait for it
# PY: 3.11-3.13  NEEDS: stdlib
# EXPECT: kind=executor-exhausted; task=render-*; culprit=executor_processes.py:14; says=no process left
import asyncio
import concurrent.futures


def draw(number):
    return number * number


async def render(pool, number):
    return await asyncio.get_running_loop().run_in_executor(pool, draw, number)  # <- waits


async def main():
    pool = concurrent.futures.ProcessPoolExecutor(1, max_tasks_per_child=2)
    tasks = [asyncio.create_task(render(pool, i), name="render-%d" % i) for i in range(6)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    asyncio.get_running_loop().call_later(1.5, lambda: print("READY", flush=True))
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(main())
