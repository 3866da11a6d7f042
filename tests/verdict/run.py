#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The verdict on sick and healthy programs: each finding has the right kind, tasks and line, and what is healthy gives none.

  run.py [--only REGEX] [--jobs N] [INTERPRETER…]

Each program of this directory, and of tests/zoo those with a line EXPECT, says in its head what is right (EXPECT: kind=…; task=NAME,…; culprit=FILE:LINE, or "healthy"). It is
dumped by signal and from outside; confidence=, hurts= (how many tasks) and says= (in the summary) are looked at where they are given, after the program has come to rest; what is healthy is dumped dumps= times. The fingerprints of all of a program's findings, on every interpreter and in both ways, are one;
those of two programs differ. Prints TAP."""
import contextlib
import fnmatch
import glob
import os
import re
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
import inside  # noqa: E402
import lab  # noqa: E402
import run as e2e  # noqa: E402
from lab import interpreters  # noqa: E402

NAMES = ["3.8-pyenv", "3.11-debian", "3.14-forky"]
WAYS = ["outside", "signal"]
fingerprints = {}  # program: {fingerprint: where it was first seen}
left = threading.Semaphore(0)  # released by each test of a verdict that is over


def head(path):
    text = open(path).read()
    expect = re.search(r"^# EXPECT: *(.*)$", text, re.M).group(1)
    first, last = re.search(r"^# PY: 3\.(\d+)(?:-3\.(\d+))?", text, re.M).groups()
    fields = dict(part.strip().split("=", 1) for part in expect.split(";") if "=" in part)
    return {"healthy": expect.startswith("healthy"), "uvloop": "uvloop" in re.search(r"NEEDS: *(.*)$", text, re.M).group(1), "first": int(first), "last": int(last or 99), **fields}


def judge(report, want):
    """What is wrong with the findings of a report; nothing: they are right."""
    found = report["findings"]
    if want["healthy"]:
        return ["%s: %s" % (f["kind"], f["summary"]) for f in found]
    right = [f for f in found if f["kind"] == want["kind"]]
    if not right:
        return ["no %s; found: %s" % (want["kind"], ", ".join(f["kind"] for f in found) or "nothing")]
    names = {task["id"]: task.get("name") or "" for task in report["tasks"]}
    told = [names.get(i, "") for i in right[0]["tasks"]]
    wrong = ["task %s is not among %s" % (name, told) for name in filter(None, want.get("task", "").split(",")) if not any(fnmatch.fnmatch(n, name) for n in told)]
    places = ["%s:%s" % (os.path.basename(p.get("file", "")), p.get("line")) for p in right[0]["culprit"] + right[0]["waits"]]
    if want.get("culprit") and want["culprit"] not in places:
        wrong.append("culprit %s is not among %s" % (want["culprit"], places))
    for field, told in ("confidence", right[0]["confidence"]), ("hurts", str(right[0]["victims"])):
        if want.get(field, told) != told:
            wrong.append("%s is %s: %s" % (field, told, right[0]["summary"]))
    if want.get("says", "") not in right[0]["summary"]:
        wrong.append("does not say %r: %s" % (want["says"], right[0]["summary"]))
    return wrong + ["also %s: %s" % (f["kind"], f["summary"]) for f in found if f is not right[0]]


def control(report, want):
    """A verdict that is wrong must be noticed."""
    wrong = [dict(want, healthy=not want["healthy"], kind=want.get("kind", "none"), culprit=want.get("culprit", "none"))]
    if not want["healthy"]:
        wrong += [dict(want, kind="deadlock.none"), dict(want, task="nobody"), dict(want, culprit="none.py:1"), dict(want, hurts="999999"), dict(want, says="no such words")]
    for one in wrong:
        if not judge(report, one):
            raise lab.Failed("control: not noticed: %r" % one)


@contextlib.contextmanager
def dumps_of(one, path, way, want):
    """A function that gives the report of one more dump."""
    uvloop = want["uvloop"]
    if way == "outside":
        with lab.Target(one, path, uvloop=uvloop) as target, lab.Scratch() as scratch:
            if "confidence" in want:
                target.settle()
            yield lambda: (lab.dumped(target.pid, scratch.file()), lab.report(scratch.file()))[1]
    else:
        with inside.Dumps(one) as dumps, inside.Target(one, path, dumps=dumps, uvloop=uvloop) as target:
            if "confidence" in want:
                target.settle()

            def dump():
                path = target.ask()
                try:
                    return lab.report(path)
                finally:
                    os.unlink(path)  # their number is limited

            yield dump


def dumped(one, path, way, want):
    """The report of a dump. Some programs say READY a moment before they are sick: silence is no verdict then, only the last one is."""
    end = time.monotonic() + lab.WAIT_S
    with dumps_of(one, path, way, want) as dump:
        report = dump()
        for _ in range(int(want.get("dumps", 1)) - 1):
            if not report["findings"]:
                report = dump()
        while not want["healthy"] and not report["findings"] and time.monotonic() < end:
            report = dump()
    return report


def look(one, path, way):
    want = head(path)
    name = os.path.basename(path)[:-3]
    if one.number() < (3, want["first"]):
        raise lab.Missing("for Python 3.%d and later" % want["first"])
    if one.number() > (3, want["last"]):
        raise lab.Missing("for Python 3.%d and earlier" % want["last"])
    if want["uvloop"] and not one.has_uvloop():
        raise lab.Missing("no uvloop for %s" % one.name)
    report = dumped(one, path, way, want)
    wrong = judge(report, want) + lab.schema_errors(report)[:3]
    if wrong:
        raise lab.Failed("\n".join(wrong))
    control(report, want)
    for finding in report["findings"]:
        fingerprints.setdefault(name, {}).setdefault(finding["fingerprint"], "%s, %s" % (one.name, way))
    return ", ".join(f["kind"] for f in report["findings"]) or "silent"


def test_verdict(one, path, way):
    try:
        return look(one, path, way)
    finally:
        left.release()


def test_fingerprints(n):
    """After the n others."""
    for _ in range(n):
        left.acquire()
    for name, seen in fingerprints.items():
        if len(seen) != 1:
            raise lab.Failed("%s has several: %s" % (name, seen))
    all_ = [fingerprint for seen in fingerprints.values() for fingerprint in seen]
    if len(set(all_)) != len(all_):
        raise lab.Failed("two programs share one: %s" % fingerprints)
    return "%d programs" % len(all_)


def tests(names):
    zoo = os.path.join(lab.TOP, "tests", "zoo", "*.py")
    paths = [p for p in glob.glob(HERE + "/*.py") + glob.glob(zoo) if re.search("^# EXPECT:", open(p).read(), re.M)]
    paths.sort(key=os.path.basename)
    for one in interpreters.find(names):
        for path in paths:
            for way in WAYS:
                yield "%s: %s, %s" % (one.name, os.path.basename(path)[:-3], way), test_verdict, (one, path, way)


if __name__ == "__main__":
    parser = e2e.arguments(__doc__)
    parser.add_argument("names", nargs="*", default=NAMES)
    args = parser.parse_args()
    every = [test for test in tests(args.names) if re.search(args.only, test[0])]
    args.only = ""
    sys.exit(e2e.run_all(every + [("fingerprints", test_fingerprints, (len(every),))], args))
