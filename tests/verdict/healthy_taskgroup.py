# SPDX-License-Identifier: Apache-2.0
# zoo: healthy: taskgroup
# REAL: made for the rules
# PY: 3.11+  NEEDS: stdlib
# EXPECT: healthy; trap=see the name
import asyncio, os, signal, threading, time, socket, contextlib, functools, weakref, queue

async def w(q):
    while True:
        await q.get(); await asyncio.sleep(0.1); q.task_done()
async def prod(q):
    while True:
        await q.put(1); await asyncio.sleep(0.05)

async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print('READY', flush=True))
    q = asyncio.Queue(5)
    async with asyncio.TaskGroup() as g:
        for _ in range(2): g.create_task(w(q))
        g.create_task(prod(q)); g.create_task(q.join())

asyncio.run(main())
