# SPDX-License-Identifier: Apache-2.0
# zoo: healthy: uvloop queue
# REAL: made for the rules
# PY: 3.11+  NEEDS: uvloop
# EXPECT: healthy; trap=see the name
import asyncio, os, signal, threading, time, socket, contextlib, functools, weakref, queue

import uvloop
JOBS = asyncio.Queue()
async def worker():
    while True: await JOBS.get()
async def handle(r, w): JOBS.put_nowait(await r.readline())
async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print('READY', flush=True))
    t = [asyncio.create_task(worker()), asyncio.create_task(asyncio.sleep(100))]
    s = await asyncio.start_server(handle, '127.0.0.1', 0)
    stop = asyncio.Event(); asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
uvloop.install(); asyncio.run(main())
