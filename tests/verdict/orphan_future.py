# SPDX-License-Identifier: Apache-2.0
# verdict: a request whose number is used twice loses its future in the registry
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=orphan.future; task=first; culprit=orphan_future.py:14
import asyncio

pending = {}


async def call(number):
    future = asyncio.get_running_loop().create_future()
    pending[number] = future
    try:
        return await future  # <- bad
    finally:
        pending.pop(number, None)


async def main():
    first = asyncio.create_task(call(1), name="first")
    await asyncio.sleep(0)
    second = asyncio.create_task(call(1), name="second")  # the first one's future is lost
    await asyncio.sleep(0)
    pending[1].set_result("ok")
    await second
    print("READY", flush=True)
    await first


asyncio.run(main())
