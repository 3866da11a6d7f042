#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The handler can never hang or crash its process: signals inside locks, at chosen instructions and at random instants.

  inject.py [--soak] [--only REGEX] [--signals N] [--jobs N] [INTERPRETER…]

in-lock: raised by a preloaded library (inject.c) under the lock of an allocator, in constructors of libraries, fork handlers, stdio,
destructors, dict keys, GC. step: raised at chosen instructions of libc and the interpreter (step.c). random: raised from outside at any
time, in any thread. resize: step, while the set of tasks moves to another table: no task may be missing. poison: the handler calls nothing of libc. fault: the hook's own code faults, in the handler and in its child.
After each, the program's results are right, and every signal is a sealed file or a refusal that was told. control: with a hook that is
unsafe on purpose each of these must fail. Prints TAP."""
import argparse
import concurrent.futures
import os
import random
import re
import signal
import subprocess
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import inject_forged  # noqa: E402
from inject_lab import COOKIE, PARKED, Work, inside, interpreters, lab  # noqa: E402

USR1 = int(signal.SIGUSR1)
QUICK = ["3.11-debian", "3.14-forky"]
LIBC = """malloc free calloc realloc fork dlopen dlclose dlsym fopen fclose fprintf fgets fputs fwrite vfprintf
pthread_create pthread_join pthread_mutex_lock pthread_mutex_unlock pthread_cond_signal pthread_setspecific pthread_exit
localtime_r strftime mktime setenv getenv getaddrinfo freeaddrinfo sem_wait sem_post epoll_wait mmap munmap
__tls_get_addr _dl_catch_exception"""
PYTHON = """PyDict_SetItem PyDict_DelItem PyDict_New _PyDict_NewPresized dictresize insertdict insert_to_emptydict PySet_Add
set_table_resize PyGC_Collect gc_collect_main collect_main delete_garbage _PyObject_GC_New PyObject_GC_Del PyObject_GC_Track
PyObject_GC_UnTrack PyObject_ClearWeakRefs PyWeakref_NewRef PyObject_Malloc PyObject_Free PyMem_RawMalloc PyType_GenericAlloc
PyContext_CopyCurrent PyIter_Send _asyncio_Task___init___impl task_step_impl task_step register_task PyGen_New PyCoro_New
_PyEval_EvalFrameDefault PyEval_SaveThread PyEval_RestoreThread take_gil drop_gil PyThreadState_New PyThreadState_Clear
PyThreadState_Delete PyThread_start_new_thread PyThread_acquire_lock_timed PyThread_release_lock PyOS_BeforeFork
PyOS_AfterFork_Parent PyErr_CheckSignals PyList_Append _PyList_AppendTakeRefListResize list_resize PyBytes_FromStringAndSize
PyUnicode_New _PyUnicode_FormatLong PyObject_Call PyObject_SetAttr PyTuple_New"""
# In libtaskcore.so: of the handler, of a walk (in the handler or a child), of the child.
HOOK = """capture tc_hook_capture tc_hook_gather_threads tc_hook_memory tc_hook_gather_maps tc_maps_parse tc_maps_modules tc_walk
tc_find_runtime tc_walk_task tc_walk_loops tc_walk_threads tc_hook_child make_file tc_hook_file_create tc_hook_gather_names tc_core_begin
tc_core_seal tc_records_flush tc_hook_file_commit write_kept tc_hook_walk_in_place"""


def finish(work):
    """The rounds end; the books must balance, the results be right."""
    work.tell()
    rounds, wrong = work.await_rounds()
    work.balance(work.private_signal())
    work.end()
    if wrong or not rounds:
        raise lab.Failed("%d of %d rounds went wrong: %s" % (wrong, rounds, work.said()[-600:]))
    return rounds


def books(work):
    return "%d signals: %d sealed (%d checked; %d say that tasks are missing), %d refused%s" % (
        work.sent,
        work.sealed,
        work.checked,
        work.told_short,
        work.refused,
        ", %d taken along by a thread that ended" % (work.sent - work.sealed - work.refused) if work.unsure else "",
    )


def all_tasks(work):
    """No dump may miss a parked task, unless it says so; beside them there are the loop's own, and those of a round."""
    few = sum(n for tasks, n in work.tasks.items() if tasks < PARKED)
    if few:
        raise lab.Failed("%d dumps with fewer than %d tasks: %r" % (few, PARKED, sorted(work.tasks.items())))


def test_in_lock(one, freeze, soak):
    with inside.Dumps(one) as dumps:
        with Work(one, dumps, "--arm", "%d,%d" % (USR1, 10000 if soak else 300), freeze=freeze) as work:
            work.check_every = 5
            rounds, wrong = work.await_rounds()
            places = work.sent
            work.balance(work.private_signal())
            all_tasks(work)
            work.end()
            last = int(re.search(r"inject: (\d+) places", work.said()).group(1)) - places
    if wrong or not rounds:
        raise lab.Failed("%d of %d rounds went wrong" % (wrong, rounds))
    if places < 100:
        raise lab.Failed("only %d places" % places)
    return "%d places, %d more in the end of the interpreter; %d sealed, %d refused" % (places, last, work.sealed, work.refused)


def step(work, count, steps, mode, functions, hit_s=0.5, answer_s=60):
    """step.c on the program; its lines."""
    done = subprocess.run(
        [lab.program("step"), str(work.pid), "/proc/%d/fd/%d" % (os.getpid(), work.errors.fileno()), str(count), str(steps)]
        + [str(random.randrange(1 << 30)), str(hit_s), str(answer_s), mode, str(USR1)],
        input="\n".join(functions).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=1800,
    )
    lines = done.stdout.decode(errors="replace").split("\n")
    if done.returncode != 0:
        at = max((i for i, line in enumerate(lines) if line.startswith("site ")), default=0)
        raise lab.Failed("step: exit code %d\n%s" % (done.returncode, "\n".join(lines[at : at + 60])))
    return lines


def test_step(one, freeze, soak):
    with inside.Dumps(one) as dumps, Work(one, dumps, freeze=freeze) as work:
        work.check_every = 5
        names = ["/libc:" + name for name in LIBC.split()] + ["ld-linux:" + name for name in LIBC.split()] + PYTHON.split()
        lines = step(work, 1000 if soak else 200, 800, "signal", names)
        sites = [line.split() for line in lines if line.startswith("site ")]
        work.sent += len(sites)
        work.unsure += sum(line.startswith("lost ") for line in lines)
        rounds = finish(work)
    all_tasks(work)
    distinct = {site[2] for site in sites}
    functions = {site[1].partition("+")[0] for site in sites}
    if len(distinct) < 50:  # some 140 on a machine that is not busy
        raise lab.Failed("only %d places" % len(distinct))
    return "%d injections at %d instructions from %d functions; %s; %d rounds" % (
        len(sites),
        len(distinct),
        len(functions),
        books(work),
        rounds,
    )


def test_resize(one, freeze, soak):
    """Signals while the set of tasks gets another table: all tasks are in the dump, and it does not say otherwise."""
    with inside.Dumps(one) as dumps, Work(one, dumps, "--tasks", "--threads", "0", freeze=freeze) as work:
        work.check_every = 5
        lines = step(work, 400 if soak else 60, 4000, "signal", ["set_table_resize"], hit_s=20)
        sites = [line for line in lines if line.startswith("site ")]
        work.sent += len(sites)
        work.unsure += sum(line.startswith("lost ") for line in lines)
        rounds = finish(work)
    all_tasks(work)
    if work.told_short or len(sites) < 30:
        raise lab.Failed("%d places; %s" % (len(sites), books(work)))
    return "%d places; %s; %d rounds" % (len(sites), books(work), rounds)


def storm(work, signals):
    """Signals at random instants, by every way, to any thread; paced so that most become dumps, some are refused."""
    private = work.private_signal()
    sides = [int(tid) for tid in work.lines[-1].split() if tid.isdigit()] if work.lines else []
    known = [work.pid] + sides
    while work.sent < signals:
        way, tid = random.random(), random.choice(known)
        if way < 0.35:
            work.send_thread(tid, USR1)
        elif way < 0.5:
            work.send_process(USR1)
        elif way < 0.75:
            work.send_private(private, COOKIE | work.sent, tid)
        elif way < 0.9:
            work.send_private(private, COOKIE | work.sent)
        else:
            try:
                work.send_thread(int(random.choice(os.listdir("/proc/%d/task" % work.pid))), USR1)
            except FileNotFoundError:
                pass
        work.collect()
        work.lives()
        time.sleep(random.choice([0, 0, 0.001, 0.003, 0.006]))


def test_random(one, freeze, signals):
    with inside.Dumps(one) as dumps, Work(one, dumps, freeze=freeze) as work:
        work.check_every = 10
        storm(work, signals)
        rounds = finish(work)
    all_tasks(work)
    return "%s; %d rounds" % (books(work), rounds)


def test_poison(one, freeze):
    with inside.Dumps(one) as dumps, Work(one, dumps, "--poison", str(USR1), freeze=freeze) as work:
        storm(work, 60)
        finish(work)
    return books(work)


def target_size(work):
    """(descriptors, mappings in KiB): what a dump that ended half way must not leave behind."""
    with open("/proc/%d/status" % work.pid) as status:
        return len(os.listdir("/proc/%d/fd" % work.pid)), int(re.search(r"VmSize:\s*(\d+)", status.read()).group(1))


def test_fault(one, freeze, soak):
    """The hook itself jumps to nowhere: the dump ends, the process does not."""
    with inside.Dumps(one) as dumps, Work(one, dumps, "--idle", freeze=freeze) as work:
        before = target_size(work)
        lines = step(work, 200 if soak else 60, 40, "fault", ["libtaskcore:" + name for name in HOOK.split()], hit_s=1.0, answer_s=0.3)
        work.sent += sum(line.startswith(("site ", "miss ", "gone ")) for line in lines)
        after = target_size(work)
        sites = [line.split() for line in lines if line.startswith("site ")]
        work.unsure += len(sites)  # a fault may take along the line that would have told of it
        finish(work)
    # A fault right behind the call that gave a descriptor or an arena loses it: of some thirty functions, in one or two.
    held = len(sites) // 10 + 2
    if after[0] > before[0] + held or after[1] > before[1] + 16384 * held:
        raise lab.Failed("descriptors and KiB of mappings: %r before, %r after" % (before, after))
    if len(sites) < 10:
        raise lab.Failed("only %d faults" % len(sites))
    return "%d faults in %d functions; %s" % (len(sites), len({s[1].partition("+")[0] for s in sites}), books(work))


def must_fail(function, *signs):
    """A test that must fail, saying one of these."""
    try:
        function()
    except lab.Failed as e:
        for sign in signs:
            if sign in str(e):
                return sign
        raise lab.Failed("it failed for another reason: %s" % e)
    raise lab.Failed("it did not fail")


def control_in_lock(one, what):
    def attempt():
        with inside.Dumps(one) as dumps:
            with Work(one, dumps, "--arm", "%d,300" % USR1, unsafe=what) as work:
                work.await_rounds(10)

    return must_fail(attempt, "a deadlock", "hangs", "ended with")


def control_step(one, what):
    def attempt():
        with inside.Dumps(one) as dumps, Work(one, dumps, unsafe=what) as work:
            step(work, 2000, 400, "signal", ["/libc:malloc", "/libc:free", "/libc:realloc", "/libc:fopen"], answer_s=5)

    return must_fail(attempt, "HANG", "END")


def control_poison(one, what):
    def attempt():
        with inside.Dumps(one) as dumps, Work(one, dumps, "--poison", str(USR1), unsafe=what) as work:
            os.kill(work.pid, USR1)
            work.await_taken(work.pid, USR1, "ShdPnd")
            work.tell()
            work.await_rounds()

    return must_fail(attempt, "the handler calls")


def tests(args):
    found = interpreters.find(args.names or None)
    quick = [one for one in found if one.name in (args.names or QUICK)] or found[:1]
    most = [one for one in found if not one.debug or args.soak or args.names]
    thorough = most if args.soak else quick
    for one in thorough:
        for freeze in ("auto", "place", "snapshot"):
            if args.soak or freeze == "auto":
                yield "%s, %s: in-lock" % (one.name, freeze), test_in_lock, (one, freeze, args.soak)
                yield "%s, %s: step" % (one.name, freeze), test_step, (one, freeze, args.soak)
        for freeze in ("place", "snapshot"):
            yield "%s, %s: poison" % (one.name, freeze), test_poison, (one, freeze)
            yield "%s, %s: fault" % (one.name, freeze), test_fault, (one, freeze, args.soak)
            yield "%s, %s: forged" % (one.name, freeze), inject_forged.test, (one, freeze, args.soak)
    # set_table_resize has a name in those that are not stripped. From 3.14 on tasks are in lists.
    named = [one for one in most if one.name.endswith("-pyenv")]
    for one in named if args.soak or args.names else named[:1] + named[-1:]:
        for freeze in ("place", "snapshot"):
            yield "%s, %s: resize" % (one.name, freeze), test_resize, (one, freeze, args.soak)
    for i, one in enumerate(most):
        freeze = ("auto", "snapshot", "place")[i % 3]
        signals = args.signals or (20000 if args.soak else max(250, 2000 // len(most)))
        yield "%s, %s: random" % (one.name, freeze), test_random, (one, freeze, signals)
    one = quick[0]
    for what in ("malloc", "localtime"):
        yield "%s: control: in-lock finds a handler that calls %s" % (one.name, what), control_in_lock, (one, what)
    yield "%s: control: step finds a handler that calls malloc" % one.name, control_step, (one, "malloc")
    for what in ("malloc", "localtime", "dlsym", "stdio", "snprintf"):
        yield "%s: control: poison finds a handler that calls %s" % (one.name, what), control_poison, (one, what)


def run_one(test):
    """(name, whether it went well, text, seconds)."""
    name, function, arguments = test
    began = time.monotonic()
    try:
        good, text = True, function(*arguments)
    except (lab.Failed, subprocess.TimeoutExpired) as e:
        good, text = False, str(e)
    except Exception:  # noqa: BLE001 one test's failure, whatever it is
        good, text = False, traceback.format_exc()
    return name, good, text, time.monotonic() - began


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--signals", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=4)
    args = parser.parse_args()
    chosen = [t for t in tests(args) if re.search(args.only, t[0])]
    failed = 0
    print("1..%d" % len(chosen))
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for number, (name, good, text, seconds) in enumerate(pool.map(run_one, chosen), 1):
            failed += not good
            first, *rest = text.split("\n") if good else [""] + text.split("\n")
            print("%s %d - %s%s [%.0f s]" % ("ok" if good else "not ok", number, name, ": " + first if first else "", seconds))
            print("".join("  # %s\n" % line for line in rest[:60]), end="", flush=True)
    print("%d passed, %d failed, 0 skipped" % (len(chosen) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
