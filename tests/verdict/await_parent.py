# SPDX-License-Identifier: Apache-2.0
# zoo: await parent
# REAL: made for the rules
# PY: 3.11+  NEEDS: stdlib
# EXPECT: kind=deadlock.task-cycle; task=*; culprit=await_parent.py:14
import asyncio, contextlib, threading, time, concurrent.futures
async def beat():
    while True: await asyncio.sleep(0.1)
class Job:
    async def run(self):
        self.me = asyncio.current_task()
        await asyncio.gather(beat(), self.child())
    async def child(self):
        await self.me  # <-
async def main():
    asyncio.get_running_loop().call_later(0.8, lambda: print('READY', flush=True))
    await asyncio.create_task(Job().run())
asyncio.run(main())
