# SPDX-License-Identifier: Apache-2.0
"""What must be seen of the programs of corner.py, from outside. run.py runs these tests on every interpreter."""
import glob
import os

import lab
from lab import interpreters
from odd_targets import must

CORNER = os.path.join(lab.HERE, "corner.py")


def seen(one, *program):
    """The report about a program of corner.py at rest."""
    with lab.Target(one, CORNER, *program) as target, lab.Scratch() as scratch:
        target.settle()
        lab.dumped(target.pid, scratch.file())
        return lab.report(scratch.file())


def test_forked(one, how):
    """The main thread of a process that C forked is known, and its loop is idle."""
    report = seen(one, "forked-" + how)
    threads = [(t.get("tid"), bool(t.get("python"))) for t in report["threads"]]
    must(threads == [(report["dump"]["pid"], True)], "threads: %r" % threads)
    must([loop["state"] for loop in report["loops"]] == ["idle"], "loops: %r" % report["loops"])


def library_of(one):
    """The libpython beside an interpreter that is linked with it; None: it is not."""
    found = glob.glob(os.path.join(os.path.dirname(os.path.dirname(one.path)), "lib", "libpython3.*.so.1.0"))
    return found[0] if found and not one.root else None


def test_second_library(one):
    """With a libpython mapped in front of its own, never started."""
    others = [library_of(other) for other in interpreters.find() if other.minor != one.minor]
    others = [path for path in others if path]
    if not library_of(one) or not others:
        raise lab.Missing("no two interpreters with a libpython of their own")
    report = seen(one, "second-library", others[0])
    must(report["dump"]["counts"]["tasks"] == 1, "counts: %r" % report["dump"]["counts"])
    must(report["dump"]["python"] == one.version, "python %s, not %s" % (report["dump"]["python"], one.version))


def tests(one):
    """(name, function, arguments) as in run.py."""
    for how, words in (("c", "by C"), ("raw", "by a system call")):
        yield "%s: forked %s: the thread is known" % (one.name, words), test_forked, (one, how)
    yield "%s: a second libpython that was never started" % one.name, test_second_library, (one,)
