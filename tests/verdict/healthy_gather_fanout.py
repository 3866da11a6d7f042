# SPDX-License-Identifier: Apache-2.0
# zoo: healthy: gather fanout
# REAL: made for the rules
# PY: 3.11+  NEEDS: stdlib
# EXPECT: healthy; trap=see the name
import asyncio, os, signal, threading, time, socket, contextlib, functools, weakref, queue

async def job(i, sem):
    async with sem: await asyncio.sleep(2 + i / 10)
async def sub(n, sem): return await asyncio.gather(*(job(i, sem) for i in range(n)))

async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print('READY', flush=True))
    sem = asyncio.Semaphore(3)
    await asyncio.gather(*(sub(5, sem) for _ in range(4)))

asyncio.run(main())
