#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures taskcore against what people use today, on the same processes in the same run, and prints a table in Markdown.

  bench.py [--only REGEX] [--runs 9] [--discard 3]
  parts: %s

From outside: medians of 9 runs after 3 that are discarded; the first, cold run is shown. Peers: python3.14 -m asyncio ps (Debian
forky), py-spy and pystack (PyPI, pinned), Python's json and jq. The hook: the pause is the gap in a main thread that reads the
clock, medians; the peer is the handler that programs have today (tests/e2e/load.py, classic_handler), as SIGUSR2 of the same
process. The bars are those of the project's design; nothing fails here, ratios are printed. What is missing is a line that says so.
Wall times depend on what else the machine does."""
import argparse
import glob
import os
import re
import subprocess
import sys

import crash_times
import hook_cost
import hook_pause
import hook_stacks
import outside
from table import Bench, lab

PARTS = [
    ("small", outside.bench_small),
    ("ps", outside.bench_ps),
    ("size", outside.bench_size),
    ("million", outside.bench_million),
    ("server", outside.bench_server),
    ("hook-pause", hook_pause.bench_pause),
    ("hook-stolen", hook_pause.bench_stolen),
    ("hook-million", hook_pause.bench_hook_million),
    ("hook-threads", hook_pause.bench_threads),
    ("hook-bound", hook_pause.bench_bound),
    ("hook-stacks", hook_stacks.bench_stacks),
    ("hook-debuggers", hook_stacks.bench_debuggers),
    ("crash", crash_times.bench_crash),
    ("hook-server", hook_cost.bench_server),
    ("hook-exec", hook_cost.bench_exec),
    ("hook-new-threads", hook_cost.bench_new_threads),
    ("hook-idle", hook_cost.bench_idle),
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
        description=__doc__ % ", ".join(name for name, _ in PARTS), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="only parts whose name it matches")
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
