# SPDX-License-Identifier: Apache-2.0
"""A program that does a bit of everything in which a signal could hurt, over and over, and knows what must come of it.

  work.py [--module FILE] [--arm SIGNAL,LIMIT] [--poison SIGNAL] [--threads N] [--no-fork] [--idle] [--tasks]

70 tasks stay parked. A round: memory, dicts, garbage, tasks, threads, fork, dlopen, stdio, names and times, in the loop's thread and in N
others at once (--idle: one round, in the loop's alone; --tasks: tasks only). Prints "READY tids…", works until a line comes on its standard input (with --arm: also until no new place was met in three
rounds), says "ROUNDS n WRONG m", and ends when its standard input ends: with --arm the last places are in the end of the interpreter."""
import argparse
import asyncio
import ctypes
import gc
import os
import select
import socket
import sys
import threading
import time
import warnings
import weakref
import zlib

warnings.simplefilter("ignore")
PARKED = 70
libc = ctypes.CDLL(None)
libc.fopen.restype = libc.fgets.restype = libc.dlopen.restype = ctypes.c_void_p
libc.dlsym.restype = ctypes.c_void_p
here = getattr(libc, "inject_here", None) if hasattr(libc, "inject_here") else None


def place(name, known={}):
    """One more place where the preloaded injector may raise the signal; the name's address is what counts."""
    if here:
        here(known.setdefault(name, ctypes.c_char_p(name)))


class Key:
    """Keys that collide, and tell the injector when a dict asks them."""

    def __init__(self, n):
        self.n = n

    def __hash__(self):
        place(b"__hash__")
        return self.n % 7

    def __eq__(self, other):
        place(b"__eq__")
        return self.n == other.n


def memory():
    parts = [bytes([n % 251]) * (n * n % 70000) for n in range(60)]
    parts += [ctypes.create_string_buffer(n * 97).raw for n in range(60)]
    return zlib.crc32(b"".join(parts))


def dicts():
    table = {Key(n): n for n in range(60)}
    for n in range(0, 60, 2):
        del table[Key(n)]
    plain = {}
    for n in range(3000):
        plain[n] = str(n)
    for n in range(0, 3000, 3):
        del plain[n]
    numbers = {n * 7919 % 10007 for n in range(2000)}
    return sum(table.values()), len(plain), sum(numbers)


class Node:
    ended = 0
    lock = threading.Lock()

    def __init__(self):
        self.me = self

    def __del__(self):
        place(b"__del__")
        self.count[0] += 1


def garbage():
    count, called = [0], []
    nodes = [Node() for _ in range(50)]
    for node in nodes:
        node.count = count

    def gone(_):
        place(b"weakref callback")
        called.append(1)

    references = [weakref.ref(node, gone) for node in nodes[:10]]
    del nodes, node
    end = time.monotonic() + 60
    while count[0] < 50 and time.monotonic() < end:  # another thread may be at it
        gc.collect()
    return count[0], len(references)


def on_gc(phase, _):
    place(b"gc " + phase.encode())


def threads():
    found = []
    local = threading.local()

    def body(n):
        local.value = [n]
        found.append(sum(i * i for i in range(50 * n)))

    started = [threading.Thread(target=body, args=(n,)) for n in range(4)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    small = libc.inject_threads() if here else 10
    return sum(found), small


def forks():
    pid = os.fork()
    if pid == 0:
        os._exit(sum(ctypes.create_string_buffer(b"abc", 9000).raw[:3]) % 251)
    return os.WEXITSTATUS(os.waitpid(pid, 0)[1])


def libraries(path):
    if not path:
        return 42
    handle = libc.dlopen(path.encode(), 2)
    if not handle:
        return -1
    function = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, ctypes.c_long)(
        libc.dlsym(ctypes.c_void_p(handle), b"inject_module")
    )
    product = function(6, 7)
    libc.dlclose(ctypes.c_void_p(handle))
    return product


def stdio(n):
    path = b"/tmp/work.%d.%d" % (os.getpid(), n)
    buffer = ctypes.create_string_buffer(64)
    file = ctypes.c_void_p(libc.fopen(path, b"w+"))
    for i in range(20):
        libc.fprintf(file, b"%05d\n", i)
    libc.fseek(file, 60, 0)
    libc.fgets(buffer, 64, file)
    libc.fclose(file)
    os.unlink(path)
    return buffer.value, libc.inject_stdio() if here else 3001


def names(n):
    os.environ["TC_WORK%d" % n] = "x" * 100  # there before: a new one would move what getenv reads in other threads
    libc.setenv(b"TC_WORK%d" % n, b"y" * 200, 1)
    if n == 0:  # a new zone is read under a lock that allocates
        os.environ["TZ"] = "ABC0" if os.environ["TZ"] == "UTC0" else "UTC0"
        time.tzset()
    seen = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(86400 * 365))
    found = socket.getaddrinfo("127.0.0.1", 80, proto=socket.IPPROTO_TCP)[0][4]
    socket.getaddrinfo("localhost", 80)
    return seen[:4], found, len(os.environ["TC_WORK%d" % n])


def all_works(module, n, fork):
    """Every kind of work once, by thread number n; what came of it."""
    done = [memory(), dicts(), garbage(), threads(), libraries(module), stdio(n), names(n)]
    return done + [forks() if fork else 43]


async def step(n):
    await asyncio.sleep(0)
    return n * n


async def tasks(n):
    """Whether n tasks give what they must."""
    return sum(await asyncio.gather(*[asyncio.ensure_future(step(i)) for i in range(n)])) == sum(i * i for i in range(n))


def tighten(spare=[]):
    """Give the set of tasks a table in which 100 more do not fit: it is resized once in a round. Copies of it are made in advance, because
    those are resized too."""
    registry = getattr(asyncio.tasks, "_scheduled_tasks", None) or asyncio.tasks._all_tasks  # up to 3.11
    if not spare:
        spare += [set(registry.data) for _ in range(1000)]
    registry.data = spare.pop()


def factory(loop, coro, **more):
    place(b"task factory")
    return asyncio.Task(coro, loop=loop, **more)


async def parked(event):
    await event.wait()


class Side(threading.Thread):
    """Works beside the loop until told to end."""

    def __init__(self, args, n, expected):
        super().__init__()
        self.args, self.n, self.expected = args, n, expected
        self.rounds = self.wrong = self.tid = 0
        self.stop = False

    def run(self):
        self.tid = libc.syscall(186)
        while not self.stop:
            done = all_works(self.args.module, self.n, False)
            self.rounds += 1
            if done != self.expected:
                self.wrong += 1
                print("thread %d: %r" % (self.n, done), file=sys.stderr, flush=True)


def told_to_end():
    return bool(select.select([0], [], [], 0)[0])


async def rounds(args, expected):
    n = wrong = quiet = before = 0
    while not told_to_end():
        if args.idle and n:
            await asyncio.sleep(0.001)
            continue
        if args.tasks:
            tighten()
        done = expected if args.tasks else all_works(args.module, 0, not args.no_fork), await tasks(100 if args.tasks else 40)
        n += 1
        if done != (expected, True):
            wrong += 1
            print("loop: %r" % (done,), file=sys.stderr, flush=True)
        if args.arm:
            places = libc.inject_places()
            quiet = quiet + 1 if places == before else 0
            before = places
            if quiet == 3:
                break
    return n, wrong


async def work(args):
    asyncio.get_running_loop().set_task_factory(factory)
    gc.callbacks.append(on_gc)
    os.environ["TZ"] = "UTC0"
    for n in range(args.threads + 1):
        os.environ["TC_WORK%d" % n] = ""
    event = asyncio.Event()
    kept = [asyncio.ensure_future(parked(event)) for _ in range(PARKED)]
    await asyncio.sleep(0)
    expected = all_works(args.module, 0, False)
    sides = [Side(args, n + 1, expected) for n in range(0 if args.idle else args.threads)]
    for side in sides:
        side.start()
    while not all(side.tid for side in sides):
        await asyncio.sleep(0.01)
    if args.poison and libc.inject_poison(args.poison) == 0:
        sys.exit("nobody has set a handler")
    if args.arm:
        libc.inject_arm(*map(int, args.arm.split(",")))
    print("READY", *[side.tid for side in sides], "pid=%d" % os.getpid(), flush=True)
    n, wrong = await rounds(args, expected)
    for side in sides:
        side.stop = True
    for side in sides:
        while side.is_alive():
            await asyncio.sleep(0.01)
    if args.arm:
        libc.inject_arm(0, 0)
        print("PLACES", libc.inject_places(), libc.inject_places_forked(), flush=True)
    print("ROUNDS", n + sum(s.rounds for s in sides), "WRONG", wrong + sum(s.wrong for s in sides), flush=True)
    while os.read(0, 100):
        pass
    if args.arm:
        libc.inject_arm(*map(int, args.arm.split(",")))
    event.set()
    await asyncio.gather(*kept)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--module", default="")
    parser.add_argument("--arm", default="")
    parser.add_argument("--poison", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-fork", action="store_true")
    parser.add_argument("--idle", action="store_true")
    parser.add_argument("--tasks", action="store_true")
    asyncio.run(work(parser.parse_args()))


main()
