# SPDX-License-Identifier: Apache-2.0
# verdict: the task that would set the event failed before it did; made by a class, the waiting line behind a helper
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=orphan.event; task=api-*; culprit=orphan_event.py:16; hurts=3; says=that nobody can set
import asyncio
import threading


class Gate:
    def __init__(self):
        self.opened = asyncio.Event()
        self.name = "gate"

    async def open(self):
        await asyncio.sleep(0.1)
        raise RuntimeError("model file missing")  # <- fails
        self.opened.set()

    async def passed(self):
        await self.opened.wait()


async def api(gate):
    await gate.passed()


async def main():
    threading.Timer(0.8, print, ("READY",), {"flush": True}).start()
    gate = Gate()
    opener = asyncio.create_task(gate.open(), name="opener")
    waiting = [asyncio.create_task(api(gate), name="api-%d" % i) for i in range(2)]
    await asyncio.wait([opener])
    await asyncio.gather(*waiting)


asyncio.run(main())
