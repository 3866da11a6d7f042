# SPDX-License-Identifier: Apache-2.0
# verdict: events that only one sleeping task knows, by a variable that it uses again in all sorts of ways
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; dumps=3; trap=a variable taken for one that is not used any more
import asyncio
import contextlib
import threading

LONG = 600


async def wait(event):
    await event.wait()


async def next_line(event):
    await asyncio.sleep(LONG)
    event.set()


async def loop_begins_again(event):
    while True:
        if event.is_set():
            break
        await asyncio.sleep(LONG)


async def inner_loop(events):
    for event in events:
        for _ in range(3):
            await asyncio.sleep(LONG)
        event.set()


async def handler(event):
    try:
        await asyncio.sleep(LONG)
        raise OSError
    except OSError:
        event.set()


async def outer_handler(event):
    try:
        try:
            await asyncio.sleep(LONG)
        except KeyError:
            pass
    except asyncio.CancelledError:
        event.set()


async def finally_block(event):
    try:
        await asyncio.sleep(LONG)
    finally:
        event.set()


async def in_finally(event):
    try:
        pass
    finally:
        await asyncio.sleep(LONG)
        event.set()


async def in_handler(event):
    try:
        raise OSError
    except OSError as error:
        await asyncio.sleep(LONG)
        del error
    event.set()


@contextlib.contextmanager
def manager(event):
    yield
    event.set()


async def with_block(event):
    with manager(event):
        await asyncio.sleep(LONG)


async def with_names(event):
    with contextlib.suppress(OSError):
        await asyncio.sleep(LONG)
    event.set()


async def inner_function(event):
    await asyncio.sleep(LONG)

    def set_it():
        event.set()

    set_it()


async def comprehension(event):
    await asyncio.sleep(LONG)
    return [one.set() for one in (event,)]


async def default(event):
    await asyncio.sleep(LONG)
    (lambda one=event: one.set())()


async def conditional(event, other=None):
    if other:
        await asyncio.sleep(1)
    else:
        await asyncio.sleep(LONG)
    (other or event).set()


async def all_variables(event):
    await asyncio.sleep(LONG)
    locals()["event"].set()


async def evaluated(event):
    await asyncio.sleep(LONG)
    eval("event.set()")


async def on_the_stack(event):
    [event, await asyncio.sleep(LONG)][0].set()


async def as_argument(event):
    print(event.set(), await asyncio.sleep(LONG), event)


async def bound(event):
    set_it = event.set
    del event
    await asyncio.sleep(LONG)
    set_it()


async def async_with(event):
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(event.set)
        del event
        await asyncio.sleep(LONG)


async def generator(event):
    yield await asyncio.sleep(LONG)
    event.set()


async def async_for(event):
    async for _ in generator(event):
        pass


async def many_variables(event):
    a = b = c = d = e = f = g = h = i = j = k = l = m = n = o = p = q = r = s = t = 1  # noqa: E741
    late = event
    del event
    await asyncio.sleep(LONG)
    late.set()
    return a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t


async def swapped(event):
    one, other = event, None
    del event
    await asyncio.sleep(LONG)
    one, other = other, one
    other.set()


WAYS = [next_line, loop_begins_again, handler, outer_handler, finally_block, in_finally, in_handler, with_block, with_names, inner_function, comprehension, default]
WAYS += [conditional, all_variables, evaluated, on_the_stack, as_argument, bound, async_with, async_for, many_variables, swapped]


async def main():
    threading.Timer(0.6, print, ("READY",), {"flush": True}).start()
    tasks = []
    for way in WAYS:
        event = asyncio.Event()
        tasks += [wait(event), way(event)]
    event = asyncio.Event()
    tasks += [wait(event), inner_loop([event])]
    del event
    await asyncio.gather(*tasks)


asyncio.run(main())
