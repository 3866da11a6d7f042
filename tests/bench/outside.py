# SPDX-License-Identifier: Apache-2.0
"""Dumps from outside, against what people use today."""
import os
import signal
import statistics
import subprocess
import sys
import time

from table import HERE, LOAD, duration, interpreters, lab, python

import soak_server

PEERS = {"py-spy": "0.4.3", "pystack": "1.7.2"}
PAIRS = 5
GROUP = """
import json, sys, collections
tasks = json.load(open(sys.argv[1]))
groups = collections.Counter(tuple((f["function"], f["file"], f["line"]) for f in t["frames"]) for t in tasks)
print(groups.most_common(10))
"""
JQ = "[.[] | [.frames[] | [.function, .file, .line]]] | group_by(.) | map({n: length, chain: .[0]}) | sort_by(-.n) | .[:10]"


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


def bench_ps(bench):
    """Against asyncio ps at 1k, 10k, 60k."""
    one = python("3.14-forky")
    if not one:
        return bench.missing("against asyncio ps", "no interpreter 3.14-forky")
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

