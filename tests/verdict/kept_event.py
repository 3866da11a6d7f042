# SPDX-License-Identifier: Apache-2.0
# verdict: an event that is an attribute of what a server and a heartbeat have too; the task that would set it failed
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=orphan.event; task=api; culprit=kept_event.py:24; says=that nobody can set
import asyncio


class App:
    def __init__(self):
        self.ready = asyncio.Event()
        self.count = 0

    async def handle(self, reader, writer):
        self.count += 1
        writer.write(await reader.readline())

    async def beat(self):
        while True:
            self.count += 1
            await asyncio.sleep(0.1)

    async def warm(self):
        await asyncio.sleep(0.1)
        raise ValueError("no model")  # <- fails
        self.ready.set()

    async def api(self):
        await self.ready.wait()


async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print("READY", flush=True))
    app = App()
    app.server = await asyncio.start_server(app.handle, "127.0.0.1", 0)
    app.beating = asyncio.ensure_future(app.beat())
    app.tasks = [asyncio.create_task(app.warm(), name="warm"), asyncio.create_task(app.api(), name="api")]
    await asyncio.wait(app.tasks)


asyncio.run(main())
