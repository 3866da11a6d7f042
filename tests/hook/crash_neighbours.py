# SPDX-License-Identifier: Apache-2.0
"""Other handlers of fatal signals beside the hook: faulthandler, ASan, another crash reporter. Each says what it would have said, once, and
the process ends as it would have."""
import functools
import glob
import os
import re
import subprocess

import crash_lab
from crash_cases import KINDS, case, crash_said, crashed, tasks_said
from crash_lab import CC, lab, must, status_text

NAMES = "null abort division truncated recursion others".split()
WAYS = "return raise chain exit".split()
BEFORE, AFTER = "before us", "after us"


def reporter(built):
    return built.build("crash_reporter.so", "crash_reporter.c", crash_lab.LIBRARY)


@functools.lru_cache(maxsize=None)
def asan():
    """ASan's library, and nothing where an interpreter cannot run with it."""
    path = os.path.realpath(subprocess.run(CC + ["-print-file-name=libasan.so"], stdout=subprocess.PIPE, universal_newlines=True).stdout.strip())
    if not os.path.isabs(path):
        found = glob.glob("/usr/lib/*/libasan.so.*")
        if not found:
            raise lab.Missing("no libasan")
        path = found[0]
    return path


# What of their output is compared: ASan's stacks have one frame more or less, its sums do not.


def all_of_it(ran):
    return ran.told()


def asan_lines(ran):
    return [re.sub(r"0x[0-9a-f]+.*|\d{3,}|:\d+ in .*", "N", line) for line in ran.err.split("\n") if "AddressSanitizer" in line or "ERROR" in line]


def ends_alike(built, one, it, said, others, look=all_of_it, **env):
    """The case with other handlers, without the hook and with it. others(hook): the list of libraries to preload, in their order."""
    plain = crashed(built, one, it, others([]), **env)
    must(said is None or said in plain.err, "without the hook it does not say '%s': %s", said, plain.err[-300:])
    hooked = crashed(built, one, it, others([built.hook]), **env)
    must(hooked.status == plain.status, "it ended with %s, without the hook %s: %s", status_text(hooked.status), status_text(plain.status),
         hooked.err[-400:])
    crash_lab.same_output(look(hooked), look(plain))
    must(bool(hooked.core) == bool(plain.core), "core of the kernel: %s, without the hook %s", bool(hooked.core), bool(plain.core))
    if plain.core and it.kind != "recursion":
        ends = [(core.siginfo[:3], core.where(core.registers()["rip"])) for core in (plain.core, hooked.core)]
        must(ends[0] == ends[1], "the kernel's core: %s, without the hook %s", ends[1], ends[0])
    return hooked


def test_beside(built, one, it, kind, said, others, look=all_of_it, **env):
    hooked = ends_alike(built, one, it, said, others, look, **env)
    must(len(hooked.reports) == 1, "%d dumps: %s", len(hooked.reports), hooked.lines())
    path, dump, found = hooked.reports[0]
    crash_lab.head_is(found, path, kind.signal, hooked.pid)
    if kind.known:
        must(dump.where(dump.registers()["rip"]).startswith("crash_module.so"), "rip in the dump: %#x", dump.registers()["rip"])
    # faulthandler's handler, which is called first, only reports
    crash_said(found, kind, it, None, handled=not {"PYTHONFAULTHANDLER", "CRASH_ENABLE"} & set(env))
    tasks_said(found, it)


def said_by_reporter(kind):
    return "reporter: %d " % kind.signal


def said_by_faulthandler(kind):
    return {"segv": "Segmentation fault", "abrt": "Aborted", "fpe": "Floating", "bus": "Bus error"}[crash_lab.SIGNALS[kind.signal]]


def tests(built, one, few):
    """few: those that each interpreter runs."""
    for name in NAMES[:2] if few else NAMES:
        it, kind = case(name), KINDS[name]
        fatal = said_by_faulthandler(kind)
        text = "%s: faulthandler, enabled %%s, %s" % (one.name, name)
        yield text % BEFORE, test_beside, (built, one, it, kind, fatal, lambda hook: hook), {"PYTHONFAULTHANDLER": "1"}
        yield text % AFTER, test_beside, (built, one, it, kind, fatal, lambda hook: hook), {"CRASH_ENABLE": "faulthandler"}
        if few:
            continue
        line = said_by_reporter(kind)
        for way in WAYS:
            text = "%s: a crash reporter %%s, which ends by %s, %s" % (one.name, way, name)
            yield text % BEFORE, test_beside, (built, one, it, kind, line, lambda hook: hook + [reporter(built)]), {"REPORTER": way}
            yield text % AFTER, test_beside, (built, one, it, kind, line, lambda hook: [reporter(built)] + hook), {"REPORTER": way}
        for way in WAYS[:3]:
            text = "%s: a crash reporter that ends by %s, and faulthandler, %s" % (one.name, way, name)
            env = {"REPORTER": way, "CRASH_ENABLE": "faulthandler"}
            yield text, test_beside, (built, one, it, kind, fatal, lambda hook: hook + [reporter(built)]), env
        if name != "others":
            options = {"ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0:handle_abort=1"}
            text = "%s: AddressSanitizer %%s, %s" % (one.name, name)
            yield text % BEFORE, test_beside, (built, one, it, kind, "AddressSanitizer", lambda hook: hook + [asan()], asan_lines), options
            yield text % AFTER, test_beside, (built, one, it, kind, "AddressSanitizer", lambda hook: [asan()] + hook, asan_lines), options
