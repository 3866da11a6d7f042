# SPDX-License-Identifier: Apache-2.0
# verdict: asked to stop, and waits behind a shield for a clean-up that goes on
# PY: 3.11+  NEEDS: stdlib
# EXPECT: healthy; trap=a request to stop that is being followed
import asyncio


async def clean_up(done):
    await asyncio.sleep(600)
    done.set()


async def serve():
    done = asyncio.Event()
    try:
        await asyncio.sleep(3600)
    finally:
        await asyncio.shield(asyncio.create_task(clean_up(done)))
        await done.wait()


async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print("READY", flush=True))
    task = asyncio.create_task(serve())
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.wait([task])


asyncio.run(main())
