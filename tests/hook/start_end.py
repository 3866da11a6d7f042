#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGUSR1 at random instants while an interpreter starts, and while it ends.

  start_end.py [--runs N] [--seed N] [--quick] [--only REGEX] [--jobs N]

Once the hook's mapping shows in /proc/PID/maps no signal may end the process; before, it does what it does without a hook. Each process
must do all its work and end with 0, and every dump must be whole and readable, even one of an interpreter that is not there yet or no
more. Prints TAP."""
import os
import random
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
import inside  # noqa: E402
import lab  # noqa: E402
import run  # noqa: E402

TARGET = os.path.join(HERE, "start_end_target.py")
MAPPING = b"/memfd:taskcore:1:"
FIRST_S = 0.1  # the signals of a start come within this time
LAST_S = 0.08  # and those of an end


class Life:
    """One process from its start to its end. signals: when each was sent (seconds), and whether the mapping showed before."""

    def __init__(self, one, dumps, part, freeze):
        path = one.place(TARGET)
        self.errors = os.path.join(dumps.top, "errors")
        with open(self.errors, "ab") as errors:
            self.process = subprocess.Popen(
                inside.command_of(one, dumps) + [path, part],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                bufsize=0,  # no line is read ahead that communicate then lacks
                stderr=errors,
                env=dict(one.environment(False), TASKCORE_FREEZE=freeze),
                cwd="/tmp",
            )
        self.began, self.signals = time.monotonic(), []

    def shows(self):
        """Whether the mapping shows."""
        try:
            with open("/proc/%d/maps" % self.process.pid, "rb") as f:
                return MAPPING in f.read()
        except OSError:
            return False

    def await_mapping(self):
        while not self.shows() and self.process.poll() is None:
            pass

    def send_after(self, seconds):
        """A signal so long after now; False: the process had ended."""
        time.sleep(seconds)
        shows = self.shows()
        if self.process.poll() is not None:
            return False
        self.process.send_signal(signal.SIGUSR1)
        self.signals.append((round(time.monotonic() - self.began, 4), shows))
        return True

    def end(self):
        """The exit code and all that it printed."""
        try:
            printed, _ = self.process.communicate(timeout=lab.WAIT_S)
        except subprocess.TimeoutExpired:
            raise lab.Failed("hangs after signals at %r" % self.signals)
        return self.process.returncode, printed

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def must_end_well(self, printed):
        code, seen = self.end()
        with open(self.errors, errors="replace") as f:
            said = f.read()[-600:]
        if (code, seen) != (0, printed):
            raise lab.Failed(
                "ended with %d, printed %r, after signals at %r: %s"
                % (code, seen, self.signals, said)
            )


def start_once(chance, one, dumps, freeze):
    """1 to 3 signals in the first 100 ms after the mapping showed."""
    life = Life(one, dumps, "start", freeze)
    try:
        life.await_mapping()
        times = sorted(chance.random() * FIRST_S for _ in range(chance.randrange(1, 4)))
        for before, at in zip([0] + times, times):
            life.send_after(at - before)
        life.must_end_well(b"OK\n")
    finally:
        life.close()


def window_once(chance, one, dumps, freeze):
    """One signal between fork and the mapping, or a bit later."""
    life = Life(one, dumps, "start", freeze)
    try:
        life.send_after(chance.random() * 0.02)
        if any(shows for _, shows in life.signals):
            return life.must_end_well(b"OK\n")
        code, printed = life.end()
        if (code, printed) not in ((-signal.SIGUSR1, b""), (0, b"OK\n")):
            raise lab.Failed("ended with %d after signals at %r" % (code, life.signals))
    finally:
        life.close()


def end_once(chance, one, dumps, freeze):
    """Signals from the last line of the program on, until nobody is there."""
    life = Life(one, dumps, "end", freeze)
    try:
        line = life.process.stdout.readline()
        if line != b"END\n":
            raise lab.Failed("printed %r" % line)
        times = sorted(chance.random() * LAST_S for _ in range(chance.randrange(1, 5)))
        for before, at in zip([0] + times, times):
            life.send_after(at - before)
        life.must_end_well(b"OK\n")
    finally:
        life.close()


def test_lives(one, once, runs, freeze, seed):
    chance, n_files, n_whole = random.Random(seed), 0, 0
    for number in range(runs):
        with inside.Dumps(one) as dumps:
            try:
                once(chance, one, dumps, freeze)
                inside.await_true(lambda: not dumps.unfinished(), "the end of a dump")
                for name in dumps.all():
                    report = lab.report(os.path.join(dumps.path, name))
                    n_files += 1
                    n_whole += report["dump"]["complete"]
                    counts = report["dump"]["counts"]
                    if counts["tasks"] != counts["read"] + counts["torn"] + counts["cut"]:
                        raise lab.Failed("counts: %r" % counts)
            except lab.Failed as e:
                raise lab.Failed("run %d of seed %d: %s" % (number, seed, e))
    return "%d lives, %d dumps, %d complete" % (runs, n_files, n_whole)


def tests(quick, runs, seed):
    found = run.found_interpreters(quick)
    for one in found:
        for what, once in (
            ("signals while it starts", start_once),
            ("a signal before the hook is there", window_once),
            ("signals while it ends", end_once),
        ):
            for freeze in ("auto", "place", "snapshot"):
                yield "%s: %s, %s" % (one.name, what, freeze), test_lives, (
                    one,
                    once,
                    runs,
                    freeze,
                    seed,
                )
    yield from [] if quick else run.tests_absent(found)


def main():
    parser = run.arguments(__doc__)
    parser.add_argument("--runs", type=int, default=10, help="of each test")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    args = parser.parse_args()
    print("# --seed %d" % args.seed)
    return run.run_all(tests(args.quick, args.runs, args.seed), args)


if __name__ == "__main__":
    sys.exit(main())
