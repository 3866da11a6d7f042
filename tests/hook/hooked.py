# SPDX-License-Identifier: Apache-2.0
"""A process with libtaskcore.so in it, and what a test may ask of it and of its dumps."""
import ast
import glob
import json
import os
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "dumper"))
from common import LONG_S, Skip, await_true, compile_c, must, program, run, taskcore  # noqa: E402,F401

LIBRARY = program("libtaskcore.so")
ANALYZE = program("taskcore-analyze")
TARGET = os.path.join(HERE, "hooked_target.py")
SAID = re.compile(r"taskcore: (/.*\.tcore): (\d+) tasks?, (\d+) bytes, paused [0-9.]+ ms")


def environment(directory=None, **more):
    """Of a hooked process; directory: TASKCORE_DIR. A value None takes a variable away."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("TASKCORE_") and k != "TMPDIR"}
    env.update(LD_PRELOAD=LIBRARY, TASKCORE_MIN_INTERVAL_S="0", PYTHONDONTWRITEBYTECODE="1")
    if directory:
        env["TASKCORE_DIR"] = directory
    env.update(more)
    return {k: v for k, v in env.items() if v is not None}


class Hooked:
    """A program under the hook until the end of a with block. Without a command: hooked_target.py with code and so many tasks.
    errors: the file that is its standard error, read by said() and line()."""

    def __init__(self, scratch, dumps=None, code="", tasks=4, command=None, prefix=(), env=None, **options):
        self.tasks, self.dumps = tasks, dumps
        self.command = [*prefix, *(command or [sys.executable, TARGET, str(tasks), code])]
        self.options = dict(env=environment(dumps, **(env or {})), stdin=subprocess.PIPE, cwd=scratch)
        self.errors = self.seen = None
        if "stderr" not in options:
            self.errors = os.path.join(scratch, "stderr.%d" % len(os.listdir(scratch)))
        self.options.update(options)

    def __enter__(self):
        if self.errors:
            with open(self.errors, "wb") as file:
                self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=file, **self.options)
        else:
            self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, **self.options)
        self.seen = 0
        self.pid = self.process.pid
        ready = self.process.stdout.readline()
        if not ready.startswith(b"READY"):
            self.__exit__()
            must(False, "the target did not start: %r %s" % (ready, self.said()))
        told = ready.split()
        self.pid = int(told[1]) if len(told) > 1 else self.pid
        return self

    def __exit__(self, *_):
        for pid in {self.pid, self.process.pid}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.process.stdout.close()
        if self.process.stdin:
            self.process.stdin.close()

    def said(self):
        """All of its standard error so far."""
        if not self.errors:
            return "(stderr is elsewhere)"
        with open(self.errors, errors="replace") as file:
            return file.read()

    def line(self, start="taskcore: "):
        """The next line on its standard error that begins so, which is waited for."""
        found = []

        def look():
            text = self.said()[self.seen :]
            for line in text.splitlines(keepends=True):
                if not line.endswith("\n"):
                    return False
                self.seen += len(line)
                if line.startswith(start):
                    found.append(line.rstrip("\n"))
                    return True
            return False

        def ended():
            return self.process.poll() is not None and not look()

        await_true(lambda: look() or ended(), "a line '%s…' after: %s" % (start, self.said()[-600:]))
        must(found, "it ended (%s) with no line '%s…': %s" % (self.process.returncode, start, self.said()[-600:]))
        return found[0]

    def kick(self, sig=signal.SIGUSR1):
        os.kill(self.pid, sig)

    def dump(self, sig=signal.SIGUSR1):
        """Signal it; the path that it says."""
        self.kick(sig)
        return self.dumped()

    def dumped(self):
        line = self.line()
        told = SAID.match(line)
        must(told, "no dump: " + line)
        return told.group(1)

    def refused(self, *words):
        """Signal it; it says one line of refusal with these words and lives on."""
        self.kick()
        line = self.line()
        must(line.startswith("taskcore: no dump (") or line.startswith("taskcore: refused ("), line)
        for word in words:
            must(word in line, "no '%s' in: %s" % (word, line))
        self.lives()
        return line

    def ask(self, expression):
        """What the expression gives in the program's loop."""
        self.process.stdin.write(expression.encode() + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        must(answer, "it does not answer: %s" % self.said()[-600:])
        return ast.literal_eval(answer.decode())

    def lives(self):
        must(self.process.poll() is None, "it ended with %s: %s" % (self.process.returncode, self.said()[-600:]))
        must(self.ask("6 * 7") == 42, "it does not turn")

    def children(self):
        with open("/proc/%d/task/%d/children" % (self.pid, self.pid)) as file:
            return [int(pid) for pid in file.read().split()]

    def idle(self):
        """Wait until no child of it is at work (a zombie may be left). The first thread of one can be a zombie before its last one ends, and none
        is reaped until then."""
        def working():
            for stat in (path for pid in self.children() for path in glob.glob("/proc/%d/task/*/stat" % pid)):
                try:
                    with open(stat) as file:
                        if file.read().rpartition(")")[2].split()[0] not in "ZX":
                            return True
                except (FileNotFoundError, ProcessLookupError):
                    pass
            return False

        await_true(lambda: not working(), "the end of its children")


def full_pipe():
    """(read end, write end) of a pipe that takes no byte more."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(write, True)
    return read, write


def files(directory):
    """Everything in the directory, our temporary files too."""
    return sorted(os.listdir(directory))


def dumps_in(directory):
    return sorted(glob.glob(os.path.join(glob.escape(directory), "*.tcore")))


def report(path):
    done = subprocess.run([ANALYZE, path, "--format", "json"], capture_output=True, timeout=LONG_S)
    must(done.returncode == 0, "analyze: %d %s" % (done.returncode, done.stderr.decode(errors="replace")))
    return json.loads(done.stdout)


def whole(path, tasks=None, *, mode=0o600, said=None, complete=True):
    """The dump is sealed, its sums balance, all tasks are there, its mode is right, and it says these words; its report."""
    done = subprocess.run([ANALYZE, "check", path], capture_output=True, text=True, timeout=LONG_S)
    must(done.returncode == 0, "check: %d %s%s" % (done.returncode, done.stdout, done.stderr))
    found = report(path)
    counts = found["dump"]["counts"]
    must(complete is None or found["dump"]["complete"] == complete, "complete: %s" % found["dump"])
    must(counts["tasks"] == counts["read"] + counts["torn"] + counts["cut"], "sums: %s" % counts)
    if tasks is not None:
        must(counts["read"] == tasks, "%d of %d tasks read: %s" % (counts["read"], tasks, counts))
    if said:
        must(said in " ".join(found["dump"]["truncated"]), "no '%s' in %s" % (said, found["dump"]["truncated"]))
    now = os.stat(path).st_mode & 0o7777
    must(now == mode, "mode %o of %s" % (now, path))
    return found


def tests_of(module):
    """Its functions test_…, in the order they stand in."""
    found = [f for name, f in vars(module).items() if name.startswith("test_")]
    return sorted(found, key=lambda f: f.__code__.co_firstlineno)


def now():
    return time.monotonic()
