# SPDX-License-Identifier: Apache-2.0
# verdict: the main task waits for ever on purpose while others work
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=a future that nothing refers to
import asyncio


async def work():
    while True:
        await asyncio.sleep(0.05)


async def main():
    task = asyncio.create_task(work(), name="work")
    asyncio.get_running_loop().call_later(0.2, lambda: print("READY", flush=True))
    await asyncio.Future()
    return task


asyncio.run(main())
