# SPDX-License-Identifier: Apache-2.0
"""Starts target programs under `taskcore run` and has them dump themselves by a signal.

Program and library are copied beside the dumps of each target: several builds can be tested at once, and a target in a tree of its own
(interpreters.py) sees them. Such a target gets a /proc in a mount namespace of its own."""
import ctypes
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import lab
from lab import interpreters

SYS_TGKILL = 234  # x86-64
libc = ctypes.CDLL(None, use_errno=True)


def kill_thread(pid, tid, sig):
    """A signal for one thread of the process."""
    if libc.syscall(SYS_TGKILL, pid, tid, int(sig)) != 0:
        raise lab.Failed("tgkill: " + os.strerror(ctypes.get_errno()))


def await_true(condition, what):
    """Wait for something that has no other sign; returns what condition() returned."""
    end = time.monotonic() + lab.WAIT_S
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise lab.Failed("in vain waited for " + what)
        time.sleep(0.001)


class Dumps:
    """A directory that a target sees, with taskcore and its library in it and the dumps below it; gone after the with block."""

    def __init__(self, one):
        self.one = one

    def __enter__(self):
        programs = [lab.program(name) for name in ("taskcore", "libtaskcore.so")]
        self.top = tempfile.mkdtemp(prefix="taskcore-hook.", dir=self.one.root + "/tmp")
        self.path = os.path.join(self.top, "dumps")
        os.mkdir(self.path)
        # By a program: a file open for writing here would be so in what another thread starts (ETXTBSY).
        subprocess.run(["cp"] + programs + [self.top], check=True)
        self.seen = set()
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.top, ignore_errors=True)

    def inside(self, *names):
        """The path of a file below the directory as the target sees it."""
        return os.path.join(self.top, *names)[len(self.one.root) :]

    def all(self):
        return sorted(f for f in os.listdir(self.path) if f.endswith(".tcore"))

    def unfinished(self):
        return sorted(f for f in os.listdir(self.path) if not f.endswith(".tcore"))

    def new(self):
        """The path of the one dump that was not there before."""
        found = await_true(lambda: set(self.all()) - self.seen, "a dump in " + self.path)
        self.seen |= found
        if len(found) != 1:
            raise lab.Failed("%d dumps instead of one: %s" % (len(found), sorted(found)))
        return os.path.join(self.path, found.pop())


def command_of(one, dumps):
    """The interpreter's command under taskcore run."""
    command = [dumps.inside("taskcore"), "run", "--dir", dumps.inside("dumps"), "--min-interval-s", "0", "--"]
    if not one.root:
        return command + one.command
    return interpreters.in_tree(one.root, command + one.command[2:])


class Target(lab.Target):
    """A lab.Target with the hook. freeze: snapshot, place or auto."""

    def __init__(self, one, path, *options, dumps, freeze="auto", settings=(), **more):
        super().__init__(one, path, *options, **more)
        self.dumps = dumps
        self.n_refused = 0  # lines of refusal that were answered by another signal
        self.command = command_of(one, dumps) + self.command[len(one.command) :]
        self.env = dict(self.env, TASKCORE_FREEZE=freeze, **dict(settings))

    def said(self):
        """What the target, and the hook in it, wrote to stderr."""
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def ask(self, tid=None, sig=signal.SIGUSR1):
        """Send the signal to the process, or to one thread; the path of the sealed dump. The child of the dump before may still be on its
        way to its end: then the signal is refused, and sent again."""
        def send():
            if tid is None:
                os.kill(self.pid, sig)
            else:
                kill_thread(self.pid, tid, sig)

        def answered():
            if self.process.poll() is not None:
                raise lab.Failed("the target ended with %d: %s" % (self.process.returncode, self.said()[-400:]))
            refused = re.findall("^taskcore: (?:no dump|refused).*\n", self.said(), re.M)[self.n_refused:]
            if refused and all("a dump is under way" in line for line in refused):
                self.n_refused += len(refused)
                send()
            elif refused:
                raise lab.Failed(self.said()[-400:])
            return set(self.dumps.all()) - self.dumps.seen

        send()
        await_true(answered, "an answer to the signal")
        path = self.dumps.new()
        await_true(lambda: os.path.basename(path) in self.said(), "the line on stderr")
        self.check_line(path)
        return path

    def check_line(self, path):
        """The line after a dump: taskcore: PATH: N tasks, B bytes, paused X ms."""
        lines = [line for line in self.said().split("\n") if os.path.basename(path) in line]
        size, where = os.path.getsize(path), self.dumps.inside("dumps", os.path.basename(path))
        if len(lines) != 1 or not re.fullmatch(
            r"taskcore: %s: \d+ tasks?, %d bytes, paused \d+\.\d\d ms" % (re.escape(where), size), lines[0]
        ):
            raise lab.Failed("lines on stderr about a dump of %d bytes: %r" % (size, lines))
