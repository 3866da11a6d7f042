# SPDX-License-Identifier: Apache-2.0
# verdict: two tasks take two locks in opposite order, with an AsyncExitStack
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.lock-cycle; task=forward,backward; culprit=lock_on_exit_stack.py:13; confidence=proved; hurts=3
import asyncio
import contextlib


async def take_all(locks):
    async with contextlib.AsyncExitStack() as stack:
        for lock in locks:
            await asyncio.sleep(0)
            await stack.enter_async_context(lock)  # <- bad


async def main():
    locks = [asyncio.Lock(), asyncio.Lock()]
    tasks = [asyncio.create_task(take_all(locks), name="forward")]
    tasks.append(asyncio.create_task(take_all(locks[::-1]), name="backward"))
    for _ in range(4):
        await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
