# SPDX-License-Identifier: Apache-2.0
# zoo: healthy: first completed
# REAL: made for the rules
# PY: 3.11+  NEEDS: stdlib
# EXPECT: healthy; trap=see the name
import asyncio, os, signal, threading, time, socket, contextlib, functools, weakref, queue

async def handle(r, w): Q.put_nowait(1)

async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print('READY', flush=True))
    global Q
    Q = asyncio.Queue(); stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    s = await asyncio.start_server(handle, '127.0.0.1', 0)
    while True:
        g = asyncio.create_task(Q.get()); st = asyncio.create_task(stop.wait())
        d, p = await asyncio.wait({g, st}, return_when=asyncio.FIRST_COMPLETED)

asyncio.run(main())
