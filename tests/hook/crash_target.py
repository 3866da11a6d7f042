# SPDX-License-Identifier: Apache-2.0
"""An asyncio program that crashes, in the task "crasher" or elsewhere. Runs on Python 3.8 to 3.15.

  crash_target.py LIBRARY KIND PLACE [WAY [LOOP]]

LIBRARY: crash_module.so, whose KINDs are in crash_module.c; WAY: how it is called (held: by ctypes with the GIL, released: without it,
extension: as the extension module that it also is); LOOP: asyncio or uvloop. 20 tasks "waiter-NN" wait meanwhile. What a PLACE does stands
at the line with "# here: PLACE", the task's own line at "# the crasher". Kinds that begin with "python-" need no library."""
import asyncio
import atexit
import ctypes
import faulthandler
import os
import signal
import sys
import threading

LIBRARY, KIND, PLACE = sys.argv[1:4]
WAY = sys.argv[4] if len(sys.argv) > 4 else "held"
LOOP = sys.argv[5] if len(sys.argv) > 5 else "asyncio"
WAITERS = 20
SA_ONSTACK = 0x08000000
HOOKED = "taskcore" in os.environ.get("LD_PRELOAD", "")


def library():
    loaded = (ctypes.CDLL if WAY == "released" else ctypes.PyDLL)(LIBRARY)
    loaded.crash_now.argtypes = [ctypes.c_char_p]
    return loaded


def finder():
    """The function that crashes."""
    if WAY == "extension":
        sys.path.insert(0, os.path.dirname(LIBRARY))
        import crash_module

        return crash_module.now
    return library().crash_now


class Endless:
    """Its text needs its text: recursion through C."""

    def __repr__(self):
        return "%r" % self


def python_kind():
    if KIND == "python-abort":
        os.abort()
    if KIND == "python-recursion":
        repr(Endless())
    if KIND == "python-recursion-deep":
        sys.setrecursionlimit(1 << 28)
        repr(Endless())
    if KIND == "python-string":
        ctypes.string_at(0)
    if KIND == "python-spin":
        os.write(1, b"READY\n")
        while True:
            pass
    if KIND == "python-kill":
        os.kill(os.getpid(), signal.SIGFPE)


now = (lambda _: python_kind()) if KIND.startswith("python-") else finder()
kept = KIND.encode()  # C keeps a pointer to it
kind = KIND if WAY == "extension" else kept


def task():
    now(kind)  # here: task


def thread():
    now(kind)  # here: thread


def in_thread(function):
    """Begins when no task of this loop runs."""
    rests = threading.Event()
    asyncio.get_running_loop().call_soon(rests.set)
    threading.Thread(target=lambda: rests.wait() and function(), name="other").start()


async def other_loop():
    crasher = asyncio.ensure_future(crash(task))
    named(crasher, "crasher")
    await crasher


def python_handler(*_):
    now(kind)  # here: python-handler


def call_python_handler():
    signal.signal(signal.SIGUSR2, python_handler)
    os.kill(os.getpid(), signal.SIGUSR2)
    for _ in range(1000):
        pass


def fork():
    pid = os.fork()
    if pid == 0:
        now(kind)  # here: fork
        os._exit(98)
    print("CHILD", pid, os.waitpid(pid, 0)[1], flush=True)
    os._exit(0)


def vfork():
    print("CHILD", 0, library().crash_vfork(kept), flush=True)
    os._exit(0)


def survive():
    print("MENDED", library().crash_survived(int(KIND)), flush=True)
    os._exit(0)


def among_dumps():
    library().crash_among_dumps(kept, HOOKED)  # here: among-dumps


def c_thread():
    library().crash_thread(kept)  # here: c-thread


def c_threads(n):
    library().crash_threads(kept, n)  # here: c-threads


def handler(flags):
    library().crash_in_handler(kept, flags)  # here: handler


def blocked():
    library().crash_blocked(kept)  # here: blocked


PLACES = {
    "task": task,
    "python-handler": call_python_handler,
    "fork": fork,
    "vfork": vfork,
    "survive": survive,
    "among-dumps": among_dumps,
    "c-thread": c_thread,
    "c-threads-8": lambda: c_threads(8),
    "c-threads-64": lambda: c_threads(64),
    "handler": lambda: handler(0),
    "handler-onstack": lambda: handler(SA_ONSTACK),
    "blocked": blocked,
}


def named(one, name):
    one.set_name(name)
    return one


async def wait(event):
    await event.wait()  # the waiter


async def crash(function):
    await asyncio.sleep(0)
    function()  # the crasher


async def stand_still():
    await asyncio.get_running_loop().create_future()


async def main():
    event = asyncio.Event()
    waiters = [named(asyncio.ensure_future(wait(event)), "waiter-%02d" % n) for n in range(WAITERS)]
    await asyncio.sleep(0)
    exec(os.environ.get("CRASH_PREPARE", ""), globals())  # noqa: S102 the test's own text
    if PLACE in PLACES:
        await named(asyncio.ensure_future(crash(PLACES[PLACE])), "crasher")
    elif PLACE == "thread":
        in_thread(thread)
        await stand_still()
    elif PLACE == "loop-thread":
        in_thread(lambda: asyncio.run(other_loop()))
        await stand_still()
    elif PLACE == "idle":
        print("READY", flush=True)
        await stand_still()
    elif PLACE == "executor":
        await asyncio.get_running_loop().run_in_executor(None, thread)
    event.set()
    await asyncio.wait(waiters)


def run():
    if "faulthandler" in os.environ.get("CRASH_ENABLE", ""):
        faulthandler.enable()
    if PLACE == "at-exit":
        atexit.register(lambda: now(kind))
    if PLACE == "after-python":
        library().crash_at_exit(kept)
    if LOOP == "uvloop":
        import uvloop

        loop = uvloop.new_event_loop()
        loop.run_until_complete(main())
        loop.close()
    else:
        asyncio.run(main())


if __name__ == "__main__":
    try:
        run()
    except RecursionError:
        print("RecursionError", flush=True)
