# SPDX-License-Identifier: Apache-2.0
# verdict: a lock in a variable of the module was taken by a task that failed and never released it
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.lock-abandoned; task=writer-*; culprit=kept_lock.py:21; says=nobody who could release it is left
import asyncio

lock = None


async def beat():
    while True:
        await asyncio.sleep(0.1)


async def break_off():
    await lock.acquire()
    raise ValueError("in the middle")


async def write():
    async with lock:  # <- waits
        pass


async def main():
    global lock
    asyncio.get_running_loop().call_later(0.6, lambda: print("READY", flush=True))
    lock = asyncio.Lock()
    await asyncio.gather(break_off(), return_exceptions=True)
    await asyncio.gather(beat(), *[asyncio.create_task(write(), name="writer-%d" % i) for i in range(3)])


asyncio.run(main())
