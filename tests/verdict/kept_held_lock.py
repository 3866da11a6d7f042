# SPDX-License-Identifier: Apache-2.0
# verdict: a task waits for ever for an event of its own, and holds a lock of the service that others wait for
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=orphan.event; task=hold; culprit=kept_held_lock.py:24; says=that nobody can set
import asyncio


class Service:
    def __init__(self):
        self.lock = asyncio.Lock()
        self.seen = 0

    async def handle(self, reader, writer):
        self.seen += 1
        writer.write(await reader.readline())

    async def beat(self):
        while True:
            self.seen += 1
            await asyncio.sleep(0.1)

    async def hold(self):
        async with self.lock:
            await asyncio.Event().wait()

    async def use(self):
        async with self.lock:
            pass


async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print("READY", flush=True))
    service = Service()
    service.server = await asyncio.start_server(service.handle, "127.0.0.1", 0)
    service.beating = asyncio.ensure_future(service.beat())
    service.tasks = [asyncio.create_task(service.hold(), name="hold")] + [asyncio.ensure_future(service.use()) for _ in range(2)]
    await asyncio.wait(service.tasks)


asyncio.run(main())
