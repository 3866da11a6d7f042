# SPDX-License-Identifier: Apache-2.0
# verdict: one queue that is waited for in two ways: a worker has nothing to do, and main waits until the other one is done
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; dumps=3; trap=nobody puts anything more, and somebody calls task_done
import asyncio


class Service:
    def __init__(self):
        self.jobs = asyncio.Queue()

    async def work(self):
        while True:
            seconds = await self.jobs.get()
            await asyncio.sleep(seconds)
            self.jobs.task_done()


async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print("READY", flush=True))
    service = Service()
    service.jobs.put_nowait(600)
    workers = [asyncio.ensure_future(service.work()) for _ in range(2)]
    await service.jobs.join()
    for worker in workers:
        worker.cancel()


asyncio.run(main())
