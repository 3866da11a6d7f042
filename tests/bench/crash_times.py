# SPDX-License-Identifier: Apache-2.0
"""Crashes with the hook: when the head of the dump is in the file, when the file is sealed, when the process is gone; and what a crash
costs without the hook, with a core of the kernel, and with faulthandler.

The times are seen from outside, by a process that waits in poll(), at a real-time priority where it may have one: inotify says
when the temporary file is made and at each write to it, and its size is read then. Which of these sizes is the first with the whole head in
it is told by the sealed file: the head is its first segment, of notes only. So a time is that of the write or a little later. The signal's
own time is told by the target, right before it crashes, by the same clock."""
import contextlib
import glob
import os
import select
import signal
import statistics
import struct
import time

from hook_lab import IN_CREATE, IN_MODIFY, IN_MOVED_TO, HookTarget, Watch
from hook_pause import TARGET, spread
from table import duration, lab, python

HEAD_BAR, SEALED_BAR = 0.02, 0.8
SIGNALS = {"segv": "SIGSEGV", "abrt": "SIGABRT"}
# Tasks, crashes of each way.
SIZES = ((1000, 9), (100000, 5))
SHELL = ["sh", "-c", 'cd "$0" && ulimit -c "$1" && shift && exec "$@"']


class CrashTarget(HookTarget):
    """Runs in its own directory, with the limit on cores that is given."""

    def __init__(self, one, n, *, hook, core="0", settings={}):
        super().__init__(one, TARGET, str(n), hook=hook, settings=settings)
        self.command[:0] = SHELL + [self.dir, core]
        self.hooked = hook


def work_of(target, how):
    """The processor time of a process that has ended, and of the children that it has waited for (s)."""
    _, status, usage = os.wait4(target.process.pid, 0)
    target.process.returncode = status
    if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != getattr(signal, SIGNALS[how]):
        raise lab.Failed("the target ended with status %#x" % status)
    return usage.ru_utime + usage.ru_stime


class File:
    """The temporary file: its size at each write that was seen."""

    def __init__(self, path):
        self.fd, self.sizes = os.open(path, os.O_RDONLY), []

    def look(self, now):
        self.sizes.append((os.fstat(self.fd).st_size, now))

    def head_at(self):
        """When the head was there: it is the first segment (docs/format.md, section 1)."""
        at = struct.unpack("<Q", os.pread(self.fd, 8, 32))[0]
        offset, _, _, size = struct.unpack("<QQQQ", os.pread(self.fd, 32, at + 8))
        return next(now for length, now in self.sizes if length >= offset + size)


@contextlib.contextmanager
def real_time():
    """Run when there is something to see, whoever else wants to run."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    yield
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


class Crash:
    """One crash. In seconds since the signal: gone, and with the hook head and sealed; work: the processor time of the process and of the
    child that it has waited for, from then on; size: of what it left, in bytes."""

    def __init__(self, target, how):
        self.file = self.sealed = self.gone = None
        # what makes a core of the kernel is not to wake us at each write
        watch = Watch(target.dir, IN_CREATE | IN_MODIFY | IN_MOVED_TO if target.hooked else IN_MOVED_TO)
        pid = os.pidfd_open(target.pid)
        with open("/proc/%d/schedstat" % target.pid) as f:
            worked = int(f.read().split()[0])
        os.write(target.process.stdin.fileno(), b"crash %s\n" % how.encode())
        try:
            with real_time():
                self.follow(watch, pid, target.dir)
            self.work = work_of(target, how) - worked / 1e9
            start = int(target.answers.readline())
            head = self.file.head_at() if self.file else None
        finally:
            watch.close()
            os.close(pid)
            if self.file:
                os.close(self.file.fd)
        self.head, self.sealed, self.gone = [at and (at - start) / 1e9 for at in (head, self.sealed, self.gone)]
        left = glob.glob(target.dir + "/*.tcore") + glob.glob(target.dir + "/core*")
        self.size = os.path.getsize(left[0]) if left else os.fstat(target.errors.fileno()).st_size

    def follow(self, watch, pid, directory):
        poll = select.poll()
        poll.register(watch.fd, select.POLLIN)
        poll.register(pid, select.POLLIN)
        while not self.gone:
            ready = [fd for fd, _ in poll.poll(lab.WAIT_S * 1000)]
            now = time.perf_counter_ns()
            if not ready:
                raise lab.Failed("the target has crashed and does not end")
            for what, name in watch.events() if watch.fd in ready else ():
                self.event(what, os.path.join(directory, name), now)
            if pid in ready:
                self.gone = now

    def event(self, what, path, now):
        if path.endswith(".tcore"):
            self.sealed = now
        with contextlib.suppress(FileNotFoundError):  # it has its final name already
            self.file = self.file or File(path)
            self.file.look(now)


def no_cores():
    """Why the kernel writes no core into the working directory, or nothing."""
    with open("/proc/sys/kernel/core_pattern") as f:
        pattern = f.read().strip()
    return "core_pattern is " + pattern if pattern[:1] in "|@/" else ""


WAYS = {
    "hook": dict(hook=True),
    "bare": dict(hook=False),
    "core": dict(hook=False, core="unlimited"),
    "faulthandler": dict(hook=False, settings={"PYTHONFAULTHANDLER": "1"}),
}


def crashes(one, n, how, runs):
    """Crashes of each way; the ways take turns."""
    ways = {name: [] for name in WAYS if name != "core" or not no_cores()}
    for _ in range(runs):
        for name, found in ways.items():
            with CrashTarget(one, n, **WAYS[name]) as target:
                target.settle()
                found.append(Crash(target, how))
    if not all(crash.sealed and crash.head for crash in ways["hook"]):
        raise lab.Failed("a crash without a dump")
    return ways


def bench_crash(bench):
    """SIGSEGV and SIGABRT of a process with 1k and 100k tasks."""
    one = python("3.11-debian")
    if not one:
        return bench.missing("crashes", "no interpreter 3.11-debian")
    for n, runs in SIZES:
        for how in SIGNALS:
            rows(bench, "{:,} tasks (3.11), {}".format(n, SIGNALS[how]), n, crashes(one, n, how, runs))


def rows(bench, what, n, ways):
    def all_of(way, field):
        return [getattr(crash, field) for crash in ways[way]]

    def middle(way, field="gone"):
        return statistics.median(all_of(way, field))

    bench.row(
        what + ": until the head, with signal and registers, is in the file",
        spread(all_of("hook", "head")),
        "",
        None,
        "≤ 20 ms",
        middle("hook", "head") <= HEAD_BAR,
    )
    core = "core" in ways
    bench.row(
        what + ": until the file is sealed, {:,.1f} MB".format(middle("hook", "size") / 1e6),
        spread(all_of("hook", "sealed")),
        "a core of the kernel: %s, %.0f MB" % (duration(middle("core")), middle("core", "size") / 1e6) if core else no_cores(),
        middle("core") / middle("hook", "sealed") if core else None,
        "≤ 800 ms" if n == SIZES[-1][0] else "",
        middle("hook", "sealed") <= SEALED_BAR if n == SIZES[-1][0] else None,
    )
    bench.row(
        what + ": until the process is gone; of processor time {}, without the hook {}{}".format(
            *[duration(middle(way, "work")) for way in ("hook", "bare")],
            ", for the core " + duration(middle("core", "work")) if core else "",
        ),
        spread(all_of("hook", "gone")),
        "without the hook %s; with faulthandler, %.0f bytes, %s"
        % (duration(middle("bare")), middle("faulthandler", "size"), duration(middle("faulthandler"))),
        middle("bare") / middle("hook", "gone"),
    )
