# SPDX-License-Identifier: Apache-2.0
# verdict: the one consumer of a queue that belongs to a service has failed; who waits until all is done waits for ever
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=orphan.queue-join; task=drain; culprit=kept_queue.py:26; says=until all its items are done
import asyncio


class Service:
    def __init__(self):
        self.jobs = asyncio.Queue(2)
        self.seen = 0

    async def handle(self, reader, writer):
        self.seen += 1
        writer.write(await reader.readline())

    async def consume(self):
        await self.jobs.get()
        raise ValueError("bad job")
        self.jobs.task_done()

    async def feed(self):
        self.jobs.put_nowait(1)

    async def drain(self):
        await self.jobs.join()


async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print("READY", flush=True))
    service = Service()
    service.server = await asyncio.start_server(service.handle, "127.0.0.1", 0)
    await service.feed()
    service.tasks = [asyncio.create_task(service.consume(), name="consume"), asyncio.create_task(service.drain(), name="drain")]
    await asyncio.wait(service.tasks)


asyncio.run(main())
