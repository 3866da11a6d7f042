# SPDX-License-Identifier: Apache-2.0
# verdict: a lock that was taken by hand, and whose taker failed before it gave it back
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.lock-abandoned; task=writer-*; culprit=lock_abandoned.py:14; hurts=4; says=nobody who could release it is left
import asyncio


async def broken(lock):
    await lock.acquire()
    raise ValueError("release() skipped")


async def writer(lock):
    async with lock:  # <- waits
        pass


async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print("READY", flush=True))
    lock = asyncio.Lock()
    await asyncio.wait([asyncio.ensure_future(broken(lock))])
    await asyncio.gather(*(asyncio.ensure_future(named("writer-%d" % i, lock)) for i in range(3)))


async def named(name, lock):
    asyncio.current_task().set_name(name)
    await writer(lock)


asyncio.run(main())
