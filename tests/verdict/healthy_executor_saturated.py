# SPDX-License-Identifier: Apache-2.0
# zoo: healthy: executor saturated
# REAL: made for the rules
# PY: 3.11+  NEEDS: stdlib
# EXPECT: healthy; trap=see the name
import asyncio, os, signal, threading, time, socket, contextlib, functools, weakref, queue

def job(): time.sleep(0.15)
async def user():
    while True: await asyncio.get_running_loop().run_in_executor(POOL, job)
from concurrent.futures import ThreadPoolExecutor
POOL = ThreadPoolExecutor(3)

async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print('READY', flush=True))
    await asyncio.gather(*(user() for _ in range(12)))

asyncio.run(main())
