# SPDX-License-Identifier: Apache-2.0
# verdict: a lock that a service has was entered by hand, and a task gives it back by __aexit__ later
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=nobody names release
import asyncio


class Service:
    def __init__(self):
        self.lock = asyncio.Lock()

    async def use(self):
        async with self.lock:
            pass


async def give_back(service):
    await asyncio.sleep(600)
    await service.lock.__aexit__(None, None, None)


async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print("READY", flush=True))
    service = Service()
    await service.lock.__aenter__()
    back = asyncio.ensure_future(give_back(service))
    await asyncio.gather(service.use(), service.use())
    await back


asyncio.run(main())
