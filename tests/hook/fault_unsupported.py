# SPDX-License-Identifier: Apache-2.0
"""Programs without a Python that is known: PyPy, CPython 2.7, 3.6 and 3.7, perl. They are named, and nothing is done to them."""
import glob
import os
import shutil
import signal

from fault_files import sub
from hooked import Hooked, Skip, await_true, dumps_in, must, report, taskcore

SLEEP = "import sys, time; sys.stdout.write('READY\\n'); sys.stdout.flush(); time.sleep(1000)"


def interpreter(name, *paths):
    for path in paths:  # pyenv's own first: what it puts on the PATH may refuse to start
        for found in sorted(glob.glob(os.path.expanduser(path))) or [shutil.which(path)]:
            if found and os.access(found, os.X_OK):
                return found
    raise Skip("no " + name)


def unsupported(directory, name, python, code=SLEEP):
    """dump, signal and status name it, with exit code 3 and no file; it lives on."""
    dumps = sub(directory, "dumps")
    with Hooked(directory, dumps, command=[python, "-c", code]) as target:
        for verb in ("dump", "signal", "status", "doctor"):
            done = taskcore(verb, target.pid, cwd=directory)
            must(done.returncode == 3, "%s: %d %s" % (verb, done.returncode, done.stderr))
            must(name in done.stdout + done.stderr and "not supported" in done.stdout + done.stderr, "%s: %s" % (verb, done.stdout + done.stderr))
            must(done.stderr.count("\n") == (verb in ("dump", "signal")), "not one line: %r" % done.stderr)
        must(dumps_in(dumps) == dumps_in(directory) == [], "a file")
        must(target.process.poll() is None and target.said() == "", target.said())


def test_pypy(directory):
    """PyPy is named as not supported by dump, signal, status and doctor, with 3"""
    unsupported(directory, "PyPy 3.", interpreter("PyPy", "pypy3"))


def test_python_2(directory):
    """so is Python 2.7"""
    unsupported(directory, "Python 2.7", interpreter("Python 2.7", "~/.pyenv/versions/2.7.*/bin/python", "python2.7"))


def test_python_3_6(directory):
    """so is Python 3.6"""
    unsupported(directory, "Python 3.6", interpreter("Python 3.6", "~/.pyenv/versions/3.6.*/bin/python", "python3.6"))


def test_python_3_7(directory):
    """Python 3.7, whose threads can be read: dump and signal name it, with 3, and print the path of a dump of its threads"""
    python = interpreter("Python 3.7", "~/.pyenv/versions/3.7.*/bin/python", "python3.7")
    with Hooked(directory, sub(directory, "dumps"), command=[python, "-c", SLEEP]) as target:
        for verb in ("dump", "signal"):
            done = taskcore(verb, target.pid, cwd=directory)
            must(done.returncode == 3 and "not supported" in done.stderr, "%s: %d %s" % (verb, done.returncode, done.stderr))
            found = report(os.path.join(directory, done.stdout.strip()))
            must(len(found["threads"]) == 1 and found["dump"]["python"] == "3.7", "%s" % found["dump"])
        must("3.7" in taskcore("dump", target.pid, cwd=directory).stderr, "its version")
        done = taskcore("status", target.pid)
        must(done.returncode == 3 and "python   3.7 in" in done.stdout and "starts up" not in done.stdout, done.stdout)
        must(target.process.poll() is None, "it ended")


PERL = r"""
$| = 1; $why = "the private signal"; $SIG{USR2} = sub { $why = "USR2" };
print "READY\n"; sleep 1000; print "$why\n"; sleep 1000;
"""


def test_perl(directory):
    """a hooked perl is told to have no Python before anything is sent: its sleep is not cut short"""
    perl = interpreter("perl", "perl")
    with Hooked(directory, sub(directory, "dumps"), command=[perl, "-e", PERL]) as target:
        await_true(lambda: open("/proc/%d/syscall" % target.pid).read().split()[0] in ("35", "230"), "its sleep")
        done = taskcore("signal", target.pid)
        must(done.returncode == 3 and "no Python" in done.stderr and "nothing was sent" in done.stderr, "%d %s" % (done.returncode, done.stderr))
        target.kick(signal.SIGUSR2)  # which ends it: the first thing that does
        must(target.process.stdout.readline() == b"USR2\n", "its sleep was cut short")
