# SPDX-License-Identifier: Apache-2.0
"""Shared by the tests of the program taskcore: where it is, targets, and the result as TAP."""
import os
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
LONG_S = 60  # nothing here takes so long unless it hangs


class Skip(Exception):
    """The test cannot run here; the text says why."""


def program(name):
    for place in (os.environ.get("TASKCORE_BUILD"), os.getcwd(), TOP):
        if place and os.access(os.path.join(place, name), os.X_OK):
            return os.path.abspath(os.path.join(place, name))
    sys.exit("%s is not built (set TASKCORE_BUILD)" % name)


TASKCORE = program("taskcore")


def must(true, text):
    if not true:
        raise AssertionError(text)


def state(pid, tid=None):
    with open("/proc/%d/task/%d/stat" % (pid, tid or pid)) as f:
        return f.read().rpartition(")")[2].split()[0]


def field(pid, name, file="status"):
    with open("/proc/%d/%s" % (pid, file)) as f:
        for line in f:
            if line.startswith(name + ":"):
                return line.split(":", 1)[1].strip()
    return None


def threads(pid):
    return [int(tid) for tid in os.listdir("/proc/%d/task" % pid)]


def await_true(condition, text):
    """Wait for an event that has no other sign."""
    end = time.monotonic() + LONG_S
    while not condition():
        must(time.monotonic() < end, "in vain waited for: " + text)
        time.sleep(0.0005)


class Target:
    """A program that prints READY, ended at the end of a with block."""

    def __init__(self, *command, **options):
        self.command = command
        self.options = options

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, **self.options)
        must(self.process.stdout.readline().startswith(b"READY"), "the target did not start")
        self.pid = self.process.pid
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stdin.close()


def parked(tasks, n_threads=0):
    return Target(sys.executable, os.path.join(HERE, "parked.py"), str(tasks), str(n_threads))


def compile_c(directory, source):
    """The path of a program compiled from the C text."""
    path = os.path.join(directory, "target")
    with open(path + ".c", "w") as f:
        f.write(source)
    try:
        subprocess.run(["cc", "-O1", "-pthread", "-o", path, path + ".c"], check=True)
    except FileNotFoundError:
        raise Skip("no C compiler")
    return path


def taskcore(*args, cwd=None, timeout=LONG_S, **options):
    return subprocess.run([TASKCORE, *map(str, args)], cwd=cwd, timeout=timeout, capture_output=True, text=True, **options)


def dump(pid, directory, *args, code=0, **options):
    """Dump into directory; the path of the file, or None."""
    done = taskcore("dump", pid, *args, cwd=directory, **options)
    must(done.returncode == code, "exit code %d, not %d: %s" % (done.returncode, code, done.stderr))
    must(len(done.stderr.splitlines()) == (0 if code == 0 else 1), "not one line on stderr: %r" % done.stderr)
    return os.path.join(directory, done.stdout.strip()) if done.stdout else None


def run(tests):
    """Run the tests, whose texts are their claims, and print TAP and the sums. The exit code."""
    passed = failed = skipped = 0
    for number, test in enumerate(tests, 1):
        claim = test.__doc__.strip().rstrip(".")
        try:
            with tempfile.TemporaryDirectory() as directory:
                test(directory)
        except Skip as why:
            skipped += 1
            print("ok %d - %s # SKIP %s" % (number, claim, why), flush=True)
        except Exception as why:
            failed += 1
            print("not ok %d - %s" % (number, claim))
            text = str(why) if isinstance(why, AssertionError) else traceback.format_exc()
            print("".join("# %s\n" % line for line in text.splitlines()), flush=True)
        else:
            passed += 1
            print("ok %d - %s" % (number, claim), flush=True)
    print("1..%d\n%d passed, %d failed, %d skipped" % (len(tests), passed, failed, skipped))
    return 1 if failed else 0
