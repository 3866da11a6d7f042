# SPDX-License-Identifier: Apache-2.0
"""Has itself dumped while one word of its heap after the other holds an address that is none, and lives on.

  forge.py MOST [--only REGEX] [--module FILE]   (FILE is not used: inject_lab.Work gives it to all)

The words are those of parked tasks, their coroutines, frames and futures, of the sets, lists and dicts that hold them, of the loop, the
thread state, the interpreter and the runtime. The addresses: not mapped, PROT_NONE, a mapping beyond the end of its file (SIGBUS), the
last bytes before such a page, not canonical, small, zeroes, the object itself. Says after each dump "inject: forged what value" on stderr, at
most MOST times, evenly chosen of all; the GIL is held and no other thread runs while the word is wrong."""
import argparse
import asyncio
import ctypes
import mmap
import os
import random
import re
import sys
import tempfile

PARKED = 12
c = ctypes.PyDLL(None)  # keeps the GIL
c.mmap.restype = ctypes.c_void_p
c.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
c.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
c.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
PAGE = 4096
RW, ANONYMOUS = 3, 0x22


def page(size=PAGE):
    return c.mmap(None, size, RW, ANONYMOUS, -1, 0)


def bad_addresses():
    """Name and value; those that are mapped stay so."""
    none = page(2 * PAGE)
    gone = page()
    c.munmap(gone, PAGE)
    forbidden = page(3 * PAGE)
    c.mprotect(forbidden + PAGE, PAGE, 0)
    file = tempfile.TemporaryFile()
    file.truncate(PAGE)
    beyond = c.mmap(None, PAGE, RW, 1, file.fileno(), 0)
    file.truncate(0)
    file.close()
    return [
        ("unmapped", gone),
        ("forbidden", forbidden + PAGE + 64),
        ("before forbidden", forbidden + PAGE - 12),
        ("bus", beyond + 128),
        ("noncanonical", 0xDEAD << 48 | none),
        ("small", 24),
        ("zeroes", none),
        ("odd", none + 3),
        ("minus one", (1 << 64) - 1),
        ("huge", (1 << 62)),
    ]


def word(at):
    return ctypes.c_uint64.from_address(at).value


def readable(at, n):
    """As many of n words from at as lie in mappings that can be read and written."""
    with open("/proc/self/maps") as maps:
        for line in maps:
            start, end = (int(x, 16) for x in line.split()[0].split("-"))
            if start <= at < end and line.split()[1].startswith("rw"):
                return min(n, (end - at) // 8)
    return 0


def state_of(name, *arguments):
    function = getattr(ctypes.pythonapi, name, None)
    if not function:
        return 0
    function.restype = ctypes.c_void_p
    return function(*arguments) or 0


def regions(loop, tasks):
    """(name, address, number of words) of what a walk reads."""
    found = []

    def add(name, what, n=None):
        at = what if isinstance(what, int) else id(what)
        if at:
            found.append((name, at, readable(at, n or (sys.getsizeof(what) + 7) // 8)))

    for i, task in enumerate(tasks[:2] + tasks[-1:]):
        coro = task.get_coro()
        add("task %d" % i, task, type(task).__basicsize__ // 8)
        add("gc of task %d" % i, id(task) - 16, 2)
        add("coroutine %d" % i, coro, min(60, (sys.getsizeof(coro) + 7) // 8))
        add("frame %d" % i, coro.cr_frame, 20)
        add("code %d" % i, coro.cr_code, 24)
        add("awaited %d" % i, coro.cr_await, 24)
        if task._fut_waiter is not None:
            add("future %d" % i, task._fut_waiter, type(task._fut_waiter).__basicsize__ // 8)
        add("name %d" % i, task.get_name(), 6)
    for name in ("_all_tasks", "_scheduled_tasks", "_eager_tasks"):
        tasks_set = getattr(asyncio.tasks, name, None)
        data = getattr(tasks_set, "data", tasks_set)
        if isinstance(data, set):
            add(name, data, 25)
            add(name + " table", word(id(data) + 40), 32)
    add("loop", loop, 12)
    add("dict of the loop", loop.__dict__, 8)
    add("keys of the loop", word(id(loop.__dict__) + 32), 40)
    add("ready", loop._ready, 10)
    add("scheduled", loop._scheduled, 5)
    add("scheduled items", word(id(loop._scheduled) + 24), 3)
    add("modules", sys.modules, 8)
    add("type of tasks", asyncio.Task, 40)
    add("thread state", state_of("PyThreadState_Get"), 80)
    interpreter = state_of("PyInterpreterState_Head")
    add("interpreter", interpreter, 120)
    runtime = ctypes.c_uint64.in_dll(ctypes.pythonapi, "_PyRuntime")
    add("runtime", ctypes.addressof(runtime), 160)
    for name, start, size in (("interpreter", interpreter, 16000), ("runtime", ctypes.addressof(runtime), 4000)):
        for at in range(start + 960, start + 8 * readable(start, size), 8):  # far fields that lead to what is above
            if word(at) in (interpreter, state_of("PyThreadState_Get"), id(sys.modules)):
                add("pointer in the " + name, at, 1)
    return found


async def inner(event):
    await event.wait()


async def outer(event):
    await inner(event)


async def main(most, only):
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    tasks = [asyncio.ensure_future(outer(event)) for _ in range(PARKED - 2)]
    tasks += [asyncio.ensure_future(asyncio.sleep(3600)) for _ in range(2)]
    await asyncio.sleep(0)
    forge = c.inject_forged
    forge.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint64]
    bad = bad_addresses()
    cases = [
        (name, i, at + 8 * i, value_name, value)
        for name, at, n in regions(loop, tasks)
        for i in range(n)
        for value_name, value in bad + [("itself", at)]
        if re.search(only, "%s word %d: %s" % (name, i, value_name))
    ]
    random.Random(1).shuffle(cases)
    print("READY pid=%d" % os.getpid(), flush=True)
    os.read(0, 1)
    for name, i, at, value_name, value in cases[:most]:
        forge(10, at, value)
        os.write(2, b"inject: forged %s word %d: %s\n" % (name.encode(), i, value_name.encode()))
    event.set()
    for task in tasks:
        if not task.done():
            task.cancel()
    await asyncio.wait(tasks)
    print("ROUNDS", len(cases[:most]), "WRONG", 0 if len(tasks) == PARKED else 1, flush=True)
    while os.read(0, 100):
        pass


parser = argparse.ArgumentParser()
parser.add_argument("most", type=int)
parser.add_argument("--only", default="")
parser.add_argument("--module")
arguments = parser.parse_args()
asyncio.run(main(arguments.most, arguments.only))
