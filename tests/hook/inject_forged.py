# SPDX-License-Identifier: Apache-2.0
"""A heap that lies to the handler: forge.py under the hook. Every dump is sealed and whole; one that misses something says so."""
import os
import re

from inject_lab import HERE, Work, inside, lab

PARKED = 12  # as in forge.py: ten wait for an event, two sleep
# Words that lead nowhere but have a meaning, so that another value is another truth: the name of the class Task (any class may be a task's)
# and a coroutine's state (3.12: the low byte of the forged word says that it has not begun).
MEANING = re.compile(r"type of tasks word 3:|coroutine \d word 16:")


def is_whole(task):
    functions = [link.get("function") or "" for link in task.get("chain") or []]
    return functions[:2] == ["outer", "inner"] or functions == ["sleep"] or functions[:1] == ["main"]


def admits(dump):
    """Whether the report says that something is missing."""
    counts = dump["counts"]
    return bool(dump.get("truncated") or counts["torn"] or counts["cut"] or not dump.get("complete", True) or not dump.get("frozen"))


class Forged(Work):
    every = 40  # so many dumps that look right are read in full

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, program=os.path.join(HERE, "forge.py"), **more)
        self.forged, self.full, self.short, self.admitted = 0, 0, 0, 0
        self.doubts, self.silent = [], []

    def note(self, line):
        """What was forged in the dumps since the last such line."""
        self.forged += line.startswith("inject: forged ")
        if not MEANING.match(line[15:]):
            self.silent += ["%s: %s" % (line[15:], doubt) for doubt in self.doubts]
        self.doubts = []

    def retire(self, path):
        if os.path.exists(path) and (self.last_tasks != PARKED + 1 or self.sealed % self.every == 0):
            self.examine(lab.report(path))
        super().retire(path)

    def examine(self, report):
        counts = report["dump"]["counts"]
        whole = sum(is_whole(task) for task in report["tasks"])
        self.full += 1
        self.short += whole < PARKED + 1
        if counts["tasks"] != counts["read"] + counts["torn"] + counts["cut"]:
            self.doubts.append("the sum is wrong: %r" % counts)
        if admits(report["dump"]):
            self.admitted += 1
        elif whole < PARKED + 1:
            self.doubts.append("%d of %d tasks whole, and nothing said" % (whole, PARKED + 1))


def test(one, freeze, soak):
    most = 6000 if soak else 600
    with inside.Dumps(one) as dumps, Forged(one, dumps, str(most), freeze=freeze) as work:
        work.check_every = 20
        work.process.stdin.write(b"\n")
        work.process.stdin.flush()
        work.await_rounds()
        work.sent = work.forged
        work.balance(work.private_signal())
        work.end()
    if work.forged < most * 9 // 10:
        raise lab.Failed("only %d words" % work.forged)
    if work.silent:
        raise lab.Failed("\n".join(work.silent))
    return "%d words; %d sealed, %d refused; %d read in full: %d lack something, %d say so" % (
        work.forged,
        work.sealed,
        work.refused,
        work.full,
        work.short,
        work.admitted,
    )
