# SPDX-License-Identifier: Apache-2.0
"""state_target.py STATE DIRECTORY: a process whose loop is in one of five states until somebody lets it go.

STATE is idle, sleep, released, held (a C call that does not return, without and with the GIL) or spin. Prints one line of JSON (what
a dump must show) and READY. The calls read one byte from the fifo DIRECTORY/go, the others wait for the first byte of DIRECTORY/shared;
DIRECTORY/beats is written to by the spin. Once let go, the loop finishes its work, and a line of JSON tells the result."""
import asyncio
import ctypes
import inspect
import json
import mmap
import os
import sys
import threading
import time

STATE, DIRECTORY = sys.argv[1:3]
SMALL_STACK = 32 << 10
SS_DISABLE = 2  # sigaltstack(2)
libc = ctypes.CDLL(None, use_errno=True)
libc_holding = ctypes.PyDLL(None)
go = os.open(os.path.join(DIRECTORY, "go"), os.O_RDWR)
with open(os.path.join(DIRECTORY, "shared"), "r+b") as f:
    shared = mmap.mmap(f.fileno(), mmap.PAGESIZE)
semaphore = ctypes.create_string_buffer(32)  # sem_t
libc.sem_init(semaphore, 0, 0)
told = {"threads": {}}


class Stack(ctypes.Structure):
    """stack_t"""

    _fields_ = [("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]


class Value:
    """Something with an address that a running task holds."""


# The five states. Each holds its loop in one line, which its name is planted in.


def planted(function, word):
    """The line number of the line of function that begins with word."""
    lines, first = inspect.getsourcelines(function)
    return first + next(i for i, line in enumerate(lines) if line.strip().startswith(word))


def hold_sleep(level):
    while not shared[0]: time.sleep(1)  # fmt: skip # noqa: E701
    return level


def hold_released(level):
    got = libc.read(go, ctypes.create_string_buffer(1), 1)
    return level if got == 1 else -1


def hold_held(level):
    got = libc_holding.read(go, ctypes.create_string_buffer(1), 1)
    return level if got == 1 else -1


def hold_spin(level):
    while not shared[0]: shared[1] = 1  # fmt: skip # noqa: E701
    return level


HOLD = {"sleep": hold_sleep, "released": hold_released, "held": hold_held, "spin": hold_spin}
WORD = {"sleep": "while", "released": "got", "held": "got", "spin": "while"}


async def runner():
    """Holds the loop, or waits for the fifo as a loop should."""
    if STATE == "idle":
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        loop.add_reader(go, lambda: (loop.remove_reader(go), ready.set_result(None)))
        say()
        await ready
        return 1
    say()
    return (lambda: HOLD[STATE](1))()


# The tasks that wait meanwhile


async def on_future(fut):
    return await fut


async def on_event(event, n):
    await event.wait()
    return n


async def on_lock(lock, n):
    async with lock:
        return n


async def on_queue(queue):
    return await queue.get()


async def on_agen(fut):
    async def values():
        yield await fut

    async for value in values():
        return value


async def on_sleep(n):
    await asyncio.sleep(1e-9)
    await asyncio.sleep(3600)
    return n


async def work():
    """20 tasks; each returns its number once it is let go."""
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in range(8)]
    event, lock, queue = asyncio.Event(), asyncio.Lock(), asyncio.Queue()
    await lock.acquire()
    coros = [on_future(fut) for fut in futures[:4]] + [on_agen(fut) for fut in futures[4:]]
    coros += [on_event(event, n) for n in range(8, 12)] + [on_lock(lock, n) for n in range(12, 15)]
    coros += [on_queue(queue) for _ in range(3)]
    tasks = [loop.create_task(coro, name="parked-%d" % n) for n, coro in enumerate(coros)]
    sleepers = [loop.create_task(on_sleep(n), name="sleeper-%d" % n) for n in range(2)]
    gathered = asyncio.gather(*tasks)
    await asyncio.sleep(0.05)
    one = loop.create_task(runner(), name="runner")
    held = await one
    for n, fut in enumerate(futures):
        fut.set_result(n)
    event.set()
    lock.release()
    for n in range(15, 18):
        queue.put_nowait(n)
    for task in sleepers:
        task.cancel()
    ends = await asyncio.gather(*sleepers, return_exceptions=True)
    return [held, sum(await gathered), [type(end).__name__ for end in ends]]


# The other threads, each with its tid


def python_thread():
    told["threads"]["python"] = threading.get_native_id()
    started.release()
    stop.wait()


def altstack_thread():
    """A thread that stands in C, with an alternate stack of its own; afterwards it must still have it."""
    memory = ctypes.create_string_buffer(65536)
    mine = Stack(ctypes.addressof(memory), 0, len(memory))
    if libc.sigaltstack(ctypes.byref(mine), None) != 0:
        raise OSError(ctypes.get_errno(), "sigaltstack")
    told["threads"]["altstack"] = threading.get_native_id()
    started.release()
    libc.sem_wait(semaphore)
    after = Stack()
    libc.sigaltstack(None, ctypes.byref(after))
    told["altstack"] = [after.sp == mine.sp, after.flags, after.size == mine.size]


def small_thread():
    """A thread that Python knows nothing of, on 32 KiB of stack: it waits in sem_wait and ends."""
    attributes, thread = ctypes.create_string_buffer(64), ctypes.c_ulong()
    before = set(os.listdir("/proc/self/task"))
    libc.pthread_attr_init(attributes)
    if libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(SMALL_STACK)) != 0:
        raise OSError("pthread_attr_setstacksize")
    start = ctypes.cast(libc.sem_wait, ctypes.c_void_p)
    libc.pthread_create(ctypes.byref(thread), attributes, start, semaphore)
    told["threads"]["small"] = int((set(os.listdir("/proc/self/task")) - before).pop())
    return thread


def say():
    """What a dump must show from now on."""
    tasks = asyncio.all_tasks(asyncio.get_running_loop())
    told.update(
        tasks=sorted(task.get_name() for task in tasks),
        loop_thread=threading.get_native_id(),
        running=STATE != "idle",
        fd=go,
    )
    if STATE != "idle":
        told.update(function=HOLD[STATE].__name__, line=planted(HOLD[STATE], WORD[STATE]))
    sys.stdout.write(json.dumps(told) + "\nREADY pid=%d\n" % os.getpid())
    sys.stdout.flush()


started, stop = threading.Semaphore(0), threading.Event()
threads = [threading.Thread(target=python_thread), threading.Thread(target=altstack_thread)]
small = small_thread()
for thread in threads:
    thread.start()
    started.acquire()
result = asyncio.run(work())
stop.set()
libc.sem_post(semaphore)
libc.sem_post(semaphore)
libc.pthread_join(small, None)
for thread in threads:
    thread.join()
print(json.dumps({"result": result, "altstack": told["altstack"]}), flush=True)
