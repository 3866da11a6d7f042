# SPDX-License-Identifier: Apache-2.0
# zoo: two tasks await each other
# REAL: python/cpython#80637 (cancel() of such a pair recurses without bound)
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.task-cycle; task=reader,closer; culprit=task_cycle.py:11; cycle=2; loop=idle
import asyncio


async def wait_other(tasks, name):
    await asyncio.sleep(0.05)
    await tasks[name]  # <- await


async def main():
    tasks = {}
    tasks["reader"] = asyncio.create_task(wait_other(tasks, "closer"), name="reader")
    tasks["closer"] = asyncio.create_task(wait_other(tasks, "reader"), name="closer")
    await asyncio.sleep(0.3)
    assert not any(t.done() for t in tasks.values())
    print("READY", flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
