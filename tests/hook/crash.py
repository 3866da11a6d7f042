#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Crash dumps: a fatal signal makes a sealed dump, and the process ends as it would have without us. Prints TAP.

  crash.py [--full] [--only REGEX] [--jobs N]

Each case runs without the hook and with it (crash_target.py, in many ways and places); their wait statuses, outputs and kernel cores are
compared, and the dump is read. Then: handlers of others beside ours (crash_neighbours.py), surroundings in which little can be done
(crash_places.py), and servers and watchdogs that send SIGABRT (crash_servers.py). All cases on one interpreter, a few on others; --full:
all on all."""
import argparse
import os
import re
import signal
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import crash_lab  # noqa: E402
import crash_embed  # noqa: E402
import crash_neighbours  # noqa: E402
import crash_places  # noqa: E402
import crash_servers  # noqa: E402
import parallel  # noqa: E402
from crash_cases import ILL, KINDS, baseline, case, compare, crashed, end_of, examine  # noqa: E402
from crash_lab import interpreters, lab, must, status_text  # noqa: E402

CASES = [case(kind) for kind in KINDS]
CASES += [case(kind, "task", "extension") for kind in ("null", "heap", "others")]
CASES += [case(kind, "task", "released") for kind in ("null", "abort", "others")]
CASES += [case(kind, "task", "held", "uvloop") for kind in ("null", "smash", "recursion", "others", "garbage")]
CASES += [case("others", "idle"), case("watchdog", "idle"), case("watchdog", "idle", "held", "uvloop")]
CASES += [case(kind, "thread") for kind in ("null", "recursion", "stack-pointer", "abort")]
CASES += [case("null", "thread", "released"), case("null", "executor"), case("division", "loop-thread"), case("abort", "loop-thread", "released")]
CASES += [case(kind, "c-thread") for kind in ("null", "recursion", "heap", "jump")] + [case("null", "c-thread", "released")]
CASES += [case("null", "c-threads-8"), case("null", "c-threads-64", "released"), case("abort", "c-threads-8", "released"), case("recursion", "c-threads-8")]
CASES += [case(kind, place) for place in ("handler", "handler-onstack", "python-handler") for kind in ("null", "abort")]
CASES += [case("recursion", "handler-onstack"), case("null", "blocked"), case("abort", "blocked")]
CASES += [case("null", "among-dumps"), case("abort", "among-dumps", "released"), case("recursion", "among-dumps")]
CASES += [case(kind, "fork") for kind in ("null", "abort", "recursion")] + [case("null", "vfork"), case("abort", "vfork")]
CASES += [case(kind, place) for place in ("at-exit", "after-python", "early", "early-after-us") for kind in ("null", "abort", "recursion")]
# What each interpreter runs, also where not all cases are run.
FEW = [case("null", "task", "extension"), case("null", "loop-thread", "released"), case("others", "task", "held", "uvloop"), case("heap"),
       case("recursion", "thread"), case("jump", "c-thread"), case("python-recursion-deep"), case("filled-heap")]
SUBSET = "3.8-pyenv|3.13-forky|3.13-pyenv|3.15-forky"
MAIN = "3.11-debian"


def name_of(one, it):
    words = [it.kind, "in " + it.place] + [word for word in (it.way, it.loop) if word not in ("held", "asyncio")]
    return "%s: %s" % (one.name, ", ".join(words))


def test_case(built, one, it):
    """Python's own recursion is a crash on some versions and none on others."""
    plain = baseline(built, one, it)
    hooked = crashed(built, one, it, [built.hook])
    compare(plain, hooked, it)
    if end_of(plain) & 0x7F == 0:
        must(not hooked.reports and not hooked.others, "no crash, and a dump: %s %s", hooked.dumps, hooked.others)
        return "no crash"
    if not KINDS[it.kind].signal:  # one that the version of Python decides on
        number = signal.Signals(end_of(plain) & 0x7F)
        must(len(hooked.reports) == 1, "%d dumps", len(hooked.reports))
        crash_lab.head_is(hooked.reports[0][2], hooked.reports[0][0], number, hooked.pid)
        crash_lab.waiters_are(hooked.reports[0][2])
        return number.name
    return examine(hooked, it)


def test_survived(built, one):
    """A handler that mends the fault and goes on: it is called each time, and the program ends as it wanted. Whether that is worth a dump is
    not for us to say."""
    plain, hooked = crashed(built, one, case("5", "survive")), crashed(built, one, case("5", "survive"), [built.hook])
    must(plain.out == "MENDED 5\n", "without the hook: %s", plain.told())
    must(hooked.status == plain.status and hooked.told() == plain.told(), "%s %s", status_text(hooked.status), hooked.told())
    for path, _, found in hooked.reports:
        crash_lab.head_is(found, path, ILL, hooked.pid)
        crash_lab.waiters_are(found)
    return "%d dumps" % len(hooked.reports)


def test_all_registers(built, one):
    """The dump's core has all registers of the thread that crashed."""
    for it in (case("null"), case("jump", "c-thread"), case("others")):
        hooked = crashed(built, one, it, [built.hook])
        must(len(hooked.reports) == 1, "%d dumps: %s", len(hooked.reports), hooked.lines())
        dump = hooked.reports[0][1]
        if KINDS[it.kind].known:
            must(not crash_lab.known_registers(dump), "registers in the dump: %s", crash_lab.known_registers(dump))
        if hooked.core:
            wrong = [name for name in crash_lab.SAME if dump.registers()[name] != hooked.core.registers()[name]]
            must(not wrong, "not as in the kernel's core: %s", wrong)


# The control: handlers that are wrong on purpose must be seen.


def control(built, one, how, words):
    fake = built.build("crash_fake.so", "crash_fake.c", crash_lab.LIBRARY)
    it = case("null")
    plain = baseline(built, one, it)
    wait_s = {"wait_s": 5} if how == "swallow" else {}
    try:
        compare(plain, crashed(built, one, it, [fake], FAKE=how, **wait_s), it)
    except lab.Failed as why:
        must(words in str(why), "%s was seen for another reason: %s", how, why)
        return
    must(False, "%s was not seen", how)


def control_registers(built, one):
    """The kernel's core of a signal that was raised in a handler has other registers."""
    fake = built.build("crash_fake.so", "crash_fake.c", crash_lab.LIBRARY)
    ran = crashed(built, one, case("null"), [fake], FAKE="raise")
    must(not ran.core or crash_lab.known_registers(ran.core), "they were not seen")


def control_dump(built, one, done, it, words):
    """A process that ends as it should and leaves no dump, or one of something else, is found wanting."""
    try:
        examine(crashed(built, one, done, [built.hook] if done.place != it.place else []), it)
    except lab.Failed as why:
        must(words in str(why), "seen for another reason: %s", why)
        return
    must(False, "it was not seen")


CONTROLS = {"exit": "it ended with exit 139", "kill": "it ended with SIGKILL", "raise": "siginfo", "resend": "siginfo", "swallow": "hangs", "noise": "it said"}


# All of them.


def cases_of(one, full):
    if full or one.name == MAIN:
        return CASES
    return FEW if re.fullmatch(SUBSET, one.name) else []


def tests(built, full):
    found = interpreters.find()
    if not any(one.name == MAIN for one in found):
        yield "interpreter %s" % MAIN, absent, (MAIN,)
    for one in found:
        for it in cases_of(one, full):
            yield name_of(one, it), test_case, (built, one, it)
        if full or one.name == MAIN:
            yield "%s: a handler that mends the fault" % one.name, test_survived, (built, one)
            yield "%s: all registers are in the dump" % one.name, test_all_registers, (built, one)
        if full or one.name == MAIN or re.fullmatch(SUBSET, one.name):
            yield from crash_neighbours.tests(built, one, one.name != MAIN)
        if one.name == MAIN:
            yield from crash_places.tests(built, one, full)
    yield from crash_embed.tests(built)
    yield from crash_servers.tests()
    for one in [one for one in found if one.name == MAIN] or found[:1]:
        for how, words in CONTROLS.items():
            yield "control: %s is seen" % how, control, (built, one, how, words)
        yield "control: other registers are seen", control_registers, (built, one)
        yield "control: a missing dump is seen", control_dump, (built, one, case("null"), case("null"), "0 dumps")
        yield "control: another line is seen", control_dump, (built, one, case("null", "python-handler"), case("null"), "the finding names")
        yield "control: another task is seen", control_dump, (built, one, case("null", "thread"), case("null"), "names the task")
    for name in interpreters.missing(found) if full else []:
        yield "interpreter %s" % name, parallel.absent, (name,)


# The right signal, and no core. Seen once in some 2,000 cases, beside other load, and not again in 120 of that one: the kernel also
# gives up a core that it cannot write. What is ours comes again.
NO_CORE = re.compile(r"it ended with (SIG\w+), without the hook \1 \(core\)")


def run_one(test):
    """As parallel.run_one; a case whose core alone is missing is run a second time."""
    name, result, text = parallel.run_one(test)
    if result == "not ok" and NO_CORE.match(text):
        print("# once more, for want of the kernel's core: %s" % name, flush=True)
        return parallel.run_one(test)
    return name, result, text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    why = crash_lab.cores_possible()
    if why:
        print("warning: the kernel's cores are not compared: " + why)
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        chosen = [t for t in tests(crash_lab.Built(directory), args.full) if re.search(args.only, t[0])]
        return parallel.run_all(chosen, args.jobs, run_one)


if __name__ == "__main__":
    sys.exit(main())
