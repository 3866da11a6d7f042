# SPDX-License-Identifier: Apache-2.0
# verdict: two servers in a gather, each parked on purpose, one by a helper; futures that are answered at once beside them
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=futures that nothing refers to, and reference counts that change while they are read; dumps=5
import asyncio

pending = {}


async def forever():
    await asyncio.Future()


async def serve_itself():
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    await asyncio.Future()
    return server


async def serve_by_helper():
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with server:
        await forever()


async def ask(number):
    loop = asyncio.get_running_loop()
    while True:
        future = loop.create_future()
        pending[number] = future
        loop.call_soon(lambda: pending.pop(number).set_result(1))
        await future


async def main():
    asyncio.get_running_loop().call_later(0.2, lambda: print("READY", flush=True))
    await asyncio.gather(serve_itself(), serve_by_helper(), *(ask(i) for i in range(50)))


asyncio.run(main())
