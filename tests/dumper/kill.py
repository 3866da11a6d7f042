#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills taskcore dump --stop at random instants: no target is ever left stopped. kill.py [ROUNDS [SEED]]"""
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

from common import TASKCORE, await_true, field, must, parked, state, threads

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
WINDOW_S = 0.004  # the kill comes within so long after the target was seen stopped


def family(pid):
    """The process, its reading child and the tracer below that."""
    pids = [pid]
    for one in pids:
        try:
            with open("/proc/%d/task/%d/children" % (one, one)) as f:
                pids += [int(word) for word in f.read().split()]
        except OSError:
            pass
    return pids


def pause(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def without_hurry():
    """A dumper that stops a process is scheduled before us, so that we would come too late: not so one of another class (SCHED_BATCH)."""
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


class Round:
    """One dump, killed at some instant: stopped tells whether the target stood still at that moment."""

    def __init__(self, target, directory, rng):
        self.pid = target.pid
        aimed = rng.random() < 0.75
        self.dumper = subprocess.Popen([TASKCORE, "dump", str(self.pid), "--stop"], cwd=directory, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, preexec_fn=without_hurry if aimed else None)
        if aimed:
            while state(self.pid) != "t" and self.dumper.poll() is None:
                pass
            pause(rng.random() * WINDOW_S)
        else:
            pause(rng.random() * 0.02)
        victims = family(self.dumper.pid)
        victim = rng.choice(victims)
        self.stopped = state(self.pid) == "t"
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            self.stopped = False
        self.dumper.wait()


def runs(pid):
    return field(pid, "TracerPid") == "0" and all(state(pid, tid) in "SRD" for tid in threads(pid))


def still_stopped(pid):
    return field(pid, "TracerPid") == "0" and all(state(pid, tid) == "T" for tid in threads(pid))


def main():
    rng = random.Random(SEED)
    inside = total = 0
    with tempfile.TemporaryDirectory() as directory, parked(3000, 6) as target:
        for number in range(ROUNDS):
            stopped_before = number % 10 == 9
            if stopped_before:
                os.kill(target.pid, signal.SIGSTOP)
                await_true(lambda: still_stopped(target.pid), "the stop")
            one = Round(target, directory, rng)
            total += 1
            inside += one.stopped
            if stopped_before:
                await_true(lambda: still_stopped(target.pid), "the group stop, kept (seed %d, round %d)" % (SEED, number))
                os.kill(target.pid, signal.SIGCONT)
            await_true(lambda: runs(target.pid), "all threads running, untraced (seed %d, round %d)" % (SEED, number))
            for name in os.listdir(directory):
                os.unlink(os.path.join(directory, name))
    print("# %d kills, %d of them while the target stood still; seed %d" % (total, inside, SEED))
    must(inside * 2 >= total, "fewer than half of the kills hit the stopped window")


try:
    main()
except AssertionError as why:
    print("not ok 1 - a killed --stop dumper never leaves its target stopped\n# %s" % why)
    print("0 passed, 1 failed, 0 skipped")
    sys.exit(1)
print("ok 1 - a killed --stop dumper never leaves its target stopped\n1..1\n1 passed, 0 failed, 0 skipped")
