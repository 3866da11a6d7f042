# SPDX-License-Identifier: Apache-2.0
# verdict: tasks that wait on purpose, until the program ends, for an event that they made for themselves, or that their owner cancels
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; dumps=3; trap=a wait that nobody ends taken for one that nobody can end
import asyncio
import threading


async def serve():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    stop = asyncio.Event()
    await stop.wait()
    server.close()


async def serve_in_block():
    async with await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0):
        await asyncio.Event().wait()


async def heartbeat(event):
    await event.wait()


async def owner():
    task = asyncio.ensure_future(heartbeat(asyncio.Event()))
    await asyncio.sleep(600)
    task.cancel()


async def cancelled_by_timer():
    event = asyncio.Event()
    task = asyncio.ensure_future(heartbeat(event))
    asyncio.get_running_loop().call_later(600, task.cancel)
    await task
    event.set()


async def stopper(seconds):
    await asyncio.sleep(seconds)
    raise RuntimeError("stop")


async def group():
    await asyncio.gather(heartbeat(asyncio.Event()), stopper(600))


async def main():
    threading.Timer(0.6, print, ("READY",), {"flush": True}).start()
    await asyncio.gather(serve(), serve_in_block(), owner(), cancelled_by_timer(), group())


asyncio.run(main())
