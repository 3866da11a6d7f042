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


def test_nested_loops(one):
    """A loop that runs inside a step of another: that one cannot turn, and is not stopped."""
    report = seen(one, "nested-loops")
    states = sorted(loop["state"] for loop in report["loops"])
    must(states == ["blocked", "idle"], "loops: %r" % report["loops"])


def test_nested_runs(one):
    """Of the tasks that run one inside the other the innermost is the loop's."""
    report = seen(one, "nested-runs")
    names = {task["id"]: task["name"] for task in report["tasks"] if task["state"] == "running"}
    must(len(names) == 7, "running: %r" % names)
    running = [names.get(loop["running_task"]) for loop in report["loops"]]
    must(running == ["nest-0"], "running_task: %r" % running)


def test_registered_future(one):
    """A Future's subclass that is registered as a task."""
    report = seen(one, "registered-future")
    must(report["dump"]["counts"]["torn"] == 0, "counts: %r" % report["dump"]["counts"])
    must("__main__.Registered" in [task["class"] for task in report["tasks"]], "tasks: %r" % report["tasks"])


def runs_block(one, program, first):
    """The one task runs: its coroutine, a word about what is left out, and the innermost frame."""
    report = seen(one, program)
    task = report["tasks"][0]
    names = [link.get("function") for link in task["chain"]]
    must(task["state"] == "running" and not task.get("torn"), "state: %s, torn: %s" % (task["state"], task.get("torn")))
    must(names[0] == first and names[-1] == "block", "chain: %r … %r" % (names[:3], names[-2:]))
    must("left out" in task["chain"][1]["function"], "not said: %r" % names[:3])


def test_greenlet(one):
    if one.ask("import greenlet; print(1)") != "1":
        raise lab.Missing("no greenlet for %s" % one.name)
    runs_block(one, "in-greenlet", "in_greenlet")


def test_many_frames(one):
    if one.number() < (3, 11):
        raise lab.Missing("before 3.11 a call of Python takes C stack")
    runs_block(one, "many-frames", "many_frames")


def tests(one):
    """(name, function, arguments) as in run.py."""
    for how, words in (("c", "by C"), ("raw", "by a system call")):
        yield "%s: forked %s: the thread is known" % (one.name, words), test_forked, (one, how)
    yield "%s: a second libpython that was never started" % one.name, test_second_library, (one,)
    yield "%s: a loop inside another" % one.name, test_nested_loops, (one,)
    yield "%s: runs of one loop inside each other" % one.name, test_nested_runs, (one,)
    yield "%s: a registered Future" % one.name, test_registered_future, (one,)
    yield "%s: a task that runs in a greenlet" % one.name, test_greenlet, (one,)
    yield "%s: a task that runs under 70,000 frames" % one.name, test_many_frames, (one,)
