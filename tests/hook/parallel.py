# SPDX-License-Identifier: Apache-2.0
"""Runs tests side by side, and prints TAP. A test is (name, function, arguments) or (name, function, arguments, keywords)."""
import concurrent.futures
import os
import subprocess
import sys
import traceback

from service import Skip

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import lab  # noqa: E402

MAX_LINES = 20


def absent(name):
    raise lab.Missing("interpreter %s is expected and not here" % name)


def run_one(test):
    """(name, "ok", "not ok" or "skip", text)."""
    name, function, arguments, *more = test
    try:
        return name, "ok", function(*arguments, **(more[0] if more else {}))
    except (lab.Missing, Skip) as e:
        return name, "skip", str(e)
    except (lab.Failed, subprocess.TimeoutExpired) as e:
        return name, "not ok", str(e)
    except Exception:  # noqa: BLE001 what was not foreseen is a failure of its test, not of the run
        return name, "not ok", traceback.format_exc()


def report(number, name, result, text):
    if result == "skip":
        print("ok %d - %s # SKIP %s" % (number, name, text), flush=True)
        return
    print("%s %d - %s%s" % (result, number, name, " (%s)" % text if result == "ok" and text else ""), flush=True)
    if result == "not ok":
        for line in text.rstrip().split("\n")[-MAX_LINES:]:
            print("  # " + line, flush=True)


def run_all(tests, jobs, run=run_one):
    """The exit code: 1 if one failed."""
    counts = {"ok": 0, "not ok": 0, "skip": 0}
    print("1..%d" % len(tests))
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for number, (name, result, text) in enumerate(pool.map(run, tests), 1):
            counts[result] += 1
            report(number, name, result, text or "")
    print("%d passed, %d failed, %d skipped" % (counts["ok"], counts["not ok"], counts["skip"]))
    return 1 if counts["not ok"] else 0
