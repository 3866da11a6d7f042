#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The alternate signal stacks that the hook gives to threads: handlers run although the stack of a thread has overflowed, and
nothing else changes. C programs (altstack_cases.c) run with the hook and without it, Python programs with it. A hook that only
gives threads a stack (altstack_naive.c) is the positive control. Prints TAP; names of tests as arguments run only these;
--time N prints what N threads cost instead."""
import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from hooked import LIBRARY, LONG_S, Skip, environment, must, run, tests_of  # noqa: E402

CC = os.environ.get("CC", "cc").split()
FLAGS = "-std=gnu11 -Wall -Wextra -Werror -g -pthread".split()
OVERFLOWS = "thread small at-end after-own forked forked-thread".split()  # in the main thread: see test_main_thread
SAYS = ("says-altstacks", "says-threads")
BUILT = tempfile.TemporaryDirectory()
ALL_THE_SAME = "handlers storm many no-memory spawn".split()


def build(directory, name, *options):
    """Once in each directory."""
    path = os.path.join(directory, "-".join([name, *options]))
    try:
        if not os.path.exists(path):
            subprocess.run(CC + FLAGS + list(options) + ["-o", path, os.path.join(HERE, name + ".c"), "-ldl"], check=True)
    except FileNotFoundError:
        raise Skip("no C compiler")
    return path


def cases(optimize="-O2"):
    return build(BUILT.name, "altstack_cases", optimize, "-rdynamic")


def naive():
    return build(BUILT.name, "altstack_naive", "-O2", "-shared", "-fPIC")


def end(command, preload=LIBRARY, **env):
    """Run the command with the library; None: without one. No core of what dies on purpose."""
    command = ["sh", "-c", 'ulimit -c 0; exec "$@"', "sh"] + command
    return subprocess.run(command, env=environment(LD_PRELOAD=preload, **env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=LONG_S)


def is_well(done):
    if done.returncode == 77:
        raise Skip(done.stdout.strip())
    must(done.returncode == 0, "status %d: %s" % (done.returncode, done.stdout[-2000:]))
    return done.stdout


def overflow_fails(program, name, preload):
    """Without a stack nothing can run: the process, or its forked child, dies."""
    return end([program, "overflow-" + name], preload).returncode in (-signal.SIGSEGV, 1)


def test_overflow(_):
    """a handler runs in a thread whose stack has overflowed: in large and small ones, at the end of a thread, after a stack of its own, in forked children"""
    program = cases()
    for name in OVERFLOWS:
        must(overflow_fails(program, name, None), "%s needs no hook" % name)
        is_well(end([program, "overflow-" + name]))


def test_overflow_main(_):
    """a handler runs in the main thread, whose stack has overflowed"""
    program = cases()
    must(overflow_fails(program, "main", None), "it needs no hook")
    is_well(end([program, "overflow-main"]))


def difference(program, name, preload):
    plain, hooked = end([program, name], None), end([program, name], preload)
    must(plain.returncode == 0 and plain.stdout.count("\n") >= 9, "without the hook: %s" % plain.stdout)
    for a, b in zip(plain.stdout.splitlines() + [""], hooked.stdout.splitlines() + [""]):
        if a != b:
            return "%r, with the hook %r" % (a, b)
    return None if plain.returncode == hooked.returncode else "status %d" % hooked.returncode


def test_what_programs_see(_):
    """what programs see of alternate stacks and of threads is the same with the hook and without: queries, errors, attributes, results, backtraces"""
    program = cases()
    for name in SAYS:
        found = difference(program, name, LIBRARY)
        must(not found, "%s: %s" % (name, found))


def test_without_optimization(_):
    """the same of a program that is not optimized"""
    program = cases("-O0")
    for name in SAYS:
        found = difference(program, name, LIBRARY)
        must(not found, "%s: %s" % (name, found))


def test_nothing_is_left(_):
    """20,000 threads that return, exit, are cancelled or detached leave no mapping behind"""
    is_well(end([cases(), "maps"]))


def test_all_the_same(_):
    """threads that end in a handler, signals at every instant, more threads than get stacks, no memory for one, programs that are started"""
    program = cases()
    for name in ALL_THE_SAME:
        is_well(end([program, name], None))
        is_well(end([program, name]))


def test_control(_):
    """control: a hook that thinks of nothing else is seen by programs, and leaves mappings behind"""
    program, library = cases(), naive()
    must(not overflow_fails(program, "thread", library), "the control gives no stack")
    must(difference(program, "says-altstacks", library), "the control is not seen")
    must(end([program, "maps"], library).returncode == 1, "the mappings of the control are not seen")


SMALL_THREADS = """
import threading
threading.stack_size(32768)
n = []
for i in range(50):
    threads = [threading.Thread(target=n.append, args=(i,)) for i in range(20)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
assert len(n) == 1000
"""
LOOPS = """
import asyncio, sys, threading
if sys.argv[1] == "uvloop":
    import uvloop
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
async def work():
    loop = asyncio.get_running_loop()
    assert await asyncio.gather(*[loop.run_in_executor(None, pow, i, 2) for i in range(200)]) == [i * i for i in range(200)]
    process = await asyncio.create_subprocess_exec("true")
    assert await process.wait() == 0
def run():
    loop = asyncio.new_event_loop()
    loop.run_until_complete(asyncio.gather(*[asyncio.sleep(0.001) for i in range(100)]))
    loop.close()
asyncio.run(work())
threads = [threading.Thread(target=run) for i in range(20)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
FAULTS = """
import faulthandler, sys, threading
when, where = sys.argv[1:]
if when == "before": faulthandler.enable()
def overflow():
    if when == "inside": faulthandler.enable()
    if when == "off": faulthandler.enable(); faulthandler.disable(); faulthandler.enable()
    faulthandler._stack_overflow()
if where == "main":
    thread = threading.Thread(target=faulthandler.enable)
    thread.start()
    thread.join()
    overflow()
thread = threading.Thread(target=overflow)
thread.start()
thread.join()
"""


def test_python_threads(_):
    """Python: 1,000 threads with stacks of 32 KiB"""
    is_well(end([sys.executable, "-c", SMALL_THREADS]))


def test_python_loops(_):
    """Python: loops in 20 threads, executors and processes; also uvloop's"""
    is_well(end([sys.executable, "-c", LOOPS, "asyncio"]))
    for python in (sys.executable, "/usr/bin/python3"):
        if os.path.exists(python) and subprocess.run([python, "-c", "import uvloop"], stderr=subprocess.DEVNULL).returncode == 0:
            is_well(end([python, "-c", LOOPS, "uvloop"]))
            return
    raise Skip("no uvloop")


def test_faulthandler(_):
    """Python: faulthandler reports a stack overflow of any thread, whoever has called enable() and when, and the status is that of the signal"""
    for when in ("before", "inside", "off"):
        for where in ("thread", "main"):
            done = end([sys.executable, "-c", FAULTS, when, where])
            must(done.returncode == -signal.SIGSEGV, "%s, %s: status %d" % (when, where, done.returncode))
            must("Segmentation fault" in done.stdout and "overflow" in done.stdout, "%s, %s: %s" % (when, where, done.stdout))
    must("Segmentation" not in end([sys.executable, "-c", FAULTS, "before", "thread"], None).stdout, "it needs no hook")


def print_times(n, rounds=7):
    """The ratio of the medians; the two take turns, because a machine has slower and faster hours."""
    program, seconds = cases(), {None: [], LIBRARY: []}
    for _ in range(rounds):
        for preload, found in seconds.items():
            found.append(float(is_well(end([program, "time", str(n)], preload))))
    without, hooked = (statistics.median(found) for found in seconds.values())
    print("%d threads: %.3f s without, %.3f s with the hook: %.3f" % (n, without, hooked, hooked / without))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--time", type=int)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    if args.time:
        print_times(args.time)
        return 0
    return run([test for test in tests_of(sys.modules[__name__]) if not args.names or test.__name__ in args.names])


if __name__ == "__main__":
    sys.exit(main())
