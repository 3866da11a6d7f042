# SPDX-License-Identifier: Apache-2.0
"""Tasks that wait through greenlets: `spawn`, as SQLAlchemy's asyncio does it but without SQLAlchemy, or `sqlalchemy`, with it and aiosqlite.

Prints what the program says of itself, {name of the task: [[function, line], …]}, then READY, and does not change any more.
`running` and `nested`: the one task runs, in a greenlet; nothing is said of it."""
import asyncio
import json
import os
import sys
import threading
import time

import greenlet

import account


class Bridge(greenlet.greenlet):
    pass


async def greenlet_spawn(function, *args):
    """Run a function in a greenlet, and await what it hands over."""
    context = Bridge(function, greenlet.getcurrent())
    result = context.switch(*args)
    while not context.dead:
        try:
            value = await result
        except BaseException:
            result = context.throw(*sys.exc_info())
        else:
            result = context.switch(value)
    return result


def await_only(awaitable):
    return greenlet.getcurrent().parent.switch(awaitable)


class Connection:
    """An object with an __await__ that is a generator."""

    def __await__(self):
        yield from asyncio.Event().wait().__await__()


async def driver_wait():
    await asyncio.Event().wait()


def execute(awaitable):
    return await_only(awaitable)


def query(make):
    await_only(asyncio.sleep(0))
    return execute(make())


def deep(n):
    return deep(n - 1) if n else query(driver_wait)


async def through(function, *args):
    await greenlet_spawn(function, *args)


async def inner():
    await greenlet_spawn(query, driver_wait)


async def holds_another():
    """It has a greenlet that is suspended, one that ended and one that has not begun, and waits through none of them."""
    suspended = greenlet.greenlet(lambda: await_only(None))
    suspended.switch()
    ended = greenlet.greenlet(lambda: None)
    ended.switch()
    fresh = greenlet.greenlet(lambda: None)
    await driver_wait()
    return fresh, ended


def block():
    print("READY pid=%d" % os.getpid(), flush=True)
    time.sleep(100000)


async def running():
    await through(block)


async def nested():
    """The greenlet that runs was started by a coroutine that another greenlet has handed over."""
    await through(query, running)


def sqlalchemy_spawn():
    import sqlalchemy.util.concurrency as concurrency

    return concurrency.greenlet_spawn


def greenlet_frames(frame, spawn):
    """The frames of the greenlet that greenlet_spawn waits for, outermost first."""
    if frame.f_code is not spawn.__code__:
        return []
    return account.stack(frame.f_locals["context"].gr_frame)


def chain(task, spawn):
    links, at = [], task.get_coro()
    while at is not None and not isinstance(at, account.FUTURES):
        known = account.step(at)
        if not known:
            at = account.behind_silent(at)
            continue
        frames = [known[1]] + greenlet_frames(known[1], spawn)
        links += [[frame.f_code.co_name, frame.f_lineno] for frame in frames]
        at = known[2]
    return links


def ready(spawn):
    print(json.dumps({t.get_name(): chain(t, spawn) for t in asyncio.all_tasks() if t.get_name() != "main"}))
    print("READY pid=%d" % os.getpid(), flush=True)


async def spawn():
    loop = asyncio.get_running_loop()
    asyncio.current_task().set_name("main")
    tasks = {
        "coroutine": through(query, driver_wait),
        "future": through(query, loop.create_future),
        "object": through(query, Connection),
        "nested": through(query, inner),
        "deep": through(deep, 100),
        "holds another": holds_another(),
    }
    kept = [asyncio.create_task(coroutine, name=name) for name, coroutine in tasks.items()]
    for _ in range(10):  # each has gone two steps by then
        await asyncio.sleep(0)
    loop.call_soon(ready, greenlet_spawn)
    await asyncio.wait(kept)


async def select(engine):
    from sqlalchemy import text

    async with engine.connect() as connection:
        await connection.execute(text("SELECT hold()"))


async def sqlalchemy():
    from sqlalchemy import event
    from sqlalchemy.ext.asyncio import create_async_engine

    loop = asyncio.get_running_loop()
    asyncio.current_task().set_name("main")
    engine = create_async_engine("sqlite+aiosqlite://")

    def hold():
        """In the thread of the connection, as a function of SQL: the query has begun and does not end."""
        loop.call_soon_threadsafe(ready, sqlalchemy_spawn())
        threading.Event().wait()

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection, _):
        connection.create_function("hold", 0, hold)

    await asyncio.create_task(select(engine), name="select")


if __name__ == "__main__":
    asyncio.run({"spawn": spawn, "sqlalchemy": sqlalchemy, "running": running, "nested": nested}[sys.argv[1]]())
