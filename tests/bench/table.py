# SPDX-License-Identifier: Apache-2.0
"""The table that bench.py prints, and the measurements in it."""
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "e2e"), os.path.join(HERE, "..", "soak")]
import lab  # noqa: E402
from lab import interpreters  # noqa: E402

LOAD = os.path.join(lab.HERE, "load.py")


class Run:
    """The measurements of one command: medians in seconds, the first run, the peak memory in MiB, the bad exit codes."""

    def __init__(self, lines, discard):
        rows = [[int(x) for x in line.split()] for line in lines]
        self.cold, kept = rows[0][0] / 1e9, rows[discard:] or rows
        self.median = statistics.median(r[0] for r in kept) / 1e9
        self.least = min(r[0] for r in kept) / 1e9
        self.cpu = statistics.median(r[3] for r in kept) / 1e9
        self.peak = max(r[1] for r in rows) / 1024
        self.bad = sorted({r[2] for r in rows if r[2]})

    def __str__(self):
        text = "%s (least %s, cold %s, cpu %s, %.0f MiB)" % (
            *[duration(x) for x in (self.median, self.least, self.cold, self.cpu)],
            self.peak,
        )
        return text + (" **exit %s**" % self.bad if self.bad else "")


def duration(seconds):
    if seconds >= 1:
        return "%.2f s" % seconds
    return ("%.1f ms" if seconds >= 0.01 else "%.2f ms") % (1000 * seconds)


class Bench:
    def __init__(self, args):
        self.args, self.rows = args, []
        self.scratch = tempfile.mkdtemp(prefix="taskcore-bench.")
        self.tool = os.path.join(self.scratch, "measure")
        subprocess.run(["cc", "-O2", "-o", self.tool, os.path.join(HERE, "measure.c")], check=True)
        self.file = os.path.join(self.scratch, "dump.tcore")

    def measure(self, *commands, runs=None):
        """A Run for each command: (command, environment or None). They take turns, so that a slow moment hits all."""
        runs, lines = runs or self.args.runs + self.args.discard, [[] for _ in commands]
        for _ in range(runs):
            for (command, env), found in zip(commands, lines):
                writes = command[1:2] == ["dump"] or command[0] == "/bin/sh"
                done = subprocess.run(
                    [self.tool, "1", self.file if writes else "-"] + command,
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                    env=env,
                )
                found.append(done.stdout.strip())
        return [Run(found, self.args.discard if runs > self.args.discard else 0) for found in lines]

    def dump_command(self, pid, *options):
        return [lab.program("taskcore"), "dump", str(pid), "-o", self.file] + list(options), None

    def page_command(self, pid):
        """A dump and its text report."""
        words = "%s >/dev/null && exec %s %s" % (
            " ".join(self.dump_command(pid)[0]),
            lab.program("taskcore-analyze"),
            self.file,
        )
        return ["/bin/sh", "-c", words], None

    def report_command(self):
        return [lab.program("taskcore-analyze"), self.file], None

    def row(self, what, ours, peer="", ratio=None, bar="", good=None):
        verdict = "" if good is None else ("yes" if good else "**no**")
        self.rows.append((what, ours, peer, "%.1f×" % ratio if ratio else "", bar, verdict))
        print("| %s | %s | %s | %s | %s | %s |" % self.rows[-1], flush=True)

    def missing(self, what, why):
        self.row(what, "not measured", why)


def python(name):
    """An interpreter; /proc is mounted in its tree, if it has one: we are in a mount namespace of our own."""
    found = interpreters.find([name])
    if found and found[0].root and not os.path.exists(found[0].root + "/proc/self"):
        subprocess.run(["mount", "--bind", "/proc", found[0].root + "/proc"], check=True)
    return found[0] if found else None
