#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The native stacks in a dump, as gdb and eu-stack see them, against the same process alive: by signal, from a copy and in place, and from outside. Prints TAP; names of
tests as arguments run only these."""
import contextlib
import ctypes
import os
import re
import shutil
import signal
import struct
import subprocess
import sys

from hooked import Hooked, Skip, await_true, dumps_in, must, run, taskcore, whole

SYS_TGKILL = 234  # x86-64
OUTERMOST = {"_start", "clone", "__clone", "clone3", "__clone3"}
# Threads that sleep in different calls, each below some frames.
SLEEPERS = """
import asyncio, queue, select, signal, threading, time
lock = threading.Lock()
lock.acquire()
kept = queue.Queue()
ways = [lock.acquire, kept.get, threading.Event().wait, lambda: time.sleep(3600), lambda: select.poll().poll(3600000)]
def deeper(n, way):
    return [*map(deeper, [n - 1], [way])] if n else way()  # map is in C: one more native frame in each level
def start_threads(n=5):
    for i in range(n):
        threading.Thread(target=deeper, args=(i, ways[i % 5]), daemon=True).start()
def before_ready():
    start_threads()
"""
SPINNER = SLEEPERS + """
def spin():
    global spinner
    spinner = threading.get_native_id()
    while True:
        sum(map(abs, range(50)))
def after_ready():
    threading.Thread(target=spin, daemon=True).start()
"""


def tool(*command):
    if not shutil.which(command[0]):
        raise Skip("no " + command[0])
    done = subprocess.run(["timeout", "-s", "KILL", "60", *command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    must(done.returncode >= 0 and done.returncode != 137, "%s took too long" % command[0])
    return done.stdout


def gdb(*what):
    """{tid: names of its functions, innermost first}, inlined ones too. Nothing is called in the process."""
    text = tool("gdb", "-nx", "-batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off", "-ex", "set print frame-arguments none",
                "-ex", "thread apply all bt", *what)
    found, name = {}, None
    for line in text.splitlines():
        thread = re.match(r"Thread \d+ .*LWP (\d+)\)", line)
        frame = re.match(r"#\d+ +(?:0x[0-9a-f]+ in )?(\S+)", line)
        if thread:
            name = int(thread.group(1))
            found[name] = []
        elif frame and name:
            found[name].append(frame.group(1))
        elif line.startswith("Backtrace stopped") and name:
            found[name].append(line)
    return found


def eu_stack(*what):
    """{tid: [(address, name), …]}, innermost first."""
    found, tid = {}, None
    for line in tool("eu-stack", *what).splitlines():
        frame = re.match(r"#\d+ +(0x[0-9a-f]+)(?: - \d+)? ?(\S*)", line)
        if line.startswith("TID "):
            tid = int(line[4:].rstrip(":"))
            found[tid] = []
        elif frame and tid:
            found[tid].append((int(frame.group(1), 16), frame.group(2).partition("@")[0]))
    return found


def is_whole(names):
    return bool(names) and names[-1] in OUTERMOST


def asleep(target):
    """All threads of the target sleep, in their last call."""
    def look():
        for tid in os.listdir("/proc/%d/task" % target.pid):
            with open("/proc/%d/task/%s/stat" % (target.pid, tid)) as file:
                if file.read().rpartition(")")[2].split()[0] != "S":
                    return False
        return True

    await_true(look, "the sleep of all threads")


@contextlib.contextmanager
def target_of(directory, code=SLEEPERS, dumps=None, **env):
    with Hooked(directory, dumps or directory, code=code, env=env) as target:
        yield target


def outside(target, directory, *options):
    path = os.path.join(directory, "outside%s.tcore" % "".join(options))
    done = taskcore("dump", target.pid, "-o", path, *options)
    must(done.returncode == 0, done.stderr)
    return path


def take_all(target, directory):
    """{how: path} of a dump of each way from outside, and of one by signal."""
    found = {"outside": outside(target, directory), "stop": outside(target, directory, "--stop")}
    asleep(target)  # a thread that is just going back to sleep would be seen running, and be asked for its registers
    target.kick()
    found["signal"] = target.dumped()
    target.lives()
    asleep(target)
    return found


def test_eu_stack(directory):
    """eu-stack finds the same frames, at the same addresses, in dumps by signal, in place, from outside and with --stop as in the process"""
    for freeze in ("snapshot", "place"):
        with target_of(directory, TASKCORE_FREEZE=freeze) as target:
            asleep(target)
            here = os.path.join(directory, freeze)
            os.mkdir(here)
            paths = take_all(target, here)
            alive = eu_stack("-p", str(target.pid))
            must(len(alive) == 6 and all(is_whole([name for _, name in frames]) for frames in alive.values()), "the live process: %s" % alive)
            for how, path in paths.items():
                found = eu_stack("--core", path)
                for tid, frames in alive.items():
                    must(found.get(tid) == frames, "%s, %s, thread %d:\n%s\nin the process:\n%s" % (freeze, how, tid, found.get(tid), frames))
                print("# %s, %s: %d threads, %d frames" % (freeze, how, len(found), sum(map(len, found.values()))))


def test_gdb(directory):
    """gdb finds the same functions in dumps by signal, from outside and with --stop as in the process"""
    with target_of(directory) as target:
        asleep(target)
        paths = take_all(target, directory)
        exe = os.readlink("/proc/%d/exe" % target.pid)
        alive = gdb("-p", str(target.pid))
        must(len(alive) == 6 and all(map(is_whole, alive.values())), "the live process: %s" % alive)
        for how, path in paths.items():
            found = gdb(exe, path)
            for tid, names in alive.items():
                must(found.get(tid) == names, "%s, thread %d:\n%s\nin the process:\n%s" % (how, tid, found.get(tid), names))


def tgkill(pid, tid, sig):
    must(ctypes.CDLL(None).syscall(SYS_TGKILL, pid, tid, sig) == 0, "tgkill")


def test_running_threads(directory):
    """a thread that computes is unwound to its end where it was interrupted by the signal, from a copy and in place, and with --stop"""
    for freeze in ("snapshot", "place"):
        with target_of(directory, SPINNER, TASKCORE_FREEZE=freeze) as target:
            tid = target.ask("spinner")
            for _ in range(4):
                tgkill(target.pid, tid, signal.SIGUSR1)
                names = [name for _, name in eu_stack("--core", target.dumped()).get(tid, [])]
                must(is_whole(names), "%s: %s" % (freeze, names))
            names = [name for _, name in eu_stack("--core", outside(target, directory, "--stop", "--force")).get(tid, [])]
            must(is_whole(names), "with --stop: %s" % names)


def test_crash(directory):
    """the dump of a fault has all threads, sleeping and computing, up to their ends; the one that crashed comes first, with its signal"""
    for freeze in ("snapshot", "place"):
        dumps = os.path.join(directory, freeze)
        os.mkdir(dumps)
        with target_of(directory, SPINNER, dumps, TASKCORE_FREEZE=freeze) as target:
            spinner = target.ask("spinner")
            exe = os.readlink("/proc/%d/exe" % target.pid)
            target.process.stdin.write(b"deeper(20, lambda: __import__('ctypes').string_at(8))\n")
            target.process.stdin.flush()
            path = target.dumped()
            found = eu_stack("--core", path)
            must(len(found) == 7 and spinner in found and next(iter(found)) == target.pid, "threads: %s" % list(found))
            for tid, frames in found.items():
                must(is_whole([name for _, name in frames]), "%s, thread %d of %d: %s" % (freeze, tid, target.pid, frames))
            must(len(found[target.pid]) > 40, "the crash: %s" % found[target.pid])
        text = tool("gdb", "-nx", "-batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off", exe, path, "-ex", "print $_siginfo._sifields._sigfault.si_addr")
        must("signal SIGSEGV" in text and "= (void *) 0x8" in text, text)


def loads(path):
    """[(address, bytes in the file, bytes in memory)] of its segments."""
    with open(path, "rb") as file:
        data = file.read()
    phoff, = struct.unpack_from("<Q", data, 32)
    phnum, = struct.unpack_from("<H", data, 56)
    found = [struct.unpack_from("<2I6Q", data, phoff + 56 * i) for i in range(phnum)]
    return [(one[3], one[5], one[6]) for one in found if one[0] == 1]


def test_limits(directory):
    """TASKCORE_STACK_BYTES and --stack-bytes: 0 keeps no stack, a small one cuts them, and a notice says what the limit for all has cut; segments are always whole"""
    sizes = {}
    for size in ("0", "4096", "65536", "262144"):
        dumps = os.path.join(directory, size)
        os.mkdir(dumps)
        with target_of(directory, SLEEPERS.replace("start_threads()\n", "start_threads(100)\n"), dumps, TASKCORE_STACK_BYTES=size) as target:
            asleep(target)
            target.kick()
            for path in (target.dumped(), outside(target, dumps, "--stack-bytes=" + size)):
                found = loads(path)
                sizes[size] = sum(one[1] for one in found)
                must(all(one[1] == one[2] for one in found), "a segment is not whole")
                must(found == sorted(found), "segments do not ascend")
                said = " ".join(whole(path, target.tasks)["dump"]["truncated"])
                must(("the stacks of " in said) == (size == "4096"), "%s: %s" % (size, said))
    must(sizes["0"] + (200 << 10) < sizes["4096"] < min(sizes["65536"], sizes["262144"]), "%s" % sizes)
    for wrong in ("", "x", "9M", "-1"):
        must(taskcore("dump", os.getpid(), "--stack-bytes=" + wrong).returncode == 2, "taken: %r" % wrong)


def test_environment(directory):
    """the environment that the program was started with is not in the file, though the stack of its first thread is"""
    marker = "environment-%d-%d" % (os.getpid(), id(directory))
    for freeze in ("snapshot", "place"):
        dumps = os.path.join(directory, freeze)
        os.mkdir(dumps)
        with target_of(directory, dumps=dumps, TASKCORE_FREEZE=freeze, SOME_KEY=marker) as target:
            asleep(target)
            take_all(target, dumps)
            with open("/proc/%d/environ" % target.pid) as file:
                must(marker in file.read(), "the marker is not where it was expected")
        must(len(dumps_in(dumps)) == 3, dumps_in(dumps))
        for path in dumps_in(dumps):
            with open(path, "rb") as file:
                must(marker.encode() not in file.read(), "%s has it" % os.path.basename(path))


def test_no_values(directory):
    """who wants no values gets no stacks: TASKCORE_VALUES=none and --values none"""
    with target_of(directory, TASKCORE_VALUES="none") as target:
        asleep(target)
        target.kick()
        for path in (target.dumped(), outside(target, directory, "--values=none")):
            must(sum(one[1] for one in loads(path)) < sum(one[1] for one in loads(outside(target, directory, "--force"))) - (20 << 10), path)


TESTS = [f for f in sorted((f for n, f in globals().items() if n.startswith("test_")), key=lambda f: f.__code__.co_firstlineno)]

if __name__ == "__main__":
    sys.exit(run([test for test in TESTS if not sys.argv[1:] or test.__name__ in sys.argv[1:]]))
