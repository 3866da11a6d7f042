# SPDX-License-Identifier: Apache-2.0
# zoo: healthy: parent child lock
# REAL: made for the rules
# PY: 3.11+  NEEDS: stdlib
# EXPECT: healthy; trap=see the name
import asyncio, os, signal, threading, time, socket, contextlib, functools, weakref, queue

class Conn:
    def __init__(self): self.lock = asyncio.Lock()
    async def keepalive(self):
        while True:
            await asyncio.sleep(10)
            async with self.lock: pass
    async def query(self):
        async with self.lock: await asyncio.wait_for(asyncio.sleep(8), 9)

async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print('READY', flush=True))
    c = Conn(); await asyncio.gather(c.keepalive(), c.query(), c.query())

asyncio.run(main())
