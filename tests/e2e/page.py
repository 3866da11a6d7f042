# SPDX-License-Identifier: Apache-2.0
"""The page as a person reads it, and the JSON that must say the same: small programs of page_target.py."""
import os
import re
import subprocess

import lab

TARGET = os.path.join(lab.HERE, "page_target.py")

# Of each case: regular expressions of what the page must say, line by line or over several; and of what it must not.
FAILED = [
    r"5 finished|4 finished \(4 failed\)",
    r"FAILED +4 finished tasks ended in an exception, 3 of them in one that nobody has retrieved\n"
    r" +2 tasks ended in __main__\.Rejected, never retrieved, e\.g\. T\d+ \"Task-\d\"\n(.*\n)?"
    r" +refresh .*\n +fetch +page_target\.py:\d+( +raise Rejected.*)?$",
    r"T\d+ \"Task-\d\" ended in KeyError, retrieved\n(.*\n)? +fail_alone +page_target\.py:\d+( .*)?$",
    r"ended in ValueError, never retrieved\n( .*\n)*? +deep .*\n +\.\.\. \d+ frames\n( +deep .*\n)+",
]
PAGES = {
    "packages": (
        [
            r"3 tasks wait for a Lock O\d+.*\n +handler +shop/web\.py:3\n"
            r" +\.\.\. 5 frames\n +handler +shop/web\.py:4\n +\.\.\. 3 frames\n"
            r" +execute +orm/query\.py:3\n +execute +orm/query\.py:3\n +execute +orm/query\.py:4\n(.*__aenter__.*\n)? +(Lock\.)?acquire ",
        ],
        ["1 frame$"],
    ),
    "failed": (FAILED, []),
    "failed_python": (FAILED, []),
    "gathered": (
        [
            r'"gather" waits for the tasks of a gather O\d+: 1 of 50 pending: T\d+$',
            r'"wait" waits for the tasks of asyncio\.wait O\d+: 1 of 3 pending: T\d+$',
            r'"shielded" waits for the tasks of a gather O\d+: 1 of 3 pending: T\d+$',
            r"4 tasks wait for the tasks of a gather \(4 in G1\), e\.g\. ",
            r'"all-pending" waits for the tasks of a gather O\d+: (T\d+ O\d+|O\d+ T\d+)$',
        ],
        [],
    ),
    "completed": ([r'"each" waits for the next task of as_completed O\d+: T\d+ T\d+ T\d+$'], []),
    "executors": (
        [
            r'"shielded" waits for a thread of an executor O\d+: H\d+ works for it, shielded$',
            r'"within" waits for a thread of an executor O\d+: none has taken it yet, shielded$',
            r'"other-loop" waits for T\d+ "Task-\d+"$',
            r'"gathered" waits for the tasks of a gather O\d+: O\d+ T\d+$',
        ],
        ["a shielded task"],
    ),
    "library_thread": ([r'"caller" waits for a thread of an executor O\d+: H\d+ works for it$'], []),
    "foreign_future": ([r'"foreign" waits for a future of concurrent\.futures O\d+$'], ["executor"]),
    "processes": ([r"6 tasks wait for an executor \(1 in its threads, [23] handed to its processes, [23] taken by\s+nobody\s+yet\)"], []),
    "details": (
        [
            r'"retry" waits for sleep\(33\), due (in|since) \d',
            r"2 tasks wait for sleep\(100 to 250\.5\), the next due (in|since) \d",
            r'"semaphore" waits for a Semaphore O\d+ \(value 0\)',
            r'"join" waits for Queue\.join O\d+ \(2 unfinished\)',
            r'"get" waits for Queue\.get O\d+ \(empty\)',
            r"2 tasks wait for Queue\.put O\d+ \(2/2\), ",
            r'2 tasks wait for data from a stream, e\.g\. T\d+ "order-process\.\.\.\w*-4711-line-\d+"\s+\(fd \d+',
            r"\d+ timers \(55 cancelled\)",
        ],
        [],
    ),
    "loops": (
        [
            r"no loop is blocked or busy: 3 loops sleep, 1 task waits$",
            r"^taskcore  \S+ page_target\.py loops a+\.\.\.a+ worker-17( |$)",
        ],
        [],
    ),
    "no_loop": ([r"no event loop is open: asyncio is loaded, none was made yet or all were closed"], []),
    "twice": ([r"6 tasks wait for Queue\.get", "in 2 groups of identical chains"], []),
}


def check_json(case, report):
    """What the JSON of a case must say; one text per difference."""
    found = []
    if case.startswith("failed"):
        said = [
            (t["coro"], t["exception"]["type"], t["exception"]["retrieved"], t["exception"]["traceback"][-1]["function"])
            for t in report["tasks"]
            if t["state"] == "done"
        ]
        want = [("refresh", "__main__.Rejected", False, "fetch")] * 2
        want += [("deep", "ValueError", False, "deep"), ("fail_alone", "KeyError", True, "fail_alone")]
        if sorted(said) != sorted(want):
            found.append("failed tasks are %s" % said)
        if len(max((t["exception"]["traceback"] for t in report["tasks"] if t.get("exception")), key=len)) != 65:
            found.append("the longest traceback has not 64 frames and a remark")
    return found


def examine(one, case):
    """Dump the case and compare page and JSON; the differences."""
    must, must_not = PAGES[case]
    with lab.Target(one, TARGET, case, "a" * 80, "worker-17") as target, lab.Scratch() as scratch:
        target.settle()
        lab.dumped(target.pid, scratch.file())
        page = lab.report(scratch.file(), "text").decode()
        report = lab.report(scratch.file())
    found = ["not on the page: " + want for want in must if not re.search(want, page, re.M)]
    found += ["on the page: " + bad for bad in must_not if re.search(bad, page, re.M)]
    found += check_json(case, report) + lab.schema_errors(report)
    return found + page.split("\n") if found else []


def test_page(one, case):
    if case.startswith("failed") and one.number() >= (3, 14):
        raise lab.Missing("from 3.14 on a finished task is in no registry: nothing leads to it")
    lines = examine(one, case)
    if lines:
        raise lab.Failed("\n".join(lines))


def tests(one):
    """(name, function, arguments) as in run.py."""
    for case in PAGES:
        yield "%s: the page: %s" % (one.name, case), test_page, (one, case)
