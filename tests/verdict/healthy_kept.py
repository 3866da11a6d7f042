# SPDX-License-Identifier: Apache-2.0
# verdict: events that are kept under a name, and set later by code that is reached in all the ways in which Python reaches code
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; dumps=5; trap=who sets an event names it in a function that no frame is in
import asyncio
import atexit
import contextlib
import functools
import operator
import signal
import threading
import time
import weakref

NAMES = "registered by_property by_static by_class by_subclass by_call by_exit by_partial by_callback by_signal by_thread by_timer by_server " \
    "by_lambda by_wrapped by_generator by_nested by_default by_dunder by_slot by_item by_base by_delete by_context by_factory by_alias".split()
handlers = {}
gone = []


def handler(function):
    handlers[function.__name__] = function
    return function


def wrapped(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)

    return inner


class Base:
    def run_later(self):
        self.finish()

    def finish(self):
        pass


class State(Base):
    shared = None

    def __init__(self):
        for name in NAMES:
            setattr(self, name, asyncio.Event())

    @property
    def at_property(self):
        self.by_property.set()

    @staticmethod
    def at_static():
        state.by_static.set()

    @classmethod
    def at_class(cls):
        cls.shared.by_class.set()

    def finish(self):
        self.by_base.set()

    def __call__(self):
        self.by_call.set()

    def __exit__(self, *_):
        self.by_exit.set()

    def __enter__(self):
        return self

    def __del__(self):
        self.by_delete.set()

    def on_partial(self, *_):
        self.by_partial.set()

    def on_callback(self, _):
        self.by_callback.set()

    def on_signal(self, *_):
        self.loop.call_soon_threadsafe(self.by_signal.set)

    async def on_server(self, reader, writer):
        self.by_server.set()

    def in_thread(self):
        time.sleep(600)
        self.loop.call_soon_threadsafe(self.by_thread.set)

    @wrapped
    def at_wrapped(self):
        self.by_wrapped.set()

    def generate(self):
        yield
        self.by_generator.set()

    def make(self):
        def nested():
            self.by_nested.set()

        return nested

    def at_default(self, function=lambda state: state.by_default.set()):
        function(self)

    @contextlib.contextmanager
    def context(self):
        yield
        self.by_context.set()

    def aliased(self):
        self.by_alias.set()

    at_alias = aliased


class More(State):
    __slots__ = ("other",)

    def go(self):
        self.by_subclass.set()


class Made:
    def __init__(self, of):
        of.by_factory.set()


@handler
def registered(of):
    of.registered.set()


state = None


async def later(what):
    await asyncio.sleep(600)
    what()


async def generator_later(running):
    await asyncio.sleep(600)
    next(running, None)


async def use_with(of):
    with of.context():
        await asyncio.sleep(600)


async def all_names():
    await asyncio.sleep(600)
    state.run_later()
    handlers["registered"](state)
    state.at_property
    state.at_static()
    State.at_class()
    state()
    with state:
        pass
    state.at_wrapped()
    state.at_default()
    operator.methodcaller("go")(state)
    state.at_alias()
    for name in ("by_dunder", "by_slot", "by_item", "by_lambda", "by_delete"):
        getattr(state, name).set()


async def wait(name):
    await getattr(state, name).wait()


async def main():
    global state
    loop = asyncio.get_running_loop()
    state = State.shared = More()
    state.loop = loop
    state.keep = loop.create_future()
    state.keep.add_done_callback(functools.partial(state.on_partial, 1))
    state.keep.add_done_callback(state.on_callback)
    signal.signal(signal.SIGUSR2, state.on_signal)
    state.server = await asyncio.start_server(state.on_server, "127.0.0.1", 0)
    threading.Thread(target=state.in_thread, daemon=True).start()
    loop.call_later(600, state.by_timer.set)
    running = state.generate()
    next(running)
    handlers["lambda"] = lambda: state.by_lambda.set()
    weakref.finalize(state, gone.append, 1)
    atexit.register(state.make())
    waiting = [asyncio.ensure_future(wait(name)) for name in NAMES]
    waiting += [asyncio.ensure_future(one) for one in (all_names(), generator_later(running), use_with(state), later(functools.partial(Made, state)))]
    loop.call_later(0.6, lambda: print("READY", flush=True))
    await asyncio.gather(*waiting)


asyncio.run(main())
