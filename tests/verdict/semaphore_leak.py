# SPDX-License-Identifier: Apache-2.0
# verdict: permits that were taken and not given back where a request failed
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.semaphore-leak; task=request-*; culprit=semaphore_leak.py:13; hurts=6; says=nobody who could give one back is left
import asyncio


class Client:
    def __init__(self):
        self.slots = asyncio.Semaphore(4)

    async def fetch(self, fail):
        await self.slots.acquire()  # <- waits
        if fail:
            raise OSError("upstream")
        self.slots.release()


async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print("READY", flush=True))
    client = Client()
    await asyncio.gather(*(client.fetch(True) for _ in range(4)), return_exceptions=True)
    tasks = [asyncio.create_task(client.fetch(False), name="request-%d" % i) for i in range(5)]
    await asyncio.gather(*tasks)


asyncio.run(main())
