# SPDX-License-Identifier: Apache-2.0
# zoo: healthy: wait timeout cancel
# REAL: made for the rules
# PY: 3.11+  NEEDS: stdlib
# EXPECT: healthy; trap=see the name
import asyncio, os, signal, threading, time, socket, contextlib, functools, weakref, queue

async def never(): await asyncio.get_running_loop().create_future()
async def never2(): await asyncio.Event().wait()

async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print('READY', flush=True))
    t = asyncio.create_task(never()); u = asyncio.create_task(never2())
    async def with_to():
        async with asyncio.timeout(40): await asyncio.Event().wait()
    v = asyncio.create_task(with_to())
    async def wf(): await asyncio.wait_for(asyncio.Event().wait(), 50)
    x = asyncio.create_task(wf())
    d, p = await asyncio.wait({t, u}, timeout=30)
    for k in p: k.cancel()

asyncio.run(main())
