#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures taskcore against what people use today, on the same processes in the same run, and prints a table in Markdown.

  bench.py [--only REGEX] [--runs 9] [--discard 3]   (parts: small, ps, size, million, server)

Medians of 9 runs after 3 that are discarded; the first, cold run is shown. Peers: python3.14 -m asyncio ps (Debian forky), py-spy
and pystack (PyPI, pinned), Python's json and jq. The bars are those of the project's design; nothing fails here, ratios are
printed. What is missing is a line that says so. Wall times depend on what else the machine does."""
import argparse
import glob
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "e2e"), os.path.join(HERE, "..", "soak")]
import lab  # noqa: E402
import soak_server  # noqa: E402
from lab import interpreters  # noqa: E402

LOAD = os.path.join(lab.HERE, "load.py")
PEERS = {"py-spy": "0.4.3", "pystack": "1.7.2"}
PAIRS = 5
GROUP = """
import json, sys, collections
tasks = json.load(open(sys.argv[1]))
groups = collections.Counter(tuple((f["function"], f["file"], f["line"]) for f in t["frames"]) for t in tasks)
print(groups.most_common(10))
"""
JQ = "[.[] | [.frames[] | [.function, .file, .line]]] | group_by(.) | map({n: length, chain: .[0]}) | sort_by(-.n) | .[:10]"


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
    return "%.2f s" % seconds if seconds >= 1 else "%.1f ms" % (1000 * seconds)


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
    found = interpreters.find([name])
    return found[0] if found else None


def pip_tool(name):
    """A peer from PyPI, pinned, in the cache: its command and environment, or None."""
    home = os.path.join(interpreters.cache(), "%s-%s" % (name, PEERS[name]))
    pip = interpreters.pip_command()
    if not os.path.isdir(home) and pip:
        subprocess.run(
            pip
            + [
                "install",
                "-q",
                "--target",
                home,
                "--python-version",
                "3.11",
                "--only-binary=:all:",
                "%s==%s" % (name, PEERS[name]),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    script = os.path.join(home, "bin", name)
    if not os.path.exists(script):
        return None
    env = dict(os.environ, PYTHONPATH=home)
    return ([script] if name == "py-spy" else ["/usr/bin/python3.11", "-m", "pystack"]), env


def bench_small(bench):
    """100 tasks: against py-spy and pystack."""
    one = python("3.11-debian")
    if not one:
        return bench.missing("100 tasks", "no interpreter 3.11-debian")
    with lab.Target(one, LOAD, "100") as target:
        target.settle()
        for name, words, bars in (
            ("py-spy", ["dump", "--pid", str(target.pid)], (1, 0.5)),
            ("pystack", ["remote", str(target.pid)], (None, None)),
        ):
            tool = pip_tool(name)
            if not tool:
                bench.missing(
                    "100 tasks, dump against " + name, "%s %s cannot be had" % (name, PEERS[name])
                )
                continue
            ours, page, peer = bench.measure(
                bench.dump_command(target.pid),
                bench.page_command(target.pid),
                (tool[0] + words, tool[1]),
            )
            for what, run, least in (
                ("dump", ours, bars[0]),
                ("dump + text report", page, bars[1]),
            ):
                ratio = peer.median / run.median
                bench.row(
                    "100 tasks, %s against %s %s" % (what, name, PEERS[name]),
                    run,
                    peer,
                    ratio,
                    "≥ %s×" % least if least else "",
                    ratio >= least if least else None,
                )


def mount_proc(one):
    """asyncio ps needs /proc in its tree. We are in a mount namespace of our own: it is gone at the end."""
    subprocess.run(["mount", "--bind", "/proc", one.root + "/proc"], check=True)


def bench_ps(bench):
    """Against asyncio ps at 1k, 10k, 60k."""
    one = python("3.14-forky")
    if not one:
        return bench.missing("against asyncio ps", "no interpreter 3.14-forky")
    mount_proc(one)
    for n, least in ((1000, None), (10000, 15), (60000, 30)):
        with lab.Target(one, LOAD, str(n)) as target:
            target.settle()
            ours, stop, peer = bench.measure(
                bench.dump_command(target.pid),
                bench.dump_command(target.pid, "--stop"),
                (one.command + ["-m", "asyncio", "ps", str(target.pid)], one.environment(False)),
            )
        ratio = peer.median / ours.median
        bench.row(
            "{:,} tasks (3.14), dump against asyncio ps".format(n),
            ours,
            peer,
            ratio,
            "≥ %d×" % least if least else "",
            ratio >= least if least else None,
        )
        bench.row(
            "{:,} tasks (3.14), dump --stop against asyncio ps".format(n),
            stop,
            peer,
            peer.median / stop.median,
        )


def bench_size(bench):
    """Alone at 100k; bytes per task against the JSON of a classic handler; the analyzer against json and jq on the same tasks."""
    one, n = python("3.11-debian"), 100000
    if not one:
        return bench.missing("100,000 tasks", "no interpreter 3.11-debian")
    text = os.path.join(bench.scratch, "classic.json")
    os.environ["LOAD_JSON"] = text
    with lab.Target(one, LOAD, str(n)) as target:
        target.settle()
        (ours,) = bench.measure(bench.dump_command(target.pid))
        bench.row(
            "100,000 tasks (3.11), dump",
            ours,
            "asyncio ps: impossible above 65,536",
            None,
            "succeeds",
            not ours.bad,
        )
        (bare,) = bench.measure(bench.dump_command(target.pid, "--no-locals"), runs=1)
        bare_size = os.path.getsize(bench.file) / n
        bench.measure(bench.dump_command(target.pid), runs=1)
        size = os.path.getsize(bench.file) / n
        start = time.perf_counter()
        os.kill(target.pid, signal.SIGUSR1)
        while not os.path.exists(text):
            time.sleep(0.01)
        classic = time.perf_counter() - start
    json_size = os.path.getsize(text) / n
    bench.row(
        "100,000 tasks, file complete: dump against the classic handler",
        ours,
        duration(classic),
        classic / ours.median,
    )
    bench.row(
        "bytes per task with locals, against the handler's JSON",
        "%.0f" % size,
        "%.0f" % json_size,
        json_size / size,
        "≥ 7×",
        json_size >= 7 * size,
    )
    bench.row(
        "bytes per task without locals",
        "%.0f" % bare_size if not bare.bad else "exit %s" % bare.bad,
        "",
        None,
        "≤ 100",
        bare_size <= 100 and not bare.bad,
    )
    report, group, jq = bench.measure(
        bench.report_command(),
        (["/usr/bin/python3.11", "-c", GROUP, text], None),
        (["jq", "-c", JQ, text], None),
        runs=4,
    )
    bench.row(
        "100,000 tasks, text report against Python json + group",
        report,
        group,
        group.median / report.median,
        "≥ 100×",
        group.median >= 100 * report.median,
    )
    bench.row(
        "100,000 tasks, text report against jq",
        report,
        jq,
        jq.median / report.median,
        "≥ 300×",
        jq.median >= 300 * report.median,
    )
    os.unlink(text)


def bench_million(bench):
    one, n = python("3.11-debian"), 1000000
    if not one:
        return bench.missing("1,000,000 tasks", "no interpreter 3.11-debian")
    with lab.Target(one, LOAD, str(n)) as target:
        target.settle()
        (ours,) = bench.measure(bench.dump_command(target.pid))
        bench.row(
            "1,000,000 tasks (3.11), dump",
            ours,
            "asyncio ps: impossible above 65,536",
            None,
            "succeeds",
            not ours.bad,
        )
        size = os.path.getsize(bench.file) / n
    (report,) = bench.measure(bench.report_command())
    bench.row(
        "1,000,000 tasks, %.0f bytes each, text report" % size,
        report,
        "",
        None,
        "≤ 1 s",
        report.median <= 1 and not report.bad,
    )


def half(client, pid, seconds, path):
    """One measurement of the server: with a dump each 250 ms (pid given) or without."""
    client.ask()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if pid:
            lab.dumped(pid, path)
        time.sleep(0.25)
    return client.ask()


def bench_server(bench):
    one = python("3.11-debian")
    for loop in ("asyncio", "uvloop"):
        if not one or not one.ask("import aiohttp, %s; print(1)" % loop):
            bench.missing(
                "p99 of an aiohttp server on " + loop, "no 3.11-debian with aiohttp and " + loop
            )
            continue
        with lab.Target(one, os.path.join(HERE, "..", "soak", "server.py"), loop) as target:
            with soak_server.Client(int(target.lines[0])) as client:
                client.warm()
                pairs = [
                    (half(client, target.pid, 4, bench.file), half(client, 0, 4, bench.file))
                    for _ in range(PAIRS)
                ]
        ratios = sorted(a["p99_ms"] / b["p99_ms"] for a, b in pairs)
        failed = sum(x["failed"] for pair in pairs for x in pair)
        bench.row(
            "aiohttp on %s, p99 with a dump each 250 ms / without, %d pairs, %d requests failed"
            % (loop, PAIRS, failed),
            "%.1f ms" % statistics.median(a["p99_ms"] for a, _ in pairs),
            "%.1f ms" % statistics.median(b["p99_ms"] for _, b in pairs),
            ratios[PAIRS // 2],
            "≤ 1.2×",
            ratios[PAIRS // 2] <= 1.2 and not failed,
        )


PARTS = [
    ("small", bench_small),
    ("ps", bench_ps),
    ("size", bench_size),
    ("million", bench_million),
    ("server", bench_server),
]


def own_namespace():
    """Start again in a mount namespace of our own, where that is possible."""
    if os.geteuid() == 0 and not os.environ.get("TASKCORE_BENCH_NAMESPACE"):
        os.environ["TASKCORE_BENCH_NAMESPACE"] = "1"
        if subprocess.run(["unshare", "-m", "true"]).returncode == 0:
            os.execvp(
                "unshare", ["unshare", "-m", "--propagation", "private", sys.executable] + sys.argv
            )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="parts: " + ", ".join(name for name, _ in PARTS))
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--discard", type=int, default=3)
    args = parser.parse_args()
    own_namespace()
    bench = Bench(args)
    print("load average %.1f, %d processors\n" % (os.getloadavg()[0], os.cpu_count()))
    print(
        "| what | taskcore | peer | peer / taskcore | bar | held |\n|---|---|---|---|---|---|",
        flush=True,
    )
    try:
        for name, function in PARTS:
            if re.search(args.only, name):
                try:
                    function(bench)
                except (lab.Failed, subprocess.SubprocessError, OSError) as e:
                    bench.missing(name, str(e)[:200])
    finally:
        for path in glob.glob(bench.scratch + "/*"):
            os.unlink(path)
        os.rmdir(bench.scratch)
    return 0


if __name__ == "__main__":
    sys.exit(main())
