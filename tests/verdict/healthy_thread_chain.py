# SPDX-License-Identifier: Apache-2.0
# zoo: healthy: thread chain
# REAL: made for the rules
# PY: 3.11+  NEEDS: stdlib
# EXPECT: healthy; trap=see the name
import asyncio, os, signal, threading, time, socket, contextlib, functools, weakref, queue

inq = queue.Queue()
def t1():
    while True: x = inq.get(); mid.put(x)
mid = queue.Queue()
def t2():
    while True: loop, f = mid.get(); loop.call_soon_threadsafe(f.set_result, 1)
async def handle(r, w):
    f = asyncio.get_running_loop().create_future(); inq.put((asyncio.get_running_loop(), f)); await f
async def slow():
    while True:
        await asyncio.sleep(9); f = asyncio.get_running_loop().create_future(); inq.put((asyncio.get_running_loop(), f)); await f

async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print('READY', flush=True))
    for t in (t1, t2): threading.Thread(target=t, daemon=True).start()
    s = await asyncio.start_server(handle, '127.0.0.1', 0); x = asyncio.create_task(slow())
    await s.serve_forever()

asyncio.run(main())
