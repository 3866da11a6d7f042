# SPDX-License-Identifier: Apache-2.0
"""What the hook costs a process that is not dumped, and a server that is dumped all the time."""
import os
import signal
import statistics
import subprocess
import sys
import time

from hook_lab import HookTarget, smaps
from outside import PAIRS
from table import HERE, lab, python

import soak_server

SPAWNS = 2000
THREAD_RUNS = 7
IDLE = "import asyncio; loop = asyncio.new_event_loop(); print('READY', flush=True); loop.run_forever()"

THREADS = """
import threading, time
def make():
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
start, n = time.perf_counter_ns(), %d
for _ in range(n):
    make()
print((time.perf_counter_ns() - start) // n)
"""


def compile_tools(bench):
    """The spawning loop, and a library with nothing in it."""
    spawn, empty = [os.path.join(bench.scratch, name) for name in ("spawn", "empty.so")]
    subprocess.run(["cc", "-O2", "-o", spawn, os.path.join(HERE, "spawn.c")], check=True)
    subprocess.run(["cc", "-shared", "-nostdlib", "-o", empty, "-xc", "/dev/null"], check=True)
    return spawn, empty


def spawned(spawn, n, program, *ways):
    """What the starts of a program took in µs: one column for it as it is, and one for each way (variables) to start it."""
    done = subprocess.run([spawn, str(n), program, *ways], stdout=subprocess.PIPE, text=True, check=True)
    return list(zip(*[[int(x) / 1000 for x in line.split()] for line in done.stdout.splitlines()]))


def more_of(column, other):
    """The median of the differences, and the difference of the least."""
    return statistics.median(a - b for a, b in zip(column, other)), min(column) - min(other)


def bench_exec(bench):
    """exec of /bin/true: bare, with an empty library preloaded, with the hook. Then of a program that is Python to the hook, and so gets
    handlers of fatal signals."""
    spawn, empty = compile_tools(bench)
    hook = "LD_PRELOAD=" + lab.program("libtaskcore.so")
    bare, with_empty, hooked = spawned(spawn, SPAWNS, "/bin/true", "LD_PRELOAD=" + empty, hook)
    more, least = more_of(hooked, bare)
    bench.row(
        "exec of /bin/true with the hook, %.0f µs, against without, %.0f µs; medians of %d pairs"
        % (statistics.median(hooked), statistics.median(bare), SPAWNS),
        "+%.0f µs (least against least +%.0f)" % (more, least),
        "an empty library +%.0f µs" % more_of(with_empty, bare)[0],
        None,
        "≤ +100 µs",
        more <= 100,
    )
    bare, on, off = spawned(spawn, SPAWNS, compile_threads(bench), hook, hook + " TASKCORE_CRASH=off")
    more, least = more_of(on, bare)
    bench.row(
        "exec of a program that is Python to the hook, %.0f µs, against without, %.0f µs" % (statistics.median(on), statistics.median(bare)),
        "+%.0f µs (least against least +%.0f)" % (more, least),
        "TASKCORE_CRASH=off +%.0f µs (least +%.0f)" % more_of(off, bare),
    )
    bench.row("of it, crash handlers: on against off", "%+.1f µs (least %+.1f)" % more_of(on, off))


def compile_threads(bench):
    """A program that makes threads, and is Python to the hook."""
    path = os.path.join(bench.scratch, "thread_cost")
    subprocess.run(["cc", "-O2", "-pthread", "-rdynamic", "-o", path, os.path.join(HERE, "thread_cost.c")], check=True)
    return path


def bench_new_threads(bench):
    """20,000 threads, one after the other, made and joined: without the hook, with it, with TASKCORE_CRASH=off; they take turns."""
    path, n = compile_threads(bench), 20000
    one = python("3.11-debian")
    programs = {"a C program": [path, str(n)]}
    if one:
        programs["Python's threading"] = one.command + ["-c", THREADS % n]
    hooked = dict(os.environ, LD_PRELOAD=lab.program("libtaskcore.so"))
    ways = dict(os.environ), hooked, dict(hooked, TASKCORE_CRASH="off")
    for what, command in programs.items():
        found = [[] for _ in ways]
        for _ in range(THREAD_RUNS):
            for env, column in zip(ways, found):
                done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
                column.append(int(done.stdout) / 1000)
        bare, on, off = [(statistics.median(column), min(column)) for column in found]
        bench.row(
            "a thread made and joined by %s, medians of %d × %d threads" % (what, THREAD_RUNS, n),
            "%.1f µs (least %.1f): %+.1f µs" % (*on, on[0] - bare[0]),
            "without the hook %.1f µs (least %.1f); TASKCORE_CRASH=off %.1f µs (least %.1f)" % (*bare, *off),
            bare[0] / on[0],
        )


class Idle:
    """A process that waits: its memory, and how often it wakes in that time."""

    def __init__(self, command, env, seconds):
        self.process = subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        os.write(self.process.stdin.fileno(), b"READY\n")
        self.process.stdout.readline()
        time.sleep(seconds)  # it comes to rest
        pid = self.process.pid
        before = self.switches(pid)
        time.sleep(seconds)
        self.wakes = self.switches(pid) - before
        self.threads = len(os.listdir("/proc/%d/task" % pid))
        maps = smaps(pid).values()
        self.all_rss = sum(m["Rss"] for m in maps) / 1024
        mine = [m for m in maps if "libtaskcore" in m["name"] or "/memfd:taskcore" in m["name"]]
        self.mapped = sum(m["Rss"] for m in mine) / 1024
        # Other files' pages are shared by all; how many are mapped around a fault is chance.
        self.rss = self.mapped + sum(m["Rss"] for m in maps if "/" not in m["name"]) / 1024
        self.process.kill()
        self.process.communicate()

    @staticmethod
    def switches(pid):
        with open("/proc/%d/status" % pid) as f:
            return sum(int(line.split()[1]) for line in f if line.startswith("voluntary"))


def bench_idle(bench):
    """Resident memory, threads and wake-ups of processes that have nothing to do."""
    hooked = dict(os.environ, LD_PRELOAD=lab.program("libtaskcore.so"))
    for what, command in (
        ("an asyncio loop", [sys.executable, "-c", IDLE]),
        ("cat", ["/bin/cat"]),
    ):
        pairs = [(Idle(command, hooked, 0.2), Idle(command, dict(os.environ), 0.2)) for _ in range(7)]
        more, in_all = [
            statistics.median(getattr(a, k) - getattr(b, k) for a, b in pairs) for k in ("rss", "all_rss")
        ]
        bench.row(
            "idle, %s: resident memory more with the hook, %.0f KiB of it mapped from its file; with the pages of libc that both "
            "map by chance %+.0f KiB" % (what, pairs[0][0].mapped, in_all),
            "%.0f KiB" % more,
            "",
            None,
            "≤ 200 KiB",
            more <= 200,
        )
        wakes, threads = [sum(getattr(a, k) - getattr(b, k) for a, b in pairs) for k in ("wakes", "threads")]
        bench.row("idle, %s: threads, wake-ups more in 7 × 0.2 s" % what, "%d, %d" % (threads, wakes), "", None, "none", threads == wakes == 0)


def half(client, target, seconds):
    """One measurement of the server: with a dump by signal each 250 ms (target given) or without."""
    client.ask()
    end, dumps = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        if target:
            os.kill(target.pid, signal.SIGUSR1)
            target.take()
            dumps += 1
        time.sleep(0.25)
    return client.ask(), dumps


def bench_server(bench):
    """aiohttp under load, dumped by signal."""
    one = python("3.11-debian")
    for loop in ("asyncio", "uvloop"):
        if not one or not one.ask("import aiohttp, %s; print(1)" % loop):
            bench.missing("p99 of an aiohttp server on " + loop, "no 3.11-debian with aiohttp and " + loop)
            continue
        with HookTarget(one, os.path.join(HERE, "..", "soak", "server.py"), loop) as target:
            with soak_server.Client(int(target.lines[0])) as client:
                client.warm()
                pairs = [(half(client, target, 4), half(client, None, 4)) for _ in range(PAIRS)]
        ratios = sorted(a["p99_ms"] / b["p99_ms"] for (a, _), (b, _) in pairs)
        failed = sum(x["failed"] for pair in pairs for x, _ in pair)
        bench.row(
            "aiohttp on %s, p99 with a dump by signal each 250 ms (%d dumps) / without, %d pairs, %d requests failed"
            % (loop, sum(n for (_, n), _ in pairs), PAIRS, failed),
            "%.1f ms" % statistics.median(a["p99_ms"] for (a, _), _ in pairs),
            "%.1f ms" % statistics.median(b["p99_ms"] for _, (b, _) in pairs),
            ratios[PAIRS // 2],
            "≤ 1.2×",
            ratios[PAIRS // 2] <= 1.2 and not failed,
        )
