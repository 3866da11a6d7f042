# SPDX-License-Identifier: Apache-2.0
# verdict: events that something sets later: a task, a timer, a thread, a callback of a future, a signal handler, a weak reference, a variable of the context, a generator, a queue
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; dumps=5; trap=who sets an event is not among the frames of tasks
import asyncio
import contextvars
import functools
import signal
import threading
import time
import weakref

listeners = weakref.WeakSet()
current = contextvars.ContextVar("current")
everything = {}


class Listener:
    def __init__(self):
        self.event = asyncio.Event()
        listeners.add(self)


async def wait(event):
    await event.wait()


async def wait_for_listener(listener):
    await listener.event.wait()


async def set_later(event):
    await asyncio.sleep(600)
    event.set()


async def set_by_generator(steps):
    for step in steps:
        await asyncio.sleep(600)
        step()


async def set_by_item(queue):
    await asyncio.sleep(600)
    (await queue.get()).set()


def steps(event):
    yield event.is_set
    yield event.set


def set_by_thread(loop, event):
    time.sleep(600)
    loop.call_soon_threadsafe(event.set)


async def set_in_context():
    await asyncio.sleep(600)
    current.get().set()


async def set_everything():
    await asyncio.sleep(600)
    everything["future"].set_result(None)
    everything["event"].set()
    for listener in listeners:
        listener.event.set()


async def main():
    loop = asyncio.get_running_loop()
    new = asyncio.Event
    tasks = [set_everything()]
    event = new()
    tasks += [wait(event), set_later(event)]
    event = new()
    loop.call_later(600, event.set)
    tasks.append(wait(event))
    event = new()
    threading.Thread(target=set_by_thread, args=(loop, event), daemon=True).start()
    tasks.append(wait(event))
    event = new()
    future = everything["future"] = loop.create_future()
    future.add_done_callback(functools.partial(lambda event, _: event.set(), event))
    tasks.append(wait(event))
    event = new()
    signal.signal(signal.SIGUSR2, lambda *_, event=event: loop.call_soon_threadsafe(event.set))
    tasks.append(wait(event))
    tasks.append(wait_for_listener(Listener()))
    event = new()
    running = steps(event)
    next(running)
    tasks += [wait(event), set_by_generator(running)]
    event, queue = new(), asyncio.Queue()
    queue.put_nowait(event)
    tasks += [wait(event), set_by_item(queue)]
    event = everything["event"] = new()
    tasks.append(wait(event))
    current.set(new())
    tasks += [wait(current.get()), set_in_context()]
    del event, future, running, queue
    loop.call_later(0.6, lambda: print("READY", flush=True))
    await asyncio.gather(*tasks)


asyncio.run(main())
