# SPDX-License-Identifier: Apache-2.0
"""C programs that load Python late (crash_host.c) and crash before, with, and after it; programs without any Python."""
import crash_lab
from crash_cases import KINDS, case, compare, crash_said
from crash_lab import must, status_text
from fault_process import PYTHONHOME, libpython

TASKS = """
import asyncio
loop = asyncio.new_event_loop()
async def parked(): await loop.create_future()
tasks = [loop.create_task(parked()) for i in range(3)]
loop.run_until_complete(asyncio.sleep(0))
"""


def host(built, when, kind, code=TASKS):
    program = built.build("crash_host", "crash_host.c", crash_lab.FLAGS, ["-ldl"])
    runs = []
    for preload in ([], [built.hook]):
        with crash_lab.laboratory(built, None) as at:
            command = [program, libpython(), built.module, when, kind, code]
            ran = at.run(command, preload, **PYTHONHOME)
            ran.reports = [(path, crash_lab.Core(path), crash_lab.sealed(path)) for path in ran.saved()]
            runs.append(ran)
    return runs


def test_host(built, when, kind, dump):
    plain, hooked = host(built, when, kind)
    must(plain.status & 0x7F == KINDS[kind].signal, "without the hook: %s %s", status_text(plain.status), plain.told())
    compare(plain, hooked, case(kind))
    must(len(hooked.reports) == 1 or not dump and not hooked.reports, "%d dumps: %s", len(hooked.reports), hooked.lines())
    for path, _, found in hooked.reports:
        crash_lab.head_is(found, path, KINDS[kind].signal, hooked.pid)
        crash_said(found, KINDS[kind], case(kind, "early"), None)
        names = [task["coro"] for task in found["tasks"]]
        must(when == "finalized" or names == ["parked"] * 3, "tasks: %s", names)
    return "" if hooked.reports else "no dump"


def test_host_task(built, kind):
    """A task of the Python that was loaded late."""
    code = "import sys; sys.argv = %r; exec(compile(open(%r).read(), sys.argv[0], 'exec'))" % ([crash_lab.TARGET, built.module, kind, "task"], crash_lab.TARGET)
    plain, hooked = host(built, "never", kind, code)
    compare(plain, hooked, case(kind))
    must(len(hooked.reports) == 1, "%d dumps: %s", len(hooked.reports), hooked.lines())
    path, _, found = hooked.reports[0]
    crash_lab.head_is(found, path, KINDS[kind].signal, hooked.pid)
    crash_lab.waiters_are(found)
    must([task["name"] for task in found["tasks"] if task["state"] == "running"] == ["crasher"], "no crasher runs")


def test_no_python(built, kind):
    """A program without Python ends as without us; there are no tasks to save, and no dump is made."""
    runs = []
    for preload in ([], [built.hook]):
        with crash_lab.laboratory(built, None) as at:
            runs.append(at.run(["/bin/true"], [*preload, built.module], CRASH_EARLY=kind))
            runs[-1].reports = runs[-1].saved()
    plain, hooked = runs
    must(plain.status & 0x7F == KINDS[kind].signal, "without the hook: %s", status_text(plain.status))
    compare(plain, hooked, case(kind))
    must(not hooked.reports and not hooked.lines(), "a dump: %s", hooked.lines())


def tests(built):
    for kind in ("null", "abort", "recursion"):
        for when, dump in (("before", False), ("after", True), ("thread", True), ("finalized", True)):
            yield "a C program that loads Python late: %s, %s" % (kind, when), test_host, (built, when, kind, dump)
        yield "a C program that loads Python late: %s, in a task" % kind, test_host_task, (built, kind)
        yield "a C program without Python: %s" % kind, test_no_python, (built, kind)
