#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A dump in each of the five states of the loop's thread, on every interpreter, in both ways of freezing.

  states.py [--quick] [--only REGEX] [--jobs N]

Each process gets SIGUSR1 four times: as a process, and directed to a thread of Python's, to one on a stack of 32 KiB and to one with
an alternate stack. Each dump must hold the tasks that the program counted, and the line at which the loop is held. Then the loop is
let go, and must finish its work. Prints TAP."""
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
import inside  # noqa: E402
import lab  # noqa: E402
import run  # noqa: E402

TARGET = os.path.join(HERE, "state_target.py")
STATES = ["idle", "sleep", "released", "held", "spin"]
VICTIMS = [None, "python", "small", "altstack"]
# How the thread shows in /proc/PID/task/TID/syscall once it is there: numbers of system calls.
CALLS = {"idle": (232, 281), "sleep": (230, 23, 270), "released": (0,), "held": (0,)}
HOLDS_GIL = ("held", "spin")
# "sleep" is a second at a time: a dump may meet the moment between two.
LOOP_STATES = {"idle": ["idle"], "spin": ["busy", "blocked"], "sleep": ["blocked", "running"]}


def must(true, text):
    if not true:
        raise lab.Failed(text)


def in_state(target, state, told):
    """Whether the loop's thread is where it must be held."""
    if state == "spin":
        with open(os.path.join(target.dumps.top, "shared"), "rb") as f:
            return f.read(2)[1] == 1
    with open("/proc/%d/task/%d/syscall" % (target.pid, told["loop_thread"])) as f:
        words = f.read().split()
    found = words[0].isdigit() and int(words[0]) in CALLS[state]
    return found and (state not in ("released", "held") or int(words[1], 16) == told["fd"])


def check(report, state, told, frozen):
    """One dump against what the program told."""
    counts = report["dump"]["counts"]
    names = sorted(t["name"] for t in report["tasks"] if t["state"] in ("pending", "running"))
    must(names == told["tasks"], "tasks %s, the program has %s" % (names, told["tasks"]))
    must(
        counts["tasks"] == counts["read"] == len(names) and counts["torn"] == counts["cut"] == 0,
        "counts %r" % counts,
    )
    must(report["dump"]["complete"] is True, "not complete")
    must(not frozen or report["dump"]["frozen"] is True, "not frozen")
    running = [t for t in report["tasks"] if t["state"] == "running"]
    must([t["name"] for t in running] == ["runner"] * told["running"], "running: %r" % running)
    if running:
        link = running[0]["chain"][-1]
        must(
            (link["function"], link["line"]) == (told["function"], told["line"]),
            "innermost frame %s:%s, not %s:%d"
            % (link["function"], link["line"], told["function"], told["line"]),
        )
    loops = [loop["state"] for loop in report["loops"]]
    must(
        len(loops) == 1 and loops[0] in LOOP_STATES.get(state, ["blocked"]),
        "the loop is %s" % " ".join(loops),
    )
    for task in report["tasks"]:
        must(task["chain"] and task["chain"][0]["line"], "no chain: %r" % task)


def control(report, state, told):
    """What is told wrongly must be noticed."""
    wrong = [dict(told, tasks=told["tasks"][1:]), dict(told, running=not told["running"])]
    if told["running"]:
        wrong += [dict(told, line=told["line"] + 1), dict(told, function="hold")]
    for spoiled in wrong:
        try:
            check(report, state, spoiled, False)
        except lab.Failed:
            continue
        raise lab.Failed("control: not noticed: %r" % spoiled)


def let_go(target, state):
    """The loop goes on and finishes its work; what it says in the end."""
    if state in ("sleep", "spin"):
        with open(os.path.join(target.dumps.top, "shared"), "r+b") as f:
            f.write(b"\1")
    else:
        with open(os.path.join(target.dumps.top, "go"), "wb") as f:
            f.write(b"x")
    code = target.process.wait(lab.WAIT_S)
    rest = target.process.stdout.read().decode()
    must(code == 0, "ended with %d: %s" % (code, target.said()[-400:]))
    said = json.loads(rest)
    must(
        said == {"result": [1, 153, ["CancelledError"] * 2], "altstack": [True, 0, True]},
        "the work: %r" % said,
    )


def test_state(one, state, freeze):
    """Four dumps, and the process goes on."""
    with inside.Dumps(one) as dumps:
        os.mkfifo(os.path.join(dumps.top, "go"))
        with open(os.path.join(dumps.top, "shared"), "wb") as f:
            f.write(bytes(4096))
        with inside.Target(
            one, TARGET, state, dumps.inside(), dumps=dumps, freeze=freeze
        ) as target:
            told = json.loads(target.lines[-1])
            parked = 0
            for victim in VICTIMS:
                # Parked for the dump before, the thread may still be on its way back into its call.
                inside.await_true(lambda: in_state(target, state, told), "the state")
                path = target.ask(told["threads"][victim] if victim else None)
                report = lab.report(path)
                # In place the process stands still if this thread holds the GIL, or the holder parks within 20 ms.
                frozen = freeze == "snapshot" or (state in HOLDS_GIL and not victim)
                parked += report["dump"]["frozen"] and not frozen
                try:
                    check(report, state, told, frozen)
                    control(report, state, told)
                except lab.Failed as e:
                    raise lab.Failed("signal to %s: %s" % (victim or "the process", e))
            must(parked or state not in HOLDS_GIL or freeze == "snapshot", "the holder never parks")
            let_go(target, state)
            must(not dumps.unfinished(), "left behind: %r" % dumps.unfinished())
    return "%d tasks, %d dumps" % (len(told["tasks"]), len(VICTIMS))


def tests(quick):
    found = run.found_interpreters(quick)
    for one in found:
        for state in STATES:
            for freeze in ("snapshot", "place"):
                yield "%s: %s, %s" % (one.name, state, freeze), test_state, (one, state, freeze)
    yield from [] if quick else run.tests_absent(found)


if __name__ == "__main__":
    args = run.arguments(__doc__).parse_args()
    sys.exit(run.run_all(tests(args.quick), args))
