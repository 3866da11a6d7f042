#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A target that lies: varied.py on every interpreter, read by walk_forged, which forges words of what is read.

  forged.py [SEEDS]      forged walks of each interpreter (default: 200)

Each walk must come to an end without a crash, in bounded time, with found = read + torn + cut. Prints TAP."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
import compare  # noqa: E402
import lab  # noqa: E402
from lab import interpreters  # noqa: E402


def forged(one, seeds):
    """(whether it went well, what walk_forged said of itself)."""
    with lab.Target(one, compare.PROGRAM, helpers=compare.HELPERS) as target:
        done = subprocess.run(
            [lab.program("walk_forged"), str(target.pid), str(seeds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=600,
            env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"),
        )
    text = done.stdout.decode(errors="replace").strip()
    return done.returncode == 0, "exit code %d: %s" % (done.returncode, text)


def main():
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    found = interpreters.find()
    print("1..%d" % len(found))
    failed = 0
    for number, one in enumerate(found, 1):
        try:
            good, text = forged(one, seeds)
        except (lab.Failed, subprocess.TimeoutExpired) as e:
            good, text = False, str(e)
        failed += not good
        print("%s %d - %s: a target that lies" % ("ok" if good else "not ok", number, one.name))
        print("\n".join("  # " + line for line in text.split("\n")[-20:]), flush=True)
    print("%d passed, %d failed" % (len(found) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
