#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that handle fatal signals and live on: few dumps of them or none, and a crash that comes later has its own."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "e2e")]
import lab  # noqa: E402

LIBRARY = r"""
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
static sigjmp_buf back;
static void leave(int sig) { (void)sig; siglongjmp(back, 1); }
static void report(int sig) { (void)sig; }
int probe(volatile char *p)
{
	struct sigaction set = { .sa_handler = leave }, old;
	int r = 0;
	sigaction(SIGSEGV, &set, &old);
	if (!sigsetjmp(back, 1)) { (void)*p; r = 1; }
	sigaction(SIGSEGV, &old, 0);
	return r;
}
int catch_abort(void)
{
	struct sigaction set = { .sa_handler = leave }, old;
	sigaction(SIGABRT, &set, &old);
	if (!sigsetjmp(back, 1)) abort();
	sigaction(SIGABRT, &old, 0);
	return 1;
}
void report_once(void)
{
	struct sigaction set = { .sa_handler = report, .sa_flags = SA_RESETHAND };
	sigaction(SIGILL, &set, 0);
	__builtin_trap();
}
"""
# name: the program, its end, the reasons of its dumps
CASES = {
    "SIGABRT raised 20 times, with a handler": ("signal.signal(6, print); [signal.raise_signal(6) for _ in range(20)]", 0, ["abrt"]),
    "SIGABRT raised 20 times, ignored": ("signal.signal(6, signal.SIG_IGN); [signal.raise_signal(6) for _ in range(20)]", 0, []),
    "abort() with SIGABRT ignored": ("signal.signal(6, signal.SIG_IGN); os.abort()", -6, ["abrt"]),
    "abort() left by siglongjmp 20 times": ("[lib.catch_abort() for _ in range(20)]", 0, ["abrt"]),
    "a probe of 300 addresses": ("assert sum(lib.probe(8) for _ in range(300)) == 0", 0, []),
    "a probe, and a crash after it": ("lib.probe(8); ctypes.string_at(8)", -11, ["segv"]),
    "a handler that is called once": ("lib.report_once()", -4, ["ill"]),
    "control: a crash": ("ctypes.string_at(8)", -11, ["segv"]),
}


def run(scratch, code):
    dumps = os.path.join(scratch, "dumps")
    shutil.rmtree(dumps, ignore_errors=True)
    os.mkdir(dumps)
    program = "import ctypes, os, signal; lib = ctypes.CDLL(%r); %s" % (os.path.join(scratch, "lives.so"), code)
    env = dict(os.environ, LD_PRELOAD=lab.program("libtaskcore.so"), TASKCORE_DIR=dumps)
    done = subprocess.run(["sh", "-c", 'ulimit -c 0; exec "$@"', "sh", sys.executable, "-c", program], env=env, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, check=False)
    reasons = [re.search(r"\.(\w+)\.tcore$", path).group(1) for path in sorted(glob.glob(dumps + "/*.tcore"))]
    return done.returncode, reasons, done.stderr


def main():
    failed = 0
    with tempfile.TemporaryDirectory(prefix="taskcore-lives.") as scratch:
        source = os.path.join(scratch, "lives.c")
        with open(source, "w") as file:
            file.write(LIBRARY)
        subprocess.run(os.environ.get("CC", "cc").split() + ["-shared", "-fPIC", "-O1", "-o", os.path.join(scratch, "lives.so"), source], check=True)
        for number, (name, (code, status, reasons)) in enumerate(CASES.items(), 1):
            found = run(scratch, code)
            good = found[:2] == (status, reasons)
            failed += not good
            print("%s %d - %s" % ("ok" if good else "not ok", number, name))
            if not good:
                print("  # it ended with %s, dumps %s: %s" % found)
    print("1..%d\n%d passed, %d failed, 0 skipped" % (number, number - failed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
