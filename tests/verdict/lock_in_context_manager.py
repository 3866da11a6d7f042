# SPDX-License-Identifier: Apache-2.0
# verdict: a lock is held inside an asynccontextmanager by the task that wants it again
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.self-lock; task=writer; culprit=lock_in_context_manager.py:11; confidence=proved; hurts=2
import asyncio
import contextlib


@contextlib.asynccontextmanager
async def transaction(lock):
    async with lock:  # <- held
        yield


async def write(lock):
    async with transaction(lock):
        async with transaction(lock):  # <- again
            pass


async def main():
    task = asyncio.create_task(write(asyncio.Lock()), name="writer")
    await asyncio.sleep(0)
    print("READY", flush=True)
    await task


asyncio.run(main())
