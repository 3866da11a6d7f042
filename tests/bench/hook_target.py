# SPDX-License-Identifier: Apache-2.0
"""The target of the measurements of the hook: N tasks of load.py, and a main thread that looks at the clock.

  hook_target.py N [THREADS [STACK]]

THREADS more threads wait, with so many bytes of stack. SIGUSR2 is the classic handler of load.py; it writes to $LOAD_JSON, without locals when
$LOAD_JSON.bare exists. Commands on standard input, one line each; the answer is one line:
  gaps        read the clock in a loop; for each reading 20 µs or more after the last: when, how long,
              and how much of it the processor worked for it (ns)
  beats N S   S seconds of beats; each touches the coroutines of the next 100 of the first N tasks: when each ended, what it
              took in all and of the processor (ns), and the page faults until then
  crash HOW   crash by segv (a read at 0x18) or abrt (abort()); the answer is the time right before that (ns)
gaps ends when something more is written to standard input."""
import array
import asyncio
import gc
import os
import resource
import select
import signal
import sys
import threading
import time

import load

GAP_NS = 20000


def gaps():
    poll = select.poll()
    poll.register(0, select.POLLIN)
    found, clock, cpu = [], time.perf_counter_ns, time.thread_time_ns
    last, used, before, done = clock(), cpu(), cpu(), False
    print("GO", flush=True)
    while not done:
        done = poll.poll(0)
        for _ in range(2000):
            now, now_used = clock(), cpu()
            if now - last > GAP_NS:
                # A handler may have run between the two clocks of the last round.
                found.append((last, now - last, now_used - before))
            last, used, before = now, now_used, used
    sys.stdin.readline()
    return found


def touch(tasks):
    for task in tasks:
        coro = task.get_coro()
        while coro is not None and hasattr(coro, "cr_await"):
            coro = coro.cr_await


def beats(n, seconds):
    tasks, size = load.KEEP[1][:n], 100
    groups = [tasks[at : at + size] for at in range(0, n, size)]
    found = [array.array("q") for _ in range(4)]
    clock, usage = time.perf_counter_ns, resource.getrusage
    end = clock() + int(seconds * 1e9)
    last, used = clock(), time.thread_time_ns()
    print("GO", flush=True)
    while last < end:
        for group in groups:
            touch(group)
            now, now_used = clock(), time.thread_time_ns()
            row = now, now - last, now_used - used, usage(resource.RUSAGE_THREAD).ru_minflt
            for column, value in zip(found, row):
                column.append(value)
            last, used = now, now_used
    return [column.tolist() for column in found]


def crash(how):
    import ctypes  # here, so that it is not in what else is measured

    end, argument = {"segv": (ctypes.string_at, (0x18,)), "abrt": (os.abort, ())}[how]
    os.write(1, b"%d\n" % time.perf_counter_ns())
    end(*argument)


def command():
    words = sys.stdin.readline().split()
    if not words:
        sys.exit()
    if words[0] == "crash":
        crash(words[1])
    print(gaps() if words[0] == "gaps" else beats(int(words[1]), float(words[2])), flush=True)


def classic_handler(*_):
    load.classic_handler(with_locals=not os.path.exists(os.environ["LOAD_JSON"] + ".bare"))


async def main(n, n_threads, stack):
    gc.disable()
    signal.signal(signal.SIGUSR2, classic_handler)
    threading.stack_size(stack)
    for _ in range(n_threads):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    loop = asyncio.get_running_loop()
    load.KEEP.append(loop)
    load.flat(loop, n)
    await asyncio.sleep(0.1)
    gc.enable()
    loop.add_reader(0, command)
    print("READY pid=%d" % os.getpid(), flush=True)
    await loop.create_future()


if __name__ == "__main__":
    words = [int(word) for word in sys.argv[1:]] + [0, 0]
    asyncio.run(main(*words[:3]))
