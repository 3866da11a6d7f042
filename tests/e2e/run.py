#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the tests against real interpreters and prints TAP.

  run.py [--hook] [--quick] [--only REGEX] [--jobs N] [--provide]

For every interpreter (interpreters.py) and mode the program varied.py must be reported from outside exactly as it describes itself;
the canonical report must not depend on when and how the dump is taken; patients must show the state of their loops. --hook: instead
of all that, the same program dumps itself by SIGUSR1, which must give the same report. --quick: one interpreter. --provide: fetch the interpreters first. What is missing here is a named SKIP. The last line counts."""
import argparse
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import compare  # noqa: E402
import compiled  # noqa: E402
import corners  # noqa: E402
import decode  # noqa: E402
import greenlets  # noqa: E402
import heap  # noqa: E402
import lab  # noqa: E402
import odd_targets  # noqa: E402
import page  # noqa: E402
import rare  # noqa: E402
from lab import interpreters  # noqa: E402

MODES = [
    "plain",
    "thread",
    "running",
    "uvloop",
    "uvloop+thread",
    "uvloop+sleeping",
    "subinterpreter",
]
MAX_LINES = 40  # of differences shown per test


def test_mode(one, mode):
    if "uvloop" in mode and not one.has_uvloop():
        raise lab.Missing("no uvloop for %s" % one.name)
    lines, tasks, links = compare.examine(one, compare.options_of(mode), control=mode == "plain")
    if lines:
        raise lab.Failed("\n".join(lines))
    return "%d tasks, %d links" % (tasks, links)


def test_decoded(one):
    """The file read by docs/format.md alone says the same."""
    lines, tasks, links = compare.examine(one, [], decoded=True, control=True)
    if lines:
        raise lab.Failed("\n".join(lines))
    return "%d tasks, %d links" % (tasks, links)


def test_canonical(one):
    """Ten dumps in a row and one with --stop give the same canonical report."""
    with lab.Target(
        one, compare.PROGRAM, helpers=compare.HELPERS
    ) as target, lab.Scratch() as scratch:
        texts = []
        for options in [[]] * 10 + [["--stop"]]:
            lab.dumped(target.pid, scratch.file(), *options)
            texts.append(lab.report(scratch.file(), "canonical"))
    for i, text in enumerate(texts):
        if text != texts[0]:
            raise lab.Failed(
                "report %d differs from the first: %s"
                % (i, compare.first_difference(texts[0], text))
            )
    if len(texts[0]) < 1000:
        raise lab.Failed("the canonical report has only %d bytes" % len(texts[0]))
    return "%d bytes" % len(texts[0])


def test_inside(one, mode):
    """By SIGUSR1, from a snapshot and in place: the same canonical report as from outside, and what the program says."""
    if "uvloop" in mode and not one.has_uvloop():
        raise lab.Missing("no uvloop for %s" % one.name)
    found, texts = [], []
    for freeze in ("snapshot", "place"):
        lines, tasks, links, text = compare.examine_inside(
            one, compare.options_of(mode), freeze, control=mode == "plain"
        )
        found += ["%s: %s" % (freeze, line) for line in lines]
        texts.append(text)
    if texts[0] != texts[1]:
        found.append("snapshot and place: " + compare.first_difference(*texts))
    if found:
        raise lab.Failed("\n".join(found))
    return "%d tasks, %d links, %d bytes" % (tasks, links, len(texts[0]))


def patient_head(path):
    text = open(path).read()
    needs = re.search(r"NEEDS: *(.*)$", text, re.M).group(1)
    return re.search(r"^# LOOPS: *(.*)$", text, re.M).group(1).split(), needs


def same_states(seen, states):
    """A loop that should be idle may just have something to do."""
    return seen == states or sorted("idle" if state == "running" and "idle" in states else state for state in seen) == states


def test_patient(one, path):
    states, needs = patient_head(path)
    uvloop = "uvloop" in needs
    if uvloop and not one.has_uvloop():
        raise lab.Missing("no uvloop for %s" % one.name)
    with lab.Target(one, path, uvloop=uvloop) as target, lab.Scratch() as scratch:
        if "busy" not in states:
            target.settle()
        lab.dumped(target.pid, scratch.file())
        report = lab.report(scratch.file())
    seen = sorted(loop["state"] for loop in report["loops"])
    if not same_states(seen, states):
        raise lab.Failed("loops are %s, must be %s" % (" ".join(seen), " ".join(states)))
    return " ".join(seen)


def found_interpreters(quick):
    found = interpreters.find()
    return [i for i in found if i.name == "3.11-debian"] or found[:1] if quick else found


def tests_absent(found):
    """A missing interpreter is a test that skips."""
    for name in interpreters.missing(found):
        yield "%s: interpreter" % name, absent, (name,)


def tests_inside(quick):
    found = found_interpreters(quick)
    for one in found:
        for mode in MODES[:3] if quick else MODES:
            if mode != "subinterpreter" or one.number() >= (3, 12):
                yield "%s %s: by SIGUSR1, snapshot and in place, as from outside and as the program says" % (
                    one.name,
                    mode,
                ), test_inside, (one, mode)
    yield from [] if quick else tests_absent(found)


def test_rare(one):
    """Counts, names and timers of rare.py, with values and without."""
    program = os.path.join(lab.HERE, "rare.py")
    for options in ([], ["--values=none"]):
        with lab.Target(one, program) as target, lab.Scratch() as scratch:
            lab.dumped(target.pid, scratch.file(), *options)
            report = lab.report(scratch.file())
            counts, names = report["dump"]["counts"], [task["name"] for task in report["tasks"]]
            want = 16 + (one.number() >= (3, 12))
            odd_targets.must(counts["tasks"] == counts["read"] == want, "%s, not %d" % (counts, want))
            odd_targets.must(set(rare.NAMES) <= set(names) and names.count(None) == 5, "names: %r" % names)
            mixed = [task["state"] for task in report["tasks"] if task["name"] == "mixed"]
            odd_targets.must(mixed == ["pending"], "mixed: %s" % mixed)
            odd_targets.must(report["loops"][0]["overdue"] == rare.TIMERS, "%s" % report["loops"])
            wide = [o for o in report["objects"] if o["type"].endswith("Wide")]
            odd_targets.must(len(wide) == 1 and 3 < len(wide[0]["attrs"]) <= 64, "%d wide locks" % len(wide))


def test_strict():
    """What a task holds: records that the page does not allow are errors for decode.py."""
    one = dict(flags=0, subject=16, coroutine=None)
    refused = {
        "holds of nobody": (None, b"\1\0\2\0\0"),
        "a record of nothing held": (one, b"\0"),
        "a running task": (dict(one, flags=decode.RUNNING), b"\1\0\2\0\0"),
        "without address, type or place": (one, b"\1\0\2\0\0"),
        "ends early": (one, b"\2\0\2\0\0"),
        "flags 0x4": (one, b"\1\4\2\0\0"),
        "entry 1 of table": (one, b"\1\0\2\1\0"),
    }
    for text, (holder, data) in refused.items():
        dump = decode.Dump()
        dump.holder = holder
        try:
            dump.record(26, data)
        except decode.Wrong as wrong:
            odd_targets.must(text in str(wrong), "%s: %s" % (text, wrong))
        else:
            raise lab.Failed("not refused: " + text)


def tests(quick):
    """All tests: (name, function, arguments)."""
    found = found_interpreters(quick)
    yield "the file, read by docs/format.md alone: holds that may not be are refused", test_strict, ()
    for one in found:
        for mode in MODES[:3] if quick else MODES:
            if mode != "subinterpreter" or one.number() >= (3, 12):
                yield "%s %s: the dump says what the program says" % (one.name, mode), test_mode, (
                    one,
                    mode,
                )
        if not one.debug:
            what = "%s: the file, read by docs/format.md alone, says the same"
            yield what % one.name, test_decoded, (one,)
        if not one.debug:
            yield from page.tests(one)
            yield "%s: foreign tasks, steps inside steps, odd names, timers without values" % one.name, test_rare, (one,)
        yield from heap.tests(one)
        yield "%s: ten canonical reports and one with --stop are the same bytes" % one.name, test_canonical, (
            one,
        )
        if not one.debug or quick:
            for path in sorted(glob.glob(os.path.join(os.path.dirname(lab.HERE), "zoo", "*.py"))):
                yield "%s %s: state of the loops" % (
                    one.name,
                    os.path.basename(path)[:-3],
                ), test_patient, (one, path)
        if one.name == "3.11-debian" or quick:
            yield from odd_targets.tests(one)
        if not one.debug or quick:
            yield from corners.tests(one)
            yield from compiled.tests(one)
            yield from greenlets.tests(one)
    yield from [] if quick else tests_absent(found)


def absent(name):
    raise lab.Missing("interpreter %s is expected and not here" % name)


def run_one(test):
    """(name, "ok", "not ok" or "skip", text)."""
    name, function, arguments = test
    try:
        return name, "ok", function(*arguments)
    except lab.Missing as e:
        return name, "skip", str(e)
    except (lab.Failed, subprocess.TimeoutExpired) as e:
        return name, "not ok", str(e)
    except (
        Exception
    ):  # noqa: BLE001 a report of an unexpected shape is a failure of its test, not of the run
        return name, "not ok", traceback.format_exc()


def show(number, name, result, text):
    """One test as TAP."""
    if result == "skip":
        return print("ok %d - %s # SKIP %s" % (number, name, text), flush=True)
    note = " (%s)" % text if result == "ok" and text else ""
    print("%s %d - %s%s" % (result, number, name, note), flush=True)
    lines = text.split("\n") if result == "not ok" else []
    more = ["… %d more" % (len(lines) - MAX_LINES)] * (len(lines) > MAX_LINES)
    for line in lines[:MAX_LINES] + more:
        print("  # " + line, flush=True)


def arguments(about):
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one interpreter")
    parser.add_argument("--only", default="", metavar="REGEX", help="of names of tests")
    parser.add_argument("--jobs", type=int, default=2, metavar="N")
    return parser


def run_all(every, args):
    """Run the chosen of all tests and print TAP; the exit code."""
    chosen = [t for t in every if re.search(args.only, t[0])]
    counts = {"ok": 0, "not ok": 0, "skip": 0}
    print("1..%d" % len(chosen))
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for number, (name, result, text) in enumerate(pool.map(run_one, chosen), 1):
            counts[result] += 1
            show(number, name, result, text)
    print("%d passed, %d failed, %d skipped" % (counts["ok"], counts["not ok"], counts["skip"]))
    return 1 if counts["not ok"] else 0


def main():
    parser = arguments(__doc__)
    parser.add_argument("--hook", action="store_true")
    parser.add_argument("--provide", action="store_true")
    args = parser.parse_args()
    if args.provide:
        interpreters.provide()
    return run_all(tests_inside(args.quick) if args.hook else tests(args.quick), args)


if __name__ == "__main__":
    sys.exit(main())
