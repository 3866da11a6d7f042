# SPDX-License-Identifier: Apache-2.0
"""A program of more than 150 different pending tasks that parks and says of itself what a dump must show.

  varied.py [--loop asyncio|uvloop] [--thread] [--subinterpreter] [--running lock|sleep]

It runs unchanged on Python 3.8 to 3.15. When nothing moves any more it prints one line of JSON (a list of accounts, one per
interpreter, see account.py) and then READY pid=N, and stays so until it is killed. --thread: the loop runs in a side thread.
--running: one task holds the loop inside nested plain functions."""
import argparse
import asyncio
import asyncio.futures
import asyncio.tasks
import contextlib
import contextvars
import functools
import gc
import json
import os
import socket
import sys
import threading
import time
import types
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import account  # noqa: E402

warnings.simplefilter("ignore")
V = sys.version_info[:2]
KEEP = []  # everything that must stay alive
TOLD = {}  # task: what the program knows of it
THIRD = []  # tasks that are no tasks of asyncio
LOOPS = {}  # loop: its state when parked
SPAWNERS = []  # the scenarios, in order
BLOCKED = threading.Event()  # a running task is about to hold its loop
NEVER = threading.Lock()  # taken for good: who asks for it waits for ever
NEVER.acquire()
number = contextvars.ContextVar("number")
other = contextvars.ContextVar("a_longer_name_of_a_variable", default=5)


def since(*version):
    def decorate(function):
        if V >= version:
            SPAWNERS.append(function)
        return function

    return decorate


def until(*version):
    def decorate(function):
        if V <= version:
            SPAWNERS.append(function)
        return function

    return decorate


def keep(*objects):
    KEEP.extend(objects)
    return objects[0]


def tell(task, kinds=None, behind=(), **more):
    TOLD[task] = dict(kinds=kinds.split() if kinds else None, behind=list(behind), **more)
    return keep(task)


def spawn(coro, name, kinds=None, behind=()):
    """A task that will park. kinds: words of waits_for.kind that are right for it; behind: the tasks it waits for."""
    return tell(
        asyncio.get_running_loop().create_task(
            coro, **({"name": name} if name is not None else {})
        ),
        kinds,
        behind,
    )


def new_future():
    return keep(asyncio.get_running_loop().create_future())


async def park(fut):
    """The plainest wait there is."""
    await fut


# Locks and friends


@since(3, 8)
def sleeping():
    async def sleeper(seconds):
        await asyncio.sleep(seconds)

    spawn(sleeper(36000), "sleep", "sleep")
    spawn(asyncio.sleep(40000, result=17), "sleep-itself", "sleep")


@since(3, 8)
def events():
    event = keep(asyncio.Event())
    for i in range(5):
        spawn(event.wait(), "event-%d" % i, "event")


@since(3, 8)
def locks():
    lock = keep(asyncio.Lock())

    async def holder(depth):
        async with lock:
            await park(new_future())

    async def waiter():
        async with lock:
            never = 1
        return never

    async def waiter_by_hand():
        await lock.acquire()

    spawn(holder(3), "lock-holder", "future")
    spawn(waiter(), "lock-waiter", "lock")
    spawn(waiter_by_hand(), "lock-waiter-by-hand", "lock")


@since(3, 8)
def semaphores():
    for name, made in (
        ("semaphore", asyncio.Semaphore(1)),
        ("bounded", asyncio.BoundedSemaphore(1)),
    ):
        keep(made)

        async def user(semaphore, wait):
            async with semaphore:
                await asyncio.sleep(wait)

        spawn(user(made, 50000), name + "-holder", "sleep")
        spawn(user(made, 1), name + "-waiter", "semaphore")


@since(3, 8)
def conditions():
    condition = keep(asyncio.Condition())

    async def waiter():
        async with condition:
            await condition.wait()

    async def waiter_for():
        async with condition:
            await condition.wait_for(lambda: False)

    spawn(waiter(), "condition", "condition")
    spawn(waiter_for(), "condition-wait-for", "condition")


@since(3, 11)
def barriers():
    barrier = keep(asyncio.Barrier(3))

    async def party():
        async with barrier:
            pass

    spawn(party(), "barrier-with", "barrier condition")
    spawn(barrier.wait(), "barrier-wait", "barrier condition")


@since(3, 8)
def queues():
    empty, full, undone = keep(asyncio.Queue()), asyncio.Queue(1), asyncio.Queue()
    keep(full, undone)
    full.put_nowait(1)
    undone.put_nowait(1)

    async def consumer():
        while True:
            item = await empty.get()
            del item

    async def producer(item=23):
        # fmt: off
        await full.put(
            item)
        # fmt: on

    spawn(consumer(), "queue-get", "queue_get")
    spawn(producer(), "queue-put", "queue_put")
    spawn(undone.join(), "queue-join", "queue_join event")
    spawn(keep(asyncio.PriorityQueue()).get(), "priority-get", "queue_get")
    spawn(keep(asyncio.LifoQueue()).get(), "lifo-get", "queue_get")


# Futures and kinds of tasks


@since(3, 8)
def futures():
    class OwnFuture(asyncio.Future):
        pass

    loop = asyncio.get_running_loop()
    spawn(park(new_future()), "future", "future")
    spawn(park(keep(OwnFuture(loop=loop))), "future-subclass", "future")
    spawn(park(keep(asyncio.futures._PyFuture(loop=loop))), "future-python", "future")


class OwnTask(asyncio.Task):
    """A subclass with an attribute of its own."""

    def __init__(self, coro, **more):
        super().__init__(coro, **more)
        self.colour = 7


@since(3, 8)
def kinds_of_tasks():
    loop = asyncio.get_running_loop()
    tell(OwnTask(park(new_future()), loop=loop, name="task-subclass"), "future")
    tell(asyncio.tasks._PyTask(park(new_future()), loop=loop, name="task-python"), "future")

    class PythonSubclass(asyncio.tasks._PyTask):
        pass

    tell(PythonSubclass(asyncio.sleep(60000), loop=loop, name="task-python-subclass"), "sleep")


@since(3, 12)
def eager():
    async def eager_one(fut, n):
        n += 1
        await fut
        return n

    task = asyncio.Task(
        eager_one(new_future(), 4),
        loop=asyncio.get_running_loop(),
        name="task-eager",
        eager_start=True,
    )
    tell(task, "future")
    tell(
        asyncio.Task(
            asyncio.sleep(41000, 2),
            loop=asyncio.get_running_loop(),
            eager_start=False,
            name="task-lazy",
        )
    )


class ThirdPartyTask:
    """A task of another library, which asyncio only knows because it was registered."""

    def __init__(self, coro, loop, name):
        self._coro, self._loop, self._name = coro, loop, name
        self._state = "PENDING"
        self._fut_waiter = coro.send(None)
        asyncio._register_task(self)

    def get_loop(self):
        return self._loop

    def get_coro(self):
        return self._coro

    def get_name(self):
        return self._name

    def done(self):
        return False

    cancelled = done


@since(3, 8)
def third_party():
    task = ThirdPartyTask(park(new_future()), asyncio.get_running_loop(), "third-party")
    tell(task, third=True)
    THIRD.append(task)


@since(3, 8)
def cancelled_once():
    async def stubborn():
        times = 0
        asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)  # not by time: it must have begun
        while True:
            try:
                await park(new_future())
            except asyncio.CancelledError:
                times += 1

    spawn(stubborn(), "cancel-swallowed", "future")


@since(3, 8)
def done_tasks():
    async def fails():
        raise ValueError("planted")

    async def works():
        return 11

    spawn(works(), "done-result")
    task = spawn(fails(), "done-exception")
    task.add_done_callback(lambda t: t.exception())
    asyncio.get_running_loop().call_soon(spawn(asyncio.sleep(70000), "done-cancelled").cancel)


@since(3, 8)
def many_equal():
    async def worker(i):
        await asyncio.sleep(36000 + i)

    for i in range(6):
        spawn(worker(i), "equal", "sleep")


@since(3, 8)
def default_names():
    for _ in range(4):
        spawn(park(new_future()), None, "future")


@since(3, 8)
def odd_names():
    for name in (
        "caf\u00e9 latin1",
        "\u0436\u4e2d UCS2",
        "UCS4 \U0001f40d\U0001f512",
        "escape \x1b[31mred\x1b[0m",
        "new\nline\rand tab\t",
        "long " + "x" * 9995,
        "long wide " + "\u4e2d" * 3000,
        "",
        "surrogate \udc80 end",
        'quote " back \\ slash',
        "bidi \u202e end",
        "nul \0 end",
    ):
        spawn(park(new_future()), name, "future")


# What tasks wait for through asyncio's own helpers


@since(3, 8)
def gathering():
    one, two, three = [spawn(park(new_future()), "gather-child-%d" % i, "future") for i in range(3)]

    async def nested():
        await asyncio.gather(one, asyncio.gather(two, three), return_exceptions=True)

    spawn(nested(), "gather", "gather", [one])


@since(3, 8)
def waiting():
    one, two = spawn(park(new_future()), "wait-child-0", "future"), spawn(
        park(new_future()), "wait-child-1", "future"
    )

    async def waiter(when):
        done, pending = await asyncio.wait({one, two}, return_when=when, timeout=None)
        return done, pending

    spawn(waiter(asyncio.FIRST_COMPLETED), "wait-first", "wait", [one, two])
    spawn(waiter(asyncio.ALL_COMPLETED), "wait-all", "wait", [one, two])


@since(3, 8)
def waiting_for():
    event = keep(asyncio.Event())
    inner = spawn(park(new_future()), "wait-for-inner", "future")

    async def outer():
        await asyncio.wait_for(event.wait(), timeout=30000)

    async def outer_task():
        await asyncio.wait_for(inner, 31000)

    spawn(outer(), "wait-for", "wait_for event")
    spawn(outer_task(), "wait-for-task", "wait_for task wait", [inner])


@since(3, 8)
def shielding():
    inner = spawn(park(new_future()), "shield-inner", "future")

    async def outer():
        try:
            await asyncio.shield(inner)
        finally:
            pass

    spawn(outer(), "shield", "shield", [inner])


@since(3, 11)
def task_groups():
    async def parent():
        async with asyncio.TaskGroup() as group:
            for i in range(3):
                children.append(
                    tell(group.create_task(park(new_future()), name="group-child-%d" % i), "future")
                )

    async def tell_children(task):
        TOLD[task]["behind"] = children

    children = []
    keep(spawn(tell_children(spawn(parent(), "taskgroup", "taskgroup")), "group-teller"))


@since(3, 11)
def timeouts():
    async def outer():
        async with asyncio.timeout(30000):
            async with asyncio.timeout(None):
                await park(new_future())

    spawn(outer(), "timeout", "future")


@since(3, 8)
def executors():
    from concurrent.futures import ThreadPoolExecutor

    pool = keep(ThreadPoolExecutor(2, thread_name_prefix="pool"))

    def blocking(n):
        with NEVER:
            return n

    async def by_hand():
        return await asyncio.get_running_loop().run_in_executor(pool, blocking, 5)

    spawn(by_hand(), "executor", "executor")
    if V >= (3, 9):

        async def to_thread():
            await asyncio.to_thread(blocking, 6)

        spawn(to_thread(), "to-thread", "executor")


@since(3, 8)
def completing():
    async def outer():
        for one in asyncio.as_completed([park(new_future()), park(new_future())]):
            await one

    spawn(outer(), "as-completed", "queue_get wait future")


@since(3, 8)
def on_tasks():
    inner = spawn(park(new_future()), "task-inner", "future")
    spawn(park(inner), "task-outer", "task", [inner])
    ring = []

    async def around(i):
        await asyncio.sleep(0)
        await ring[(i + 1) % 3]

    ring += [spawn(around(i), "ring-%d" % i, "task") for i in range(3)]
    for i in range(3):
        TOLD[ring[i]]["behind"] = [ring[(i + 1) % 3]]


# Chains


@types.coroutine
def old_style(fut):
    local = 3
    result = yield from fut
    return result, local


@since(3, 8)
def generator_coroutines():
    async def through():
        await old_style(new_future())

    spawn(through(), "types-coroutine", "future")


@until(3, 10)
def asyncio_coroutines():
    @asyncio.coroutine
    def oldest(fut):
        yield from fut

    async def through():
        await oldest(new_future())

    spawn(oldest(new_future()), "asyncio-coroutine", "future")
    spawn(through(), "asyncio-coroutine-inner", "future")


async def numbers(fut):
    """An async generator that gives one value and then waits."""
    yield 1
    await park(fut)
    yield 2


async def stubborn_numbers(fut):
    try:
        yield 1
    except BaseException:
        await park(fut)
        raise
    finally:
        await fut


@since(3, 8)
def async_generators():
    async def by_for():
        async for n in numbers(new_future()):
            last = n
        return last

    async def nested_generator():
        async for n in numbers(new_future()):
            yield n

    async def by_two():
        async for _ in nested_generator():
            pass

    async def by_anext():
        gen = numbers(new_future())
        await gen.__anext__()
        await gen.__anext__()

    async def by_asend():
        gen = numbers(new_future())
        await gen.asend(None)
        await gen.asend(7)

    async def by_athrow():
        gen = stubborn_numbers(new_future())
        await gen.__anext__()
        await gen.athrow(ValueError("planted"))

    async def by_aclose():
        gen = stubborn_numbers(new_future())
        await gen.__anext__()
        await gen.aclose()

    async def by_comprehension():
        return [x async for x in numbers(new_future())]

    async def by_await_in_comprehension():
        return [await park(f) for f in [new_future(), 1]]

    async def by_expression():
        gen = (n + 1 async for n in numbers(new_future()))
        async for _ in gen:
            pass

    for function in (
        by_for,
        by_two,
        by_anext,
        by_asend,
        by_athrow,
        by_aclose,
        by_comprehension,
        by_await_in_comprehension,
        by_expression,
    ):
        spawn(function(), "agen-" + function.__name__, "future")


@since(3, 10)
def builtin_anext():
    async def plain():
        gen = numbers(new_future())
        await anext(gen)
        await anext(gen)

    async def with_default():
        gen = numbers(new_future())
        await anext(gen, None)
        await anext(gen, None)

    spawn(plain(), "anext", "future")
    spawn(with_default(), "anext-default", "future")


@contextlib.asynccontextmanager
async def managed(where, fut):
    if where == "enter":
        await park(fut)
    try:
        yield where
    finally:
        if where == "exit":
            await park(fut)


@since(3, 8)
def context_managers():
    async def user(where):
        async with managed(where, new_future()):
            if where == "body":
                await park(new_future())

    async def stack_user():
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(managed("exit", new_future()))

    class Manager:
        async def __aenter__(self):
            await park(new_future())

        async def __aexit__(self, *exc):
            pass

    async def own():
        async with Manager():
            pass

    for where in ("enter", "body", "exit"):
        spawn(user(where), "manager-" + where, "future")
    spawn(stack_user(), "exit-stack", "future")
    spawn(own(), "manager-own-class", "future")


# What tasks hold


class Held:
    """A manager that may wait while it is entered or left."""

    def __init__(self, enters=None, leaves=None):
        self.enters, self.leaves = enters, leaves

    async def __aenter__(self):
        if self.enters:
            await self.enters
        return self

    async def __aexit__(self, *exc):
        if self.leaves:
            await self.leaves


class HeldByPlain(Held):
    """Its __aenter__ is a plain function, which returns what is awaited for it: a coroutine or a future."""

    def __init__(self, entering=None):
        super().__init__()
        self.entering = entering or self.enter()

    async def enter(self):
        await new_future()

    def __aenter__(self):
        return self.entering


class HeldPlainly:
    """For with, without attributes."""

    __slots__ = ()

    def __enter__(self):
        return 6

    def __exit__(self, *exc):
        return False


@contextlib.asynccontextmanager
async def with_lock(lock):
    """Holds a lock as long as it is held."""
    async with lock:
        yield lock


@contextlib.contextmanager
def by_generator(lock):
    with lock:
        with HeldPlainly() as value:
            yield value


@since(3, 8)
def held_blocks():
    def lock():
        return keep(asyncio.Lock())

    async def two():
        async with Held() as one, lock():
            await park(new_future())
        del one

    async def nested():
        async with lock():
            for i in range(2):
                async with asyncio.Semaphore(2), Held() as value:
                    with HeldPlainly():
                        await park(new_future())
        return i, value

    async def sync():
        with HeldPlainly() as number, threading.Lock(), open(os.devnull):
            with keep(threading.Condition()):
                await new_future()
        return number

    async def many_lines():
        async with Held(), \
                lock() as nothing, \
                Held(
                    None):
            if nothing is None:

                await park(new_future())

    async def none_any_more():
        async with lock():
            pass
        with HeldPlainly():
            pass
        await park(new_future())

    for function in (two, nested, sync, many_lines, none_any_more):
        spawn(function(), "held-" + function.__name__, "future")


@since(3, 8)
def held_while_handling():
    async def in_try():
        try:
            async with Held():
                try:
                    raise KeyError(1)
                except KeyError as error:
                    async with keep(asyncio.Lock()):
                        await park(new_future())
                    del error
        finally:
            pass

    async def in_finally():
        with HeldPlainly():
            try:
                pass
            finally:
                async with keep(asyncio.Lock()):
                    await park(new_future())

    async def in_finally_of_error():
        async with Held():
            try:
                raise KeyError(2)
            finally:
                async with keep(asyncio.Lock()):
                    await park(new_future())

    async def around_try():
        async with Held():
            await asyncio.sleep(0)
            try:
                with HeldPlainly():
                    try:
                        await park(new_future())
                    except OSError:
                        pass
            finally:
                pass

    async def returning():
        async with Held():
            async with Held(leaves=new_future()):
                return 5

    async def by_error():
        async with keep(asyncio.Lock()):
            async with Held(leaves=new_future()):
                raise KeyError(3)

    async def in_a_loop():
        while True:
            async with Held():
                async for _ in numbers(new_future()):
                    pass

    for function in (in_try, in_finally, in_finally_of_error, around_try, returning, by_error, in_a_loop):
        spawn(function(), "held-" + function.__name__, "future")


@since(3, 8)
def held_inside():
    async def managed_lock():
        async with with_lock(keep(asyncio.Lock())) as lock:
            await park(new_future())
        return lock

    async def managed_twice():
        async with with_lock(with_lock(keep(asyncio.Lock()))):
            with by_generator(threading.Lock()):
                await park(new_future())

    async def stack():
        async with contextlib.AsyncExitStack() as held:
            await held.enter_async_context(keep(asyncio.Lock()))
            held.enter_context(HeldPlainly())
            held.enter_context(by_generator(threading.Lock()))
            held.callback(print, 1)
            await held.enter_async_context(with_lock(asyncio.Semaphore(1)))
            held.push(Held.__aexit__)
            await park(new_future())

    async def plain_stack():
        with contextlib.ExitStack() as held:
            for _ in range(40):
                held.enter_context(HeldPlainly())
            await park(new_future())

    async def generator(lock):
        async with lock:
            yield 1
            await park(new_future())

    async def through_generator():
        async with Held():
            async for one in generator(keep(asyncio.Lock())):
                two = one
        return two

    async def condition():
        async with keep(asyncio.Condition()):
            await park(new_future())

    for function in (managed_lock, managed_twice, stack, plain_stack, through_generator, condition):
        spawn(function(), "held-" + function.__name__, "future")


@since(3, 8)
def held_not_yet():
    async def entering():
        async with Held(), Held(new_future()):
            pass

    async def entering_plain(what=None):
        async with keep(asyncio.Lock()):
            async with HeldByPlain(what):
                pass

    async def lock_twice():
        lock = keep(asyncio.Lock())
        async with lock:
            async with lock:
                pass

    spawn(entering(), "held-entering", "future")
    spawn(entering_plain(), "held-entering-coroutine", "future")
    spawn(entering_plain(new_future()), "held-entering-future", "future")
    async def leaving_by_hand(manager):  # a call of an exit function whose arguments are awaited
        await asyncio.sleep(0)
        await manager.__aexit__(await park(new_future()))

    spawn(lock_twice(), "held-lock-twice", "lock")
    spawn(leaving_by_hand(Held()), "held-leaving-by-hand", "future")


@types.coroutine
def old_style_in_block(lock, fut):
    with lock:
        yield from fut


@since(3, 8)
def held_by_generators():
    async def through():
        async with Held():
            await old_style_in_block(threading.Lock(), new_future())

    spawn(through(), "held-old-style", "future")


def function_of_many_constants(body):
    """An async function in which the constants of what follows 300 others, and jumps, need EXTENDED_ARG."""
    text = "async def large(manager, fut, n):\n    'Documented: up to 3.13, None would be the first constant.'\n"
    text += "".join("    if n == %d: n = 'text %d'\n" % (1000 + i, i) for i in range(300)) + body
    scope = {"park": park}
    exec(compile(text, "<large>", "exec"), scope)
    return scope["large"]


@since(3, 8)
def held_by_large_functions():
    waits = "    async with manager as value:\n"
    waits += "".join("        if n == %d: n = 'more %d'\n" % (5000 + i, i) for i in range(300))
    waits += "        await park(fut)\n    return value\n"
    spawn(function_of_many_constants(waits)(Held(), new_future(), 1), "held-large", "future")
    spawn(function_of_many_constants(waits)(Held(new_future()), None, 1), "held-large-entering", "future")


class ByGenerator:
    def __init__(self, fut):
        self.fut = fut

    def __await__(self):
        here = 1
        yield from self.fut
        return here


class ByOther:
    """Its __await__ is another object's."""

    def __init__(self, inner):
        self.inner = inner

    def __await__(self):
        return self.inner.__await__()


class OwnIterator:
    def __init__(self, fut):
        self.iterator = fut.__await__()

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.iterator)


class ByIterator:
    class Nested(OwnIterator):
        pass

    def __init__(self, fut):
        self.fut = fut

    def __await__(self):
        return self.Nested(self.fut)


class YieldFromCoroutine:
    def __init__(self, coro):
        self.coro = coro

    def __await__(self):
        yield from self.coro.__await__()


@since(3, 8)
def await_methods():
    async def on(thing):
        await thing

    spawn(on(ByGenerator(new_future())), "await-generator", "future")
    spawn(on(ByOther(ByGenerator(new_future()))), "await-other", "future")
    spawn(on(ByOther(new_future())), "await-futureiter", "future")
    spawn(on(ByIterator(new_future())), "await-iterator")
    spawn(on(ByOther(ByIterator(new_future()))), "await-other-iterator")
    spawn(on(ByOther(park(new_future()))), "await-coroutine-wrapper", "future")
    spawn(on(YieldFromCoroutine(park(new_future()))), "await-yield-from-wrapper", "future")
    tell(asyncio.ensure_future(ByGenerator(new_future())), "future").set_name(
        "ensure-future-awaitable"
    )


class CoroutineLike(__import__("collections").abc.Coroutine):
    """A coroutine by its methods only."""

    def __init__(self, coro):
        self.coro = coro

    def send(self, value):
        return self.coro.send(value)

    def throw(self, *args):
        return self.coro.throw(*args)

    def close(self):
        self.coro.close()

    def __await__(self):
        return self.coro.__await__()


@since(3, 8)
def likes():
    spawn(CoroutineLike(park(new_future())), "coroutine-like")


@since(3, 8)
def deep():
    async def down(n):
        if n:
            await down(n - 1)
        else:
            await new_future()

    spawn(down(59), "deep", "future")


@since(3, 8)
def many_lines():
    async def first(a, b, *, c=None):
        await b

    async def outer():
        value = 1
        flag, nothing, negative, big = True, None, -77, 1 << 40
        text, many, fraction = "text", [1, 2, 3], 0.5
        # fmt: off
        await first(
            (value,
             flag),
            new_future(),
            c=[nothing, negative, big, text, many,
               fraction],
        )
        return (value, flag, nothing,
                negative)
        # fmt: on

    spawn(outer(), "many-lines", "future")


@since(3, 8)
def qualified_names():
    class Outer:
        class Inner:
            async def method(self, x):
                await x

            @classmethod
            async def of_class(cls, x):
                await x

            @staticmethod
            async def of_static(x):
                await x

    def closure(fut):
        cell = 12

        async def inside():
            nonlocal cell
            await fut
            cell += 1

        return inside

    def decorated(function):
        @functools.wraps(function)
        async def wrapper(*args):
            return await function(*args)

        return wrapper

    @decorated
    async def named(x):
        await x

    spawn(Outer.Inner().method(new_future()), "qualname-method", "future")
    spawn(Outer.Inner.of_class(new_future()), "qualname-classmethod", "future")
    spawn(Outer.Inner.of_static(new_future()), "qualname-static", "future")
    spawn(closure(new_future())(), "qualname-closure", "future")
    spawn((lambda f: park(f))(new_future()), "qualname-lambda-made", "future")
    spawn(named(new_future()), "qualname-wrapped", "future")
    scope = {"fut": new_future()}
    exec(
        compile("\n\n\nasync def m\u00e9thode():\n  await fut\n", "<made up \u00e9>", "exec"), scope
    )
    spawn(scope["m\u00e9thode"](), "qualname-exec", "future")
    renamed = park(new_future())
    renamed.__qualname__ = "renamed.by.hand"
    spawn(renamed, "qualname-renamed", "future")


@since(3, 8)
def contexts():
    async def setter(n):
        number.set(n)
        other.set(-n)
        await new_future()

    async def many(n):
        for i in range(n):
            KEEP.append(contextvars.ContextVar("var_%d" % i))
            KEEP[-1].set(i)
        await new_future()

    spawn(setter(42), "context-set", "future")
    spawn(many(40), "context-many", "future")
    keep(contextvars.copy_context()).run(
        lambda: (number.set(99), spawn(park(new_future()), "context-inherited", "future"))
    )


# Descriptors


def pair():
    one, two = socket.socketpair()
    one.setblocking(False)
    two.setblocking(False)
    keep(one, two)
    return one, two


@since(3, 8)
def streams():
    async def reader(how):
        stream, writer = keep(await asyncio.open_connection(sock=pair()[0]))
        await getattr(stream, how[0])(*how[1:])
        del writer

    async def drainer():
        stream, writer = keep(await asyncio.open_connection(sock=pair()[0]))
        writer.write(b"x" * (4 << 20))
        await writer.drain()
        del stream

    for how in (("read", 10), ("readline",), ("readexactly", 5), ("readuntil", b"\n\n")):
        spawn(reader(how), "stream-" + how[0], "stream_read")
    spawn(drainer(), "stream-drain", "stream_drain")


@since(3, 8)
def sockets():
    loop = asyncio.get_running_loop()
    listener = keep(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.setblocking(False)

    async def receive():
        await loop.sock_recv(pair()[0], 100)

    async def accept():
        await loop.sock_accept(listener)

    spawn(receive(), "sock-recv", "sock")
    spawn(accept(), "sock-accept", "sock")


@since(3, 8)
def subprocesses():
    async def child():
        process = await asyncio.create_subprocess_exec(
            "sleep", "100000", stdout=asyncio.subprocess.PIPE
        )
        keep(process)
        reading = process.stdout.readline()
        spawn(reading, "subprocess-read", "stream_read")
        await process.wait()

    spawn(child(), "subprocess-wait", "subprocess")


@since(3, 8)
def servers():
    async def client(reader, writer):
        asyncio.current_task().set_name("server-client")  # a default one depends on the network
        keep(reader, writer)
        await reader.read(1)

    async def serve():
        server = keep(await asyncio.start_server(client, "127.0.0.1", 0))
        port = server.sockets[0].getsockname()[1]
        keep(await asyncio.open_connection("127.0.0.1", port))
        async with server:
            await server.serve_forever()

    spawn(serve(), "server")


# Other loops


def new_loop(kind):
    if kind == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def loop_in_thread(kind):
    """A loop in a thread of its own; returns when its tasks are made."""
    made = threading.Event()

    async def side_main():
        spawn(asyncio.sleep(36001), "side-sleep", "sleep")
        spawn(park(new_future()), "side-future", "future")
        made.set()
        await new_future()

    def run():
        loop = keep(new_loop(kind))
        LOOPS[loop] = "idle"
        asyncio.set_event_loop(loop)
        tell(loop.create_task(side_main(), name="side-main"), "future")
        loop.run_forever()

    keep(threading.Thread(target=run, name="side", daemon=True)).start()
    made.wait()


def loop_of_exited_thread(kind):
    """A loop whose thread has ended, with tasks that pend, one never started, and one cancelled before it could know."""

    def run():
        loop = keep(new_loop(kind))
        LOOPS[loop] = "stopped"

        async def spawner():
            spawn(park(new_future()), "orphan-future", "future")
            spawn(asyncio.sleep(36002), "orphan-sleep", "sleep")
            await asyncio.sleep(0.01)

        loop.run_until_complete(keep(loop.create_task(spawner(), name="orphan-spawner")))
        tell(loop.create_task(park(keep(loop.create_future())), name="orphan-not-started"))
        tell(loop.create_task(park(keep(loop.create_future())), name="orphan-must-cancel")).cancel()

    thread = threading.Thread(target=run, name="exits")
    thread.start()
    thread.join()


@since(3, 8)
def across_loops():
    """A task of this loop that waits for a task of the side loop."""
    loop = next(
        (
            one
            for one, state in LOOPS.items()
            if state == "idle" and one is not asyncio.get_running_loop()
        ),
        None,
    )
    if loop is None:
        return

    async def far():
        asyncio.current_task().set_name("across-far")
        tell(asyncio.current_task(), "future")
        await park(new_future())

    async def near():
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(far(), loop))

    spawn(near(), "across-near", "task")


# A task that holds its loop


def hold_innermost(how, level):
    label = 31
    if how == "sleep":
        time.sleep(100000)
    NEVER.acquire()
    return label, level


class Holder:
    def method(self, how):
        return [hold_innermost(h, 2) for h in [how]]


def hold(how):
    BLOCKED.set()
    return (lambda h: Holder().method(h))(how)


class HoldAwait:
    def __init__(self, how):
        self.how = how

    def __await__(self):
        hold(self.how)
        yield


async def hold_generator(how):
    await HoldAwait(how)
    yield 1


async def runner(how):
    async for _ in hold_generator(how):
        pass


# The program


async def main_task(options):
    for function in SPAWNERS:
        function()
    await asyncio.sleep(0.5)
    if options.running:
        keep(asyncio.get_running_loop().create_task(runner(options.running), name="runner"))
    else:
        BLOCKED.set()
    await new_future()


def run_loop(options):
    loop = keep(new_loop(options.loop))
    LOOPS[loop] = "blocked" if options.running else "idle"
    asyncio.set_event_loop(loop)
    loop_in_thread(options.loop)
    loop_of_exited_thread(options.loop)
    tell(loop.create_task(main_task(options), name="main"), "future")
    loop.run_forever()


def report(make):
    """Print the accounts once nothing moves any more, then stay."""
    BLOCKED.wait()
    gc.collect()
    gc.disable()
    before = None
    while True:
        time.sleep(0.2)
        now = json.dumps(make())
        if now == before:
            break
        before = now
    sys.stdout.write(now + "\nREADY pid=%d\n" % os.getpid())
    sys.stdout.flush()
    threading.Event().wait()


SUB = """
import sys, os
sys.argv = ["varied.py"]
sys.path.insert(0, %r)
import varied
varied.sub_main(%d, %d)
"""


def sub_main(fd, hold_fd):
    """The part that runs in a subinterpreter: a loop with a few tasks; its account goes to fd once it is parked."""
    loop = keep(asyncio.new_event_loop())
    LOOPS[loop] = "idle"

    async def main():
        for function in (
            events,
            locks,
            gathering,
            async_generators,
            odd_names,
            default_names,
            contexts,
        ):
            function()
        await asyncio.sleep(0.3)
        BLOCKED.set()
        await new_future()

    def tell_outside():
        BLOCKED.wait()
        gc.collect()
        gc.disable()
        time.sleep(0.3)
        data = json.dumps(
            account.account(LOOPS, TOLD, THIRD, {threading.current_thread()})
        ).encode()
        while data:
            data = data[os.write(fd, data) :]
        os.close(fd)
        os.read(hold_fd, 1)

    threading.Thread(target=tell_outside, name="sub-teller").start()
    tell(loop.create_task(main(), name="sub-main"), "future")
    loop.run_until_complete(loop.create_future())


def start_subinterpreter():
    """Start one; returns its account. Its threads are its own affair: they are left out of the comparison."""
    if V >= (3, 13):
        import _interpreters as interpreters
    else:
        import _xxsubinterpreters as interpreters
    read, write = os.pipe()
    hold, never = os.pipe()
    keep(never)
    ident = keep(interpreters.create())
    code = SUB % (os.path.dirname(os.path.abspath(__file__)), write, hold)
    keep(
        threading.Thread(
            target=interpreters.run_string, args=(ident, code), name="sub", daemon=True
        )
    ).start()
    data = b""
    while True:
        more = os.read(read, 1 << 20)
        if not more:
            break
        data += more
    told = json.loads(data)
    told["threads"] = []
    return told


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--thread", action="store_true")
    parser.add_argument("--subinterpreter", action="store_true")
    parser.add_argument("--running", choices=("lock", "sleep"))
    options = parser.parse_args()
    subs = [start_subinterpreter()] if options.subinterpreter else []

    def make():
        return [account.account(LOOPS, TOLD, THIRD, {threading.current_thread()})] + subs

    keep(threading.Thread(target=report, args=(make,), name="teller", daemon=True)).start()
    if options.thread:
        keep(threading.Thread(target=run_loop, args=(options,), name="loop", daemon=True)).start()
        threading.Event().wait()
    else:
        run_loop(options)


if __name__ == "__main__":
    main()
