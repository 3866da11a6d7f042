# SPDX-License-Identifier: Apache-2.0
"""What must be seen of the programs of corner.py, from outside. run.py runs these tests on every interpreter."""
import os

import lab
from odd_targets import must

CORNER = os.path.join(lab.HERE, "corner.py")


def seen(one, program, *options):
    """The report about a program of corner.py at rest."""
    with lab.Target(one, CORNER, program) as target, lab.Scratch() as scratch:
        target.settle()
        lab.dumped(target.pid, scratch.file(), *options)
        return lab.report(scratch.file())


def test_forked(one, how):
    """The main thread of a process that C forked is known, and its loop is idle."""
    report = seen(one, "forked-" + how)
    threads = [(t.get("tid"), bool(t.get("python"))) for t in report["threads"]]
    must(threads == [(report["dump"]["pid"], True)], "threads: %r" % threads)
    must([loop["state"] for loop in report["loops"]] == ["idle"], "loops: %r" % report["loops"])


def tests(one):
    """(name, function, arguments) as in run.py."""
    for how, words in (("c", "by C"), ("raw", "by a system call")):
        yield "%s: forked %s: the thread is known" % (one.name, words), test_forked, (one, how)
