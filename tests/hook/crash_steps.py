#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Steps of a dump that fault or hang: the file names the step, the next ones are there, and the process ends, or lives on, as
without us. The hook is steps.so, whose steps can be spoilt (spoil_step.h)."""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "e2e")]
import lab  # noqa: E402

STEPS = ["the descriptors", "the walk over the tasks", "the states of threads after the walk"]
PROGRAM = """
import asyncio, ctypes, os, signal, sys
async def wait():
    await asyncio.sleep(1000)
async def main():
    tasks = [asyncio.create_task(wait()) for _ in range(5)]
    await asyncio.sleep(0)
    if sys.argv[1] == "crash":
        ctypes.string_at(24)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.sleep(0)
    sys.stdin.readline()  # until the test has seen the line about the dump
asyncio.run(main())
"""


def run(hook, directory, how, spoilt):
    """Run the program. Its exit status, what it said, and the one dump as JSON (None: there is none)."""
    shutil.rmtree(directory, ignore_errors=True)
    os.mkdir(directory)
    env = dict(os.environ, LD_PRELOAD=hook, TASKCORE_DIR=directory, TASKCORE_TEST_STEP=spoilt, TASKCORE_BUDGET_MS="300")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, how], env=env, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    said = process.stderr.readline()
    process.stdin.close()
    said += process.stderr.read()
    status = process.wait()
    dumps = glob.glob(directory + "/*.tcore")
    report = None
    if len(dumps) == 1:
        out = subprocess.run([lab.program("taskcore-analyze"), "--format", "json", dumps[0]], stdout=subprocess.PIPE, check=True).stdout
        report = json.loads(out)
    return status, said, report


def check(hook, directory, how, kind, name):
    status, said, report = run(hook, directory, how, "%s:%s" % (kind, name))
    want = -signal.SIGSEGV if how == "crash" else 0
    if status != want:
        return "it ended with %d, without us with %d" % (status, want)
    if report is None:
        return "no dump: %s" % said
    notices = report["dump"]["truncated"]
    named = [n for n in notices if name in n and "ended by a fault, or did not come to its end" in n]
    if bool(named) != (kind != "none"):
        return "the file says %s" % notices
    if name != "the walk over the tasks" or kind == "none":
        if report["dump"]["counts"]["tasks"] != 6:
            return "%d tasks of 6" % report["dump"]["counts"]["tasks"]
    if not report["dump"]["complete"] and kind == "none":
        return "it is not complete"
    return None


def main():
    failed = number = 0
    with tempfile.TemporaryDirectory(prefix="taskcore-steps.") as scratch:
        # a preloaded hook knows itself by its name
        hook = shutil.copy(lab.program("steps.so"), os.path.join(scratch, "libtaskcore.so"))
        cases = [(how, kind, name) for how in ("crash", "usr1") for name in STEPS for kind in ("segv", "general", "ill", "hang")]
        cases += [(how, "none", STEPS[1]) for how in ("crash", "usr1")]  # control: nothing is spoilt, nothing is said
        for number, (how, kind, name) in enumerate(cases, 1):
            wrong = check(hook, os.path.join(scratch, "dumps"), how, kind, name)
            print("%s %d - %s: %s, %s" % ("not ok" if wrong else "ok", number, how, kind, name))
            if wrong:
                failed += 1
                print("  #", wrong)
    print("1..%d\n%d passed, %d failed, 0 skipped" % (number, number - failed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
