# SPDX-License-Identifier: Apache-2.0
# LOOPS: busy
# zoo: polling with sleep(0) instead of waiting
# REAL: aio-libs/aiokafka#659 (stop() cycles forever); python/cpython#145340
# PY: 3.8+  NEEDS: stdlib
import asyncio

state = {"ready": False}


async def poll_ready():
    while not state["ready"]:
        await asyncio.sleep(0)  # <- poll


async def main():
    t = asyncio.create_task(poll_ready(), name="poll-ready")
    await asyncio.sleep(0.4)
    print("READY", flush=True)
    await t

asyncio.run(main())
