# SPDX-License-Identifier: Apache-2.0
# zoo: healthy: executor long
# REAL: made for the rules
# PY: 3.11+  NEEDS: stdlib
# EXPECT: healthy; trap=see the name
import asyncio, os, signal, threading, time, socket, contextlib, functools, weakref, queue

def job(): time.sleep(3600)
def calc():
    x = 0
    while True: x += 1

async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print('READY', flush=True))
    l = asyncio.get_running_loop()
    fs = [l.run_in_executor(None, job), l.run_in_executor(None, job)]
    await asyncio.gather(*fs, asyncio.to_thread(job))

asyncio.run(main())
