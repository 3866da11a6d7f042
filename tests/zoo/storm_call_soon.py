# SPDX-License-Identifier: Apache-2.0
# LOOPS: busy
# zoo: a callback re-schedules itself with call_soon; 100% CPU, timers late
# REAL: aio-libs/janus#715 (join() spins); aio-libs/aiozmq#160
# PY: 3.8+  NEEDS: stdlib
import asyncio


def pump(loop):
    loop.call_soon(pump, loop)  # <- cb


async def other():
    while True:
        await asyncio.sleep(1)


async def main():
    loop = asyncio.get_running_loop()
    t = asyncio.create_task(other(), name="other")
    pump(loop)
    await asyncio.sleep(0.4)
    print("READY", flush=True)
    await t

asyncio.run(main())
