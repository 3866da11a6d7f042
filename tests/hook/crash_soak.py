#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Crashes at random instants of a busy service: each with the right wait status, none hangs, none without a sealed dump. Prints TAP.

  crash_soak.py [--crashes N] [--seed N] [--jobs N] [--only REGEX] [--without]

Of an interpreter's processes every eleventh is one that was started, the others are forked by it. The signal comes from outside, to the
process or to one of its threads, or the process crashes by itself, in a thread of C or in what its first thread does; one in four is asked
for a dump a moment before. --without: without the hook, to see that the same crashes end so (then there are no dumps)."""
import argparse
import collections
import concurrent.futures
import contextlib
import ctypes
import glob
import os
import random
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import crash_lab  # noqa: E402
from crash_cases import KINDS  # noqa: E402
from crash_lab import SIGNALS, interpreters, lab, laboratory, must  # noqa: E402

OWN = "null jump garbage division instruction truncated abort heap smash recursion raised-fpe stack-pointer".split()
FORKED = 10
MOST_US = 30000
SYS_TGKILL = 234
INTERPRETERS = "3.8-pyenv|3.11-debian|3.13-pyenv|3.13-forky|3.15-forky"
Crash = collections.namedtuple("Crash", "how kind us signal asked")
libc = ctypes.CDLL(None, use_errno=True)


def drawn(dice):
    """The next crash."""
    how = dice.choice(["timer", "timer", "thread", "process", "one thread"])
    kind = dice.choice(OWN) if how in ("timer", "thread") else "null"
    number = KINDS[kind].signal if how in ("timer", "thread") else dice.choice(list(SIGNALS))
    return Crash(how, kind, dice.randrange(1, MOST_US), number, dice.random() < 0.25)


def tids(pid):
    try:
        return [int(tid) for tid in os.listdir("/proc/%d/task" % pid)]
    except FileNotFoundError:
        return []


def send(pid, it, dice, hook):
    """What comes from outside."""
    if it.asked and hook:
        with contextlib.suppress(ProcessLookupError):  # it may have crashed by itself
            os.kill(pid, signal.SIGUSR1)
    if it.how in ("timer", "thread"):
        return
    time.sleep(it.us / 1e6)  # the instant is what is random
    if it.how == "process":
        os.kill(pid, it.signal)
    else:
        libc.syscall(SYS_TGKILL, pid, dice.choice(tids(pid)), it.signal)


class Nest:
    """A process whose children crash, and at last itself."""

    def __init__(self, place, hook):
        self.place = place
        self.dumps = os.path.join(place.directory, "dumps")
        self.hook = bool(hook)
        target = place.one.place(os.path.join(HERE, "crash_soak_target.py"))
        settings = {"TASKCORE_DIR": os.path.join(place.inside, "dumps"), "TASKCORE_MIN_INTERVAL_S": "0", "TASKCORE_MAX_FILES": "99999"}
        settings.update(PYTHONDONTWRITEBYTECODE="1", LD_PRELOAD=place.copy(hook) if hook else "", FAKE="kill")
        command = ["env"] + ["%s=%s" % pair for pair in settings.items()] + place.one.command[2 if place.one.root else 0 :] + [target]
        command.append(place.copy(place.built.module))
        if place.one.root:
            command = interpreters.in_tree(place.one.root, command)
        self.command = command

    def __enter__(self):
        with open(os.path.join(self.place.directory, "stderr"), "wb") as err:
            self.process = subprocess.Popen(self.command, env=self.place.one.environment(False), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=err, cwd="/", start_new_session=True, bufsize=0)
        return self

    def __exit__(self, *_):
        for pid in crash_lab.session(self.process.pid):
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def said(self):
        with open(os.path.join(self.place.directory, "stderr"), errors="replace") as f:
            return "".join(f.readlines()[-8:])

    def line(self, word):
        """The next line, which is waited for no longer than anything may take."""
        ready = select.select([self.process.stdout], [], [], lab.WAIT_S)[0]
        line = self.process.stdout.readline() if ready else b"(nothing: it hangs)"
        must(line.startswith(word), "no %s but %r: %s", word, line, self.said())
        return [int(x) for x in line.split()[1:]]

    def crash(self, it, dice, last):
        how = it.how if it.how in ("timer", "thread") else "wait"
        self.process.stdin.write(("self " * last + "%s %s %d\n" % (how, it.kind, it.us)).encode())
        pid = self.line(b"READY")[0]
        send(pid, it, dice, self.hook)
        if last:
            crash_lab.await_true(lambda: os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT), "its end")
            self.process.wait()
            status = -self.process.returncode
        else:
            status = self.line(b"ENDED")[1]
        must(status & 0x7F == it.signal, "it ended with %s, not %s: %s", status, it.signal, self.said())
        return pid

    def dumped(self, pid, it, read):
        """One sealed dump, of this crash."""
        found = glob.glob("%s/*.%d.*.%s.tcore" % (glob.escape(self.dumps), pid, SIGNALS[it.signal]))
        must(len(found) == 1, "%d dumps of process %d: %s %s", len(found), pid, os.listdir(self.dumps), self.said())
        report = crash_lab.sealed(found[0]) if read else check(found[0])
        if read:
            crash_lab.head_is(report, found[0], it.signal, pid)
            tasks = [task for task in report["tasks"] if task["state"] != "done"]
            must(len(tasks) >= 40, "%d tasks", len(tasks))
        for path in glob.glob("%s/*.%d.*.tcore" % (glob.escape(self.dumps), pid)):
            os.unlink(path)


def check(path):
    done = subprocess.run([lab.program("taskcore-analyze"), "check", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=lab.WAIT_S)
    must(done.returncode == 0, "check: %d: %s", done.returncode, done.stdout.decode(errors="replace")[-400:])


def nest_of_crashes(built, one, seed, n, hook, dumps=True):
    """So many crashes of one process and its children, under the library hook; how many there were, and what was wrong with the last."""
    dice = random.Random(seed)
    with laboratory(built, one) as place, Nest(place, hook) as nest:
        for i in range(n):
            it = drawn(dice)
            try:
                pid = nest.crash(it, dice, i == n - 1)
                if dumps:
                    nest.dumped(pid, it, i % 4 == 0)
            except lab.Failed as why:
                return i + 1, "seed %d, crash %d, %s: %s" % (seed, i, it, why)
    return n, None


def controls(built, one):
    """A hook that ends processes otherwise, and one that makes no dump, are seen; what was wrong."""
    fake = built.build("crash_fake.so", "crash_fake.c", crash_lab.LIBRARY)
    seed = next(n for n in range(1000) if drawn(random.Random(n)).how == "process")
    found = [nest_of_crashes(built, one, seed, 2, hook)[1] or "" for hook in (fake, None)]
    return ["not seen: %s" % text for text, words in zip(found, ("it ended with 9", "0 dumps")) if words not in text]


def report(number, name, wrong, counts):
    counts["failed" if wrong else "passed"] += 1
    print("%s %d - %s" % ("not ok" if wrong else "ok", number, name), flush=True)
    for text in wrong[:10]:
        print("".join("  # %s\n" % line for line in text.split("\n")[:15]), end="", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--crashes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default=INTERPRETERS)
    parser.add_argument("--without", action="store_true")
    args = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    found = interpreters.find([args.only])
    if not found:
        print("ok 1 - crashes # SKIP none of the interpreters %s\n0 passed, 0 failed, 1 skipped" % args.only)
        return 0
    counts = {"passed": 0, "failed": 0}
    with tempfile.TemporaryDirectory() as directory, concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        os.chmod(directory, 0o755)
        built = crash_lab.Built(directory)
        nests = -(-args.crashes // (FORKED + 1))
        jobs = [(one, pool.submit(nest_of_crashes, built, one, args.seed + n, FORKED + 1, None if args.without else built.hook, not args.without))
                for n in range(nests) for one in [found[n % len(found)]]]
        for number, one in enumerate(found, 1):
            done = [job.result() for owner, job in jobs if owner is one]
            wrong = [text for _, text in done if text]
            report(number, "%s: %d crashes at random instants, seed %d" % (one.name, sum(n for n, _ in done), args.seed), wrong, counts)
        report(len(found) + 1, "control: a wrong status and a missing dump are seen", controls(built, found[0]), counts)
    print("1..%d\n%d passed, %d failed, 0 skipped" % (len(found) + 1, counts["passed"], counts["failed"]))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
