# SPDX-License-Identifier: Apache-2.0
# verdict: futures that somebody still can complete, or nobody has to
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=few references to a future: a variable shared with a callback, a weak reference, a thread, a timeout; tasks parked on purpose
import asyncio
import contextlib
import threading
import time
import weakref

known = weakref.WeakSet()


def later(function):
    threading.Thread(target=lambda: time.sleep(3600) or function(), daemon=True).start()


async def shared_with_a_callback():
    future = asyncio.get_running_loop().create_future()

    def done():
        future.set_result(1)

    later(done)
    await future


async def known_weakly():
    future = asyncio.get_running_loop().create_future()
    known.add(future)
    await future


async def bound_method():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.call_later(3600, future.set_result, 1)
    del loop
    await future


async def never():
    await asyncio.get_running_loop().create_future()


async def with_a_timeout():
    await asyncio.wait_for(never(), 3600)


async def first_of_two():
    await asyncio.wait([asyncio.ensure_future(never()), asyncio.ensure_future(asyncio.sleep(3600))], return_when=asyncio.FIRST_COMPLETED)


@contextlib.asynccontextmanager
async def server():
    yield await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)


async def serve_for_ever():
    async with server():
        await asyncio.Future()


async def main():
    programs = (shared_with_a_callback, known_weakly, bound_method, with_a_timeout, first_of_two, serve_for_ever)
    tasks = [asyncio.create_task(program(), name=program.__name__) for program in programs]
    asyncio.get_running_loop().call_later(0.2, lambda: print("READY", flush=True))
    await asyncio.gather(*tasks)


asyncio.run(main())
