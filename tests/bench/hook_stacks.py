# SPDX-License-Identifier: Apache-2.0
"""Threads and their stacks: a dump by signal against debuggers that show or keep all threads, and what the bytes of stacks cost."""
import glob
import os
import shutil
import statistics
import subprocess
import time

from hook_lab import HookTarget
from hook_pause import TARGET, Completion, pauses, spread
from table import duration, lab, python

N_TASKS, N_THREADS = "1000", 256
TOTAL_BAR = 0.02
DEBUGGER_S = 300  # the longest that a debugger may take


class Debugged:
    """A debugger's run on a target: in seconds, until it has ended (total), and how long the main thread stood still (pause)."""

    def __init__(self, target, command):
        target.order("gaps")
        start = time.perf_counter()
        done = subprocess.run(
            ["timeout", "-s", "KILL", str(DEBUGGER_S)] + command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.total = time.perf_counter() - start
        os.write(target.process.stdin.fileno(), b"\n")
        self.pause = max(ns for _, ns, _ in target.answer()) / 1e9
        self.text = done.stdout
        if done.returncode:
            raise lab.Failed("%s: exit %d" % (command[0], done.returncode))


def backtraces(target):
    words = ["-iex", "set debuginfod enabled off", "-ex", "thread apply all bt", "-p", str(target.pid)]
    found = Debugged(target, ["gdb", "-nx", "-batch"] + words)
    found.size = len(found.text)
    found.threads = found.text.count("\nThread ")
    return found


def gcore(target):
    path = os.path.join(target.dir, "gcore")
    found = Debugged(target, ["gcore", "-o", path, str(target.pid)])
    (core,) = glob.glob(path + ".*")
    found.size = os.path.getsize(core)
    os.unlink(core)
    return found


def bench_debuggers(bench):
    """256 threads: SIGUSR1, gdb's backtraces of all threads, gcore; of the same process."""
    one = python("3.11-debian")
    if not one:
        return bench.missing("a dump of 256 threads", "no interpreter 3.11-debian")
    with HookTarget(one, TARGET, N_TASKS, str(N_THREADS)) as target:
        ours, done = pauses(target, 21), Completion(target, 21)
        what = "1,000 tasks (3.11) and %d more threads, SIGUSR1: " % N_THREADS
        bench.row(what + "the pause", spread(ours.seen), "", None, "≤ 20 ms", ours.pause <= TOTAL_BAR)
        bench.row(
            what + "signal to file complete, {:.1f} MB; of processor time {}".format(done.size / 1e6, duration(done.work)),
            spread(done.all),
            "",
            None,
            "≤ 20 ms",
            done.complete <= TOTAL_BAR,
        )
        for name, function in (("gdb, thread apply all bt", backtraces), ("gcore", gcore)):
            if not shutil.which(name.partition(",")[0]):
                bench.missing(name, "not installed")
                continue
            runs = [function(target) for _ in range(3)]
            total, pause = [statistics.median(getattr(run, field) for run in runs) for field in ("total", "pause")]
            more = ", {} threads".format(runs[0].threads) if name.startswith("gdb") else ""
            size = duration(total) + ", {:.1f} MB".format(runs[0].size / 1e6) + more
            bench.row(what + "complete, against " + name, duration(done.complete), size, total / done.complete)
            bench.row(what + "the pause, against " + name, duration(ours.pause), duration(pause), pause / ours.pause)


def bench_stacks(bench):
    """What the bytes of stacks cost: none against the default, with 10 and 256 threads; two processes that are dumped in turns."""
    one = python("3.11-debian")
    if not one:
        return bench.missing("bytes of stacks", "no interpreter 3.11-debian")
    for n in (10, N_THREADS):
        words = TARGET, N_TASKS, str(n)
        with HookTarget(one, *words) as whole, HookTarget(one, *words, settings={"TASKCORE_STACK_BYTES": "0"}) as none:
            stands, files = [], []
            for _ in range(3):
                stands.append([pauses(target, 9) for target in (whole, none)])
                files.append([Completion(target, 9) for target in (whole, none)])
        what = "1,000 tasks (3.11) and %d more threads, stacks against TASKCORE_STACK_BYTES=0: " % n
        for name, pairs, field in (("the pause", stands, "seen"), ("signal to file complete", files, "all")):
            ours, bare = [[ns for pair in pairs for ns in getattr(pair[i], field)] for i in (0, 1)]
            more = statistics.median(ours) - statistics.median(bare)
            bench.row(what + name, spread(ours), "%s: %+.2f ms" % (spread(bare), 1e3 * more))
        ours, bare = [files[-1][i].size for i in (0, 1)]
        bench.row(what + "the file", "{:,.0f} kB".format(ours / 1e3), "{:,.0f} kB".format(bare / 1e3))
