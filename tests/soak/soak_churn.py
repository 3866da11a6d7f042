#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Dumps a process in motion again and again: 5,000 parked tasks must be in every dump, whole, beside 20,000 that churn.

  soak_churn.py [--dumps N] [--only REGEX] [INTERPRETER…]

For each interpreter (default: 3.11-debian and 3.14-forky), with the loop in the main and in a side thread: N dumps with --stop,
of which all must be right, N that let the process go before all is read (--stop=MS), N without, and N that the process makes of
itself (taskcore signal), of which one in 200 may miss. One let go early may miss tasks as one without a stop, and may invent none.
found = read + torn + cut in every one. Of the churning tasks none that is not marked torn may have a chain that cannot be (possible.py);
chains put together from two tasks must be found. Prints TAP."""
import argparse
import collections
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import inside  # noqa: E402
import lab  # noqa: E402
import possible  # noqa: E402
from lab import interpreters  # noqa: E402

PARKED = 5000
# From before the first task is read to after the last, at 25,000 tasks.
EARLY_MS = (8, 11, 14, 18, 22, 28, 35, 45, 60)


def right_chain(task, number):
    """Whether a parked task's chain is whole."""
    functions = [link.get("function") for link in task.get("chain") or []]
    ends = {0: [], 1: ["Event.wait"], 2: ["sleep"]}[number % 3]
    return functions[:3] == ["outer", "middle", "inner"] and [
        f.rpartition(".")[2] for f in functions[3:]
    ] == [e.rpartition(".")[2] for e in ends]


def records(text):
    """The dump record and those of the parked and of the churning tasks, from the report line by line."""
    dump, tasks = None, []
    for line in text.split(b"\n"):
        if line.startswith(b'{"record":"dump"'):
            dump = json.loads(line)
        elif line.startswith(b'{"record":"task"') and (b'"parked-' in line[:80] or b'"churn-' in line[:80]):
            tasks.append(json.loads(line))
    return {"dump": dump, "tasks": tasks}


def faults_of(report):
    """What is wrong with one report, as a list of texts."""
    counts = report["dump"]["counts"]
    found = []
    if counts["tasks"] != counts["read"] + counts["torn"] + counts["cut"]:
        found.append("sum: %r" % counts)
    numbers, wrong = collections.Counter(), []
    for task in report["tasks"]:
        name = task.get("name") or ""
        if name.startswith("parked-"):
            number = int(name[7:])
            numbers[number] += 1
            if not right_chain(task, number):
                found.append(
                    "%s: chain %s"
                    % (name, [link.get("function") for link in task.get("chain") or []])
                )
        elif possible.why_not(task):
            wrong.append("%s: %s: %s" % (name, possible.why_not(task), [x.get("function") for x in task.get("chain") or []]))
    if wrong:
        found.append("IMPOSSIBLE: %d chains, such as %s" % (len(wrong), wrong[0]))
    missing = [n for n in range(PARKED) if not numbers[n]]
    if missing:
        found.append("%d parked tasks missing, such as parked-%d" % (len(missing), missing[0]))
    twice = [n for n, times in numbers.items() if times > 1]
    if twice:
        found.append("%d parked tasks twice, such as parked-%d" % (len(twice), twice[0]))
    return found


def outside(*options):
    """A way to dump: taskcore dump with these options."""

    def dump(target, scratch):
        lab.dumped(target.pid, scratch.file(), *options)
        return scratch.file()

    return dump


def early(target, scratch):
    """A way to dump: with a stop that ends while it is read, at another place from dump to dump."""
    early.number += 1
    lab.dumped(target.pid, scratch.file(), "--stop=%d" % EARLY_MS[early.number % len(EARLY_MS)])
    return scratch.file()


early.number = 0


def from_inside(target, scratch):
    """A way to dump: taskcore signal. The file of the dump before is removed."""
    done = subprocess.run(
        [lab.program("taskcore"), "signal", str(target.pid)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=lab.WAIT_S,
    )
    if done.returncode != 0:
        raise lab.Failed("taskcore signal: %d: %s" % (done.returncode, done.stderr.decode()))
    shutil.move(done.stdout.decode().strip(), scratch.file())
    return scratch.file()


def soak(one, thread, dump, dumps):
    """(right dumps, wrong dumps as texts, the spread of the counts)."""
    right, wrong, torn, pauses, chains, made, caught, frozen = 0, [], [], [], 0, 0, 0, 0
    arguments = ["--parked", str(PARKED)] + (["--thread"] if thread else [])
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(lab.Scratch())
        if dump is from_inside:
            place = stack.enter_context(inside.Dumps(one))
            target = inside.Target(one, possible.CHURN, *arguments, dumps=place)
        else:
            target = lab.Target(one, possible.CHURN, *arguments)
        stack.enter_context(target)
        for number in range(dumps):
            report = records(lab.report(dump(target, scratch), "jsonl"))
            chains += len(report["tasks"]) - PARKED
            if not made:  # in one dump all of them may be at the same line: any two of them make a chain that can be
                made, caught = possible.control(report["tasks"])
            torn.append(report["dump"]["counts"]["torn"] + report["dump"]["counts"]["cut"])
            pauses.append(report["dump"]["pause_ns"] / 1e6)
            frozen += report["dump"]["frozen"]
            found = faults_of(report)
            if found:
                wrong.append("dump %d: %s" % (number, "; ".join(found[:3])))
            right += not found
    if not made or caught < made:
        wrong.append("control: of %d chains that cannot be %d were found" % (made, caught))
    if dump is early and frozen == dumps:
        wrong.append("control: none was let go early, frozen is true in all")
    spread = "%d chains that churn; torn or cut per dump: median %d, most %d" % (
        chains,
        sorted(torn)[len(torn) // 2],
        max(torn),
    )
    if dump is from_inside:
        spread += "; pause: median %.1f ms, most %.1f" % (sorted(pauses)[dumps // 2], max(pauses))
    return right, wrong, spread


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--dumps", type=int, default=200)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    names = args.names or ["3.11-debian", "3.14-forky"]
    ways = [
        ("dump --stop", outside("--stop"), 0),
        ("dump --stop, let go early", early, max(1, args.dumps // 200)),
        ("dump without a stop", outside(), max(1, args.dumps // 200)),
        ("taskcore signal", from_inside, max(1, args.dumps // 200)),
    ]
    number = failed = 0
    for one in interpreters.find(names):
        for thread in (False, True):
            for way, dump, allowed in ways:
                what = "%s, loop in %s thread, %s" % (
                    one.name,
                    "a side" if thread else "the main",
                    way,
                )
                if not re.search(args.only, what):
                    continue
                number += 1
                try:
                    right, wrong, spread = soak(one, thread, dump, args.dumps)
                except lab.Failed as e:
                    right, wrong, spread = 0, [str(e)], ""
                never = [line for line in wrong if "IMPOSSIBLE" in line or "control" in line]
                bad = right < args.dumps - allowed or bool(never)
                failed += bad
                print(
                    "%s %d - %s: %d of %d dumps hold all %d parked tasks (%s)"
                    % ("not ok" if bad else "ok", number, what, right, args.dumps, PARKED, spread),
                    flush=True,
                )
                for line in wrong[:10]:
                    print("  # " + line, flush=True)
    absent = [n for n in names if n not in {i.name for i in interpreters.find(names)}]
    for name in absent:
        print("# SKIP interpreter %s is not here" % name)
    print("1..%d" % number)
    print("%d passed, %d failed, %d skipped" % (number - failed, failed, len(absent)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
