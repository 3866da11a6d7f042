#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No healthy loop is accused, and every sick one is: facts of different moments are never put together.

  turning.py [--dumps N] [--beside N] [--only REGEX]

Programs whose loops turn hundreds of times a second (turning_target.py) are dumped from outside, with --stop and by signal, N times
each: no dump may call a loop blocked or busy, tell how long it has not turned, or hint at a lost wake-up. Programs of the zoo whose
loops are blocked or spin must be called so each time. --beside: so many processes that spin meanwhile. Prints TAP."""
import argparse
import collections
import os
import re
import subprocess
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import inside  # noqa: E402
import lab  # noqa: E402
import run  # noqa: E402
from lab import interpreters  # noqa: E402

PROGRAM = os.path.join(lab.HERE, "turning_target.py")
ZOO = os.path.join(lab.TOP, "tests", "zoo")
WAYS = ["outside", "stop", "signal"]
HEALTHY = ["rounds", "echo", "rounds --loop uvloop", "echo --loop uvloop", "rounds --thread", "echo --thread", "fresh", "duty5", "duty60", "rivals", "rivals --loop uvloop"]
SICK = ["blocked_time_sleep", "uvloop_blocked_sleep", "two_loops_one_stuck", "storm_sleep_zero", "storm_call_soon"]
NAMES = ["3.11-debian", "3.14-forky"]


class Dumps:
    """Dumps of one target in one way."""

    def __init__(self, one, path, options, way, uvloop):
        self.way, self.place = way, None
        if way == "signal":
            self.place = inside.Dumps(one)
            target = inside.Target(one, path, *options, dumps=self.place.__enter__(), uvloop=uvloop)
        else:
            target = lab.Target(one, path, *options, uvloop=uvloop)
        self.target, self.scratch = target, lab.Scratch()

    def __enter__(self):
        self.scratch.__enter__()
        self.target.__enter__()
        return self

    def __exit__(self, *_):
        self.target.__exit__()
        self.scratch.__exit__()
        if self.place:
            self.place.__exit__()

    def report(self):
        path = self.scratch.file()
        if self.place:
            path = self.target.ask()
        else:
            lab.dumped(self.target.pid, path, *["--stop=5000"] * (self.way == "stop"))
        try:
            return lab.report(path), lab.report(path, "text").decode()
        finally:
            os.unlink(path)


def accusations(report, saturated):
    for loop in report["loops"]:
        if loop["state"] == "blocked":
            yield loop["state"]
        if loop["state"] == "busy" and not saturated:
            yield loop["state"]
        if loop["blocked_s"] is not None:
            yield "for %s s" % loop["blocked_s"]
        if loop.get("hint") == "lost-wakeup":
            yield "lost wake-up"


def words(report):
    return sorted(loop["state"] or "unknown" for loop in report["loops"])


def test_healthy(one, program, way, n):
    seen, found = collections.Counter(), collections.Counter()
    saturated = "echo" in program  # three clients that never pause leave no time to sleep: "busy" is true then
    with Dumps(one, PROGRAM, program.split(), way, "uvloop" in program) as dumps:
        for _ in range(n):
            report, page = dumps.report()
            seen.update(words(report))
            found.update(accusations(report, saturated))
            found.update(re.findall("asleep in [a-z_0-9]+; it holds the GIL|BLOCKED|has not turned|yet it sleeps", page))
    if found:
        raise lab.Failed("in %d dumps: %s; states: %s" % (n, dict(found), dict(seen)))
    if "unknown" in seen:
        raise lab.Failed("states: %s" % dict(seen))
    return ", ".join("%s %d" % pair for pair in sorted(seen.items()))


def test_sick(one, name, way, n):
    """The control: what is said of a loop that is really blocked, or that spins."""
    path = os.path.join(ZOO, name + ".py")
    states = re.search(r"^# LOOPS: *(.*)$", open(path).read(), re.M).group(1)
    seen = collections.Counter()
    with Dumps(one, path, [], way, "uvloop" in name) as dumps:
        if "busy" not in states:
            dumps.target.settle()
        for _ in range(n):
            seen[" ".join(words(dumps.report()[0]))] += 1
    if not all(run.same_states(text.split(), states.split()) for text in seen):
        raise lab.Failed("in %d dumps: %s, must be %s" % (n, dict(seen), states))
    return states


def jobs(one):
    for way in WAYS:
        for program in HEALTHY:
            yield "%s: %s, %s: healthy" % (one.name, program, way), test_healthy, program, way
        for name in SICK:
            yield "%s: %s, %s: sick" % (one.name, name, way), test_sick, name, way


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dumps", type=int, default=20)
    parser.add_argument("--beside", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("names", nargs="*", default=NAMES)
    args = parser.parse_args()
    number = failed = 0
    # In sessions of their own: those of one session share its part of the processors (sched(7), autogroup), and each target has one.
    beside = [subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True) for _ in range(args.beside)]
    try:
        for one in interpreters.find(args.names):
            for what, function, name, way in jobs(one):
                if not re.search(args.only, what):
                    continue
                number += 1
                if "uvloop" in name and not one.has_uvloop():
                    print("ok %d - %s # SKIP no uvloop" % (number, what), flush=True)
                    continue
                try:
                    print("ok %d - %s: %s" % (number, what, function(one, name, way, args.dumps)), flush=True)
                except Exception as e:  # a test that breaks is a test that fails
                    failed += 1
                    text = str(e) if isinstance(e, lab.Failed) else traceback.format_exc()
                    print("not ok %d - %s\n  # %s" % (number, what, text.replace("\n", "\n  # ")), flush=True)
    finally:
        for process in beside:
            process.kill()
            process.wait()
    print("1..%d" % number)
    return 1 if failed or not number else 0


if __name__ == "__main__":
    sys.exit(main())
