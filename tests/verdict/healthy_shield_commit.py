# SPDX-License-Identifier: Apache-2.0
# zoo: healthy: shield commit
# REAL: made for the rules
# PY: 3.11+  NEEDS: stdlib
# EXPECT: healthy; trap=see the name
import asyncio, os, signal, threading, time, socket, contextlib, functools, weakref, queue

async def write(): await asyncio.sleep(20)
async def c(): await asyncio.shield(asyncio.create_task(write()))

async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print('READY', flush=True))
    t = asyncio.create_task(c()); await asyncio.sleep(0.1); t.cancel()
    await asyncio.gather(asyncio.shield(asyncio.create_task(write())), c())

asyncio.run(main())
