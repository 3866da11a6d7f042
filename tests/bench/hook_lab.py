# SPDX-License-Identifier: Apache-2.0
"""Targets with the hook preloaded, and when their dumps are complete."""
import ast
import ctypes
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import time

from table import HERE, LOAD, lab

IN_MODIFY, IN_MOVED_TO, IN_CREATE = 0x2, 0x80, 0x100  # inotify(7)


class Watch:
    """What happens to files in a directory: by default, that they get their final name."""

    def __init__(self, path, mask=IN_MOVED_TO):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self.fd < 0 or libc.inotify_add_watch(self.fd, os.fsencode(path), mask) < 0:
            raise OSError(ctypes.get_errno(), "inotify")

    def next(self, seconds=lab.WAIT_S):
        """The next one, and when it was seen (ns)."""
        if not select.select([self.fd], [], [], seconds)[0]:
            raise lab.Failed("no file within %d s" % seconds)
        seen = time.perf_counter_ns()
        return self.events()[0][1], seen

    def events(self):
        """Those that have come: (what, name)."""
        data, at, found = os.read(self.fd, 1 << 16), 0, []
        while at < len(data):
            _, what, _, length = struct.unpack_from("iIII", data, at)
            found.append((what, data[at + 16 : at + 16 + length].rstrip(b"\0").decode()))
            at += 16 + length
        return found

    def close(self):
        os.close(self.fd)


class Dump:
    """What one signal led to, in ns: the pause as the dump says (pause), as the main thread saw it (seen), what of that the processor
    worked for it (cpu), when the file was there (complete), and the work of the child that made it; and the file's size in bytes."""

    def __init__(self, pause, seen, cpu, complete, work, size):
        self.pause, self.seen, self.cpu, self.complete, self.work, self.size = (
            pause,
            seen,
            cpu,
            complete,
            work,
            size,
        )


class HookTarget(lab.Target):
    """A program with the hook preloaded; its dumps go to a directory of its own."""

    stdin = subprocess.PIPE

    def __init__(self, one, path, *options, hook=True, settings={}):
        super().__init__(one, path, *options)
        base = one.root + "/tmp"
        self.dir = tempfile.mkdtemp(prefix="taskcore-bench.", dir=base)
        variables = dict(
            TASKCORE_DIR=self.dir[len(one.root) :],
            TASKCORE_MIN_INTERVAL_S="0",
            PYTHONPATH=os.path.dirname(one.place(LOAD)),
            PYTHONDONTWRITEBYTECODE="1",
            LOAD_JSON=self.dir[len(one.root) :] + "/classic.json",
            **settings,
        )
        if hook:
            variables["LD_PRELOAD"] = one.place(lab.program("libtaskcore.so"))
        at = 2 if one.root else 0  # chroot ROOT itself runs without
        words = ["/usr/bin/env"] + ["%s=%s" % pair for pair in variables.items()]
        self.command[at:at] = words

    def __enter__(self):
        self.watch, self.said = Watch(self.dir), 0
        super().__enter__()
        return self

    def __exit__(self, *_):
        super().__exit__()
        self.watch.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def read_until_ready(self):
        super().read_until_ready()
        self.answers = open(self.process.stdout.fileno(), closefd=False)

    def order(self, text):
        """Give a command of hook_target.py; returns when it is under way."""
        os.write(self.process.stdin.fileno(), (text + "\n").encode())
        if self.answers.readline() != "GO\n":
            raise lab.Failed("the target has ended")

    def answer(self):
        return ast.literal_eval(self.answers.readline())

    def line(self):
        """The next line of the hook on standard error: the pause in ns."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            text = os.pread(self.errors.fileno(), 1 << 16, self.said)
            if b"\n" in text:
                one = text[: text.index(b"\n") + 1]
                self.said += len(one)
                found = re.search(rb"paused ([\d.]+) ms", one)
                if not found:
                    raise lab.Failed(one.decode(errors="replace").strip())
                return float(found.group(1)) * 1e6
            time.sleep(0.001)
        raise lab.Failed("the hook said nothing")

    def take(self):
        """Wait for the next file, the hook's line and the end of its child: a Dump with its time of day instead of when it was
        complete, and without a pause seen."""
        name, seen = self.watch.next()
        pause = self.line() if name.endswith(".tcore") else None
        while pause and dump_child(self.pid):
            time.sleep(0.0005)
        path = os.path.join(self.dir, name)
        size = os.path.getsize(path)
        os.unlink(path)
        return Dump(pause, None, None, seen, work_of_children(self.pid), size)

    def signal(self, number):
        """Send it, and wait for the file that it leads to."""
        self.order("gaps")
        start = time.perf_counter_ns()
        os.kill(self.pid, number)
        dump = self.take()
        os.write(self.process.stdin.fileno(), b"\n")
        # Others are the scheduler's.
        gaps = [
            (ns, cpu)
            for at, ns, cpu in self.answer()
            if at + ns > start and ns >= (dump.pause or 0)
        ]
        if not gaps:
            raise lab.Failed("the pause was not seen")
        dump.seen, dump.cpu = gaps[0] if dump.pause else max(gaps)
        dump.complete -= start
        return dump

    def dump(self):
        return self.signal(signal.SIGUSR1)

    def idle_dump(self):
        """While the target waits, and the child has a processor to itself."""
        start = time.perf_counter_ns()
        os.kill(self.pid, signal.SIGUSR1)
        dump = self.take()
        dump.complete -= start
        return dump

    def classic(self, with_locals):
        """The classic handler in its place."""
        bare = os.path.join(self.dir, "classic.json.bare")
        if with_locals and os.path.exists(bare):
            os.unlink(bare)
        elif not with_locals:
            open(bare, "w").close()
        return self.signal(signal.SIGUSR2)


def dump_child(pid):
    """The child that makes a dump of pid; None: there is none, or it has ended."""
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        for child in f.read().split():
            try:
                with open("/proc/%s/stat" % child) as stat:
                    if stat.read().rpartition(")")[2].split()[0] != "Z":
                        return int(child)
            except OSError:  # reaped meanwhile
                pass
    return None


def work_of_children(pid):
    """The processor time (ns) of children that have ended and are not reaped."""
    work = 0
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        for child in f.read().split():
            try:
                with open("/proc/%s/schedstat" % child) as sched:
                    work = max(work, int(sched.read().split()[0]))
            except OSError:
                pass
    return work


def smaps(pid):
    """Start of each mapping: its fields in bytes."""
    found, fields = {}, {}
    with open("/proc/%d/smaps" % pid) as f:
        for line in f:
            word, _, rest = line.partition(" ")
            if word.endswith(":"):
                if rest.endswith("kB\n"):
                    fields[word[:-1]] = int(rest.split()[0]) << 10
            else:
                fields = found[word.partition("-")[0]] = {"name": line[73:].strip()}
    return found


def own_memory(child, parent, watch):
    """The most that a dumping child has to itself until its file is there: what it wrote to (own), its page tables (tables), and the
    most that its bitmap of seen objects can be (bitmap: one bit for 16 bytes)."""
    before = smaps(parent)
    bitmap = sum(m["Private_Dirty"] + m["Shared_Dirty"] for m in before.values()) // 128
    most = {"own": 0, "tables": 0, "bitmap": bitmap}
    while not select.select([watch.fd], [], [], 0.02)[0]:
        try:
            own = sum(m["Private_Dirty"] for m in smaps(child).values())
            with open("/proc/%d/status" % child) as f:
                tables = int(re.search(r"VmPTE:\s+(\d+)", f.read()).group(1)) << 10
        except (OSError, AttributeError):
            break
        most["own"], most["tables"] = max(most["own"], own), max(most["tables"], tables)
    return most
