# SPDX-License-Identifier: Apache-2.0
"""One crash: how it is made, how it must end, what must be in its dump."""
import collections
import os
import re
import signal

import crash_lab
from crash_lab import SAME, lab, laboratory, must, status_text

SEGV, ABRT, BUS, FPE, ILL = signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL
# include/uapi/asm-generic/siginfo.h
SI_KERNEL, SI_USER, SI_QUEUE, SI_TKILL = 0x80, 0, -1, -6
MAPERR, ACCERR, ADRERR, INTDIV, ILLOPN = 1, 2, 2, 1, 2

# How: the signal; its code (None: another one may be right) and the code's name; its address (None: not compared); how it was accessed; what
# the report says of the address; whether the registers hold known words.
Kind = collections.namedtuple("Kind", "signal code code_name address access where known")


def fault(signal, code, code_name, address=None, access=None, where=None):
    return Kind(signal, code, code_name, address, access, where, True)


def sent(signal, code, code_name):
    return Kind(signal, code, code_name, None, None, None, False)


NOTHING = "where nothing is mapped"
OVERFLOWN = "the stack of this thread has overflowed"
KINDS = {
    "null": fault(SEGV, MAPERR, "SEGV_MAPERR", 0x18, "read", "NULL + 0x18"),
    "write": fault(SEGV, MAPERR, "SEGV_MAPERR", 0x2000, "write", NOTHING),
    "garbage": fault(SEGV, SI_KERNEL, "SI_KERNEL", 0),
    "jump": fault(SEGV, MAPERR, "SEGV_MAPERR", 0x6A6A6A6A6A00, "execute", NOTHING),
    "stack-pointer": fault(SEGV, MAPERR, "SEGV_MAPERR", 0x5148, "write", NOTHING),
    "division": fault(FPE, INTDIV, "FPE_INTDIV"),
    "instruction": fault(ILL, ILLOPN, "ILL_ILLOPN"),
    "truncated": fault(BUS, ADRERR, "BUS_ADRERR", None, "read", "behind the end of the file"),
    "abort": sent(ABRT, SI_TKILL, "SI_TKILL"),
    "heap": sent(ABRT, SI_TKILL, "SI_TKILL"),
    "smash": sent(ABRT, SI_TKILL, "SI_TKILL"),
    "recursion": Kind(SEGV, None, None, None, "write", OVERFLOWN, False),
    "raised-segv": sent(SEGV, SI_TKILL, "SI_TKILL"),
    "raised-fpe": sent(FPE, SI_TKILL, "SI_TKILL"),
    "queued": sent(BUS, SI_QUEUE, "SI_QUEUE"),
    "others": sent(SEGV, SI_USER, "SI_USER"),
    "watchdog": sent(ABRT, SI_USER, "SI_USER"),
    "python-spin": sent(ABRT, SI_USER, "SI_USER"),
    "filled-heap": fault(SEGV, MAPERR, "SEGV_MAPERR", 0x18, "read", "NULL + 0x18"),
    "filled-memory": fault(SEGV, MAPERR, "SEGV_MAPERR", 0x18, "read", "NULL + 0x18"),
    "python-abort": sent(ABRT, SI_TKILL, "SI_TKILL"),
    "python-string": Kind(SEGV, MAPERR, "SEGV_MAPERR", None, "read", "NULL", False),
    "python-kill": sent(FPE, SI_USER, "SI_USER"),
    "python-recursion": sent(0, None, None),
    "python-recursion-deep": sent(0, None, None),  # SIGSEGV up to 3.11, RecursionError since
}

# Where: the function and the line's marker; what the task does then: it runs (and has these frames), it runs in no frame that can be told
# (any), or no task runs (none). dump: whether there must be one: yes, or maybe.
Place = collections.namedtuple("Place", "function marker task dump")
PLACES = {
    "task": Place("task", "task", "runs", "yes"),
    "loop-thread": Place("task", "task", "runs", "yes"),
    "thread": Place("thread", "thread", "none", "yes"),
    "executor": Place("thread", "thread", "none", "yes"),
    "c-thread": Place("c_thread", "c-thread", "runs", "yes"),
    "c-threads-8": Place("c_threads", "c-threads", "runs", "yes"),
    "c-threads-64": Place("c_threads", "c-threads", "runs", "yes"),
    "handler": Place("handler", "handler", "runs", "yes"),
    "handler-onstack": Place("handler", "handler", "runs", "yes"),
    "python-handler": Place("python_handler", "python-handler", "runs", "yes"),
    "blocked": Place("blocked", "blocked", "runs", "maybe"),  # the kernel asks no handler
    "among-dumps": Place("among_dumps", "among-dumps", "runs", "yes"),
    "fork": Place("fork", "fork", "runs", "yes"),
    "idle": Place(None, None, "idle", "yes"),
    "fork, forgotten": Place("fork", "fork", "forgotten", "yes"),  # the child of a Python that forgets its tasks in it
    "vfork": Place(None, None, "any", "maybe"),
    "at-exit": Place(None, None, "any", "yes"),
    "after-python": Place(None, None, "any", "yes"),
    "early": Place(None, None, "any", "maybe"),
    "early-after-us": Place(None, None, "any", "yes"),
}
Case = collections.namedtuple("Case", "kind place way loop")


def case(kind, place="task", way="held", loop="asyncio"):
    return Case(kind, place, way, loop)


# Signals that we send when it says READY: which, by which kind of crash_module.c it waits for it; a watchdog sends SIGABRT (systemd.service(5),
# WatchdogSignal=).
SENT = {"others": (SEGV, "others"), "watchdog": (ABRT, "others"), "python-spin": (ABRT, None)}


def sender(it):
    if it.kind not in SENT:
        return None
    number, sleeps = SENT[it.kind]

    def send(pid):
        if sleeps or it.place == "idle":
            crash_lab.await_true(lambda: crash_lab.sleeps(pid), "its sleep")
        os.kill(pid, number)

    return send


def crashed(built, one, it, preload=(), prefix=(), prepare="", **env):
    """A run of the case. prefix: what runs the program; prepare: what it does at first."""
    if it.loop == "uvloop" and not one.has_uvloop():
        raise lab.Missing("no uvloop for %s" % one.name)
    kind = SENT.get(it.kind, (0, None))[1] or it.kind
    with laboratory(built, one) as place:
        if it.place.startswith("early"):  # the constructors of what is preloaded last run first
            env["CRASH_EARLY"] = it.kind
            preload = [*preload, built.module] if it.place == "early" else [built.module, *preload]
        ran = place.run(place.target(kind, it.place, it.way, it.loop), preload, it.loop == "uvloop", sender(it), prefix, CRASH_PREPARE=prepare, **env)
        ran.forgets = it.place == "fork" and one.number() >= (3, 14)  # current_task() is None in the child, all_tasks() empty
        ran.reports = [(path, crash_lab.Core(path), crash_lab.sealed(path)) for path in ran.saved()]
        return ran


def end_of(ran):
    """How the process that crashed has ended: a child's status is in its parent's output."""
    child = re.search(r"CHILD \d+ (\d+)", ran.out)
    return int(child.group(1)) if child else ran.status


def baseline(built, one, it):
    """Without the hook; it must crash as its kind says."""
    plain = crashed(built, one, it)
    kind = KINDS[it.kind]
    if kind.signal:
        must(end_of(plain) & 0x7F == kind.signal, "without the hook: %s %s", status_text(end_of(plain)), plain.told())
    if plain.core and kind.signal and plain.core.siginfo:
        number, _, code, address = plain.core.siginfo
        must(number == kind.signal and kind.code in (None, code), "without the hook: siginfo %s", plain.core.siginfo)
        must(kind.address in (None, address), "without the hook: address %#x", address)
    return plain


def compare(plain, hooked, it):
    """The process that crashed under the hook has ended as the other one."""
    must(hooked.status == plain.status and end_of(hooked) == end_of(plain), "it ended with %s, without the hook %s: %s", status_text(end_of(hooked)),
         status_text(end_of(plain)), hooked.err[-300:])
    crash_lab.same_output(hooked.told(), plain.told())
    must(bool(hooked.core) == bool(plain.core), "core of the kernel: %s, without the hook %s", bool(hooked.core), bool(plain.core))
    if plain.core:
        compare_cores(plain.core, hooked.core, KINDS[it.kind], it)


def compare_cores(plain, hooked, kind, it):
    must(hooked.siginfo[:3] == plain.siginfo[:3], "siginfo in the core: %s, without the hook %s", hooked.siginfo, plain.siginfo)
    there, here = [core.where(core.registers()["rip"]) for core in (plain, hooked)]
    if it.kind == "python-spin":
        there = here
    if it.kind in ("recursion", "python-recursion-deep"):  # at one instruction or another
        there, here = there.partition("+")[0], here.partition("+")[0]
    must(here == there, "rip in the core: %s, without the hook %s", here, there)
    if kind.known:
        must(not crash_lab.known_registers(plain), "without the hook: %s", crash_lab.known_registers(plain))
        must(not crash_lab.known_registers(hooked), "registers in the core: %s", crash_lab.known_registers(hooked))
    if kind.address is not None:
        must(hooked.siginfo[3] == plain.siginfo[3], "address in the core: %#x", hooked.siginfo[3])


def same_registers(core, dump, tid):
    """The thread that crashed is the first in the dump, with the registers of the kernel's core. (Whether all of them are there is a test of
    its own.)"""
    must(dump.threads and dump.threads[0][0] == tid, "the first thread of the dump's core is %s, not %d", [t for t, _ in dump.threads[:1]], tid)
    there = dump.threads[0][1]
    names = [name for name in SAME if there[name] or name in ("rip", "rsp")]
    wrong = ["%s %#x, not %#x" % (name, there[name], core[name]) for name in names if there[name] != core[name]]
    must(not wrong, "registers in the dump against the kernel's core: %s", wrong)


def crash_said(found, kind, it, tid, handled=False):
    """What the report says of the crash itself."""
    crash = found["dump"].get("crash")
    must(crash, "nothing of the crash")
    said = {"signal": kind.signal.name, "handled": handled}
    if kind.code_name:
        said.update(code=kind.code, code_name=kind.code_name)
    if kind.address:
        said["address"] = hex(kind.address)
    said["access"] = kind.access
    wrong = ["%s %s, not %s" % (name, crash[name], value) for name, value in said.items() if crash[name] != value]
    must(not wrong, "the crash: %s", wrong)
    where = kind.where if it.place != "handler-onstack" else None  # that stack has no guard
    must(not where or where in (crash["where"] or ""), "the crash was %s, not %s", crash["where"], where)
    first = found["threads"][0]
    must(crash["thread"] == first["id"] and tid in (None, first["tid"]), "the thread that crashed: %s, not %s", crash["thread"], tid)
    finding = [finding for finding in found["findings"] if finding["kind"] == "crash"]
    must(len(finding) == 1 and found["findings"][0] is finding[0], "findings: %s", [f["kind"] for f in found["findings"]])
    blamed(found, crash, finding[0], it)


def blamed(found, crash, finding, it):
    """The task and the line that are named with the crash: none for a thread that Python does not know."""
    place = PLACES[it.place]
    if it.kind.startswith(("filled", "python-")) or place.task in ("any", "idle"):
        return
    names = [task["name"] for task in found["tasks"] if task["id"] == crash["task"]]
    own = place.task == "runs" and not it.place.startswith("c-thread")
    must(names == ["crasher"] * own, "the crash names the task %s", names)
    must(len(finding["tasks"]) == own, "the finding names the tasks %s", finding["tasks"])
    if not it.place.startswith("c-thread"):
        at = [(one["function"], one["line"]) for one in finding["culprit"]]
        must(at == [(place.function, crash_lab.line_of("here: " + place.marker))], "the finding names %s", at)


def tasks_said(found, it):
    """The task that ran, and all others."""
    place = PLACES[it.place]
    if place.task == "any" or it.kind.startswith("filled"):
        return
    must(place.task != "forgotten" or not found["tasks"], "tasks: %s", [task["name"] for task in found["tasks"]])
    if place.task != "forgotten":
        crash_lab.waiters_are(found)
    if place.task == "idle":
        must(not [t["name"] for t in found["tasks"] if t["state"] == "running"], "a task runs")
    elif place.task == "runs":
        if it.kind.startswith("python-"):
            running = [task["name"] for task in found["tasks"] if task["state"] == "running"]
            must(running == ["crasher"], "running: %s", running)
        else:
            crash_lab.crasher_is(found, place.marker, place.function)
    else:
        line = crash_lab.line_of("here: " + place.marker)
        frames = found["threads"][0].get("python") or []
        must((place.function, line) in crash_lab.links(frames), "the first thread is at %s", crash_lab.links(frames)[:4])
        if it.place not in ("executor", "fork, forgotten"):
            must(not [t["name"] for t in found["tasks"] if t["state"] == "running"], "a task runs")


def dumps_of_the_crash(hooked, kind):
    """Others may have been asked for meanwhile."""
    return [row for row in hooked.reports if row[0].endswith(".%s.tcore" % crash_lab.SIGNALS[kind.signal])]


def examine(hooked, it):
    """The dump of the crash is there and right."""
    if hooked.forgets:
        it = it._replace(place="fork, forgotten")
    kind, place = KINDS[it.kind], PLACES[it.place]
    made = dumps_of_the_crash(hooked, kind)
    must(len(made) == len(hooked.reports) or it.place == "among-dumps", "dumps: %s", [os.path.basename(path) for path in hooked.dumps])
    must(not hooked.others, "left behind: %s", hooked.others)
    if not made and (place.dump == "maybe" or it.kind == "filled-memory"):
        return "no dump"
    must(len(made) == 1, "%d dumps of the crash: %s", len(made), hooked.lines())
    path, dump, found = made[0]
    crash_lab.head_is(found, path, kind.signal, None if "fork" in it.place else hooked.pid)
    tid = hooked.core.threads[0][0] if hooked.core else None
    if tid:
        same_registers(hooked.core.registers(), dump, tid)
        must(found["threads"][0]["tid"] == tid, "the first thread is %s, not %d", found["threads"][0]["tid"], tid)
    if it.kind in SENT:
        must(found["dump"]["sender"] == {"pid": os.getpid(), "uid": os.getuid()}, "sender %s", found["dump"]["sender"])
    crash_said(found, kind, it, tid)
    tasks_said(found, it)
    return ""
