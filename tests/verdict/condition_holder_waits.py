# SPDX-License-Identifier: Apache-2.0
# verdict: who holds a condition's lock waits for a task that needs the condition
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.lock-cycle; task=holder,notifier; culprit=condition_holder_waits.py:15; confidence=proved; hurts=3
import asyncio


async def notify(condition):
    async with condition:
        condition.notify_all()


async def hold(condition):
    async with condition:
        await asyncio.create_task(notify(condition), name="notifier")  # <- bad


async def main():
    task = asyncio.create_task(hold(asyncio.Condition()), name="holder")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print("READY", flush=True)
    await task


asyncio.run(main())
