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
IDLE = "import asyncio; loop = asyncio.new_event_loop(); print('READY', flush=True); loop.run_forever()"


def compile_tools(bench):
    """The spawning loop, and a library with nothing in it."""
    spawn, empty = [os.path.join(bench.scratch, name) for name in ("spawn", "empty.so")]
    subprocess.run(["cc", "-O2", "-o", spawn, os.path.join(HERE, "spawn.c")], check=True)
    subprocess.run(["cc", "-shared", "-nostdlib", "-o", empty, "-xc", "/dev/null"], check=True)
    return spawn, empty


def bench_exec(bench):
    """exec of /bin/true: bare, with an empty library preloaded, with the hook."""
    spawn, empty = compile_tools(bench)
    done = subprocess.run(
        [spawn, str(SPAWNS), "/bin/true", empty, lab.program("libtaskcore.so")],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    rows = [[int(x) / 1000 for x in line.split()] for line in done.stdout.splitlines()]
    bare, empty_us, hook = [statistics.median(column) for column in zip(*rows)]
    least = [min(column) for column in zip(*rows)]
    more = statistics.median(row[2] - row[0] for row in rows)
    bench.row(
        "exec of /bin/true with the hook, %.0f µs, against without, %.0f µs; medians of %d pairs" % (hook, bare, SPAWNS),
        "+%.0f µs (least against least +%.0f)" % (more, least[2] - least[0]),
        "an empty library +%.0f µs" % statistics.median(row[1] - row[0] for row in rows),
        None,
        "≤ +100 µs",
        more <= 100,
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
