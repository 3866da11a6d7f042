#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The hook where resources end: limits of files, memory and processes, a memory cgroup near its limit, little of a processor, another uid, budgets. Prints TAP; names of tests
as arguments run only these. Cgroups that are made here are removed."""
import contextlib
import ctypes
import glob
import os
import re
import shutil
import signal
import subprocess
import sys

from fault_files import secrets, sub
from fault_process import embedded
from hooked import LIBRARY, SAID, TARGET, Hooked, Skip, await_true, dumps_in, files, must, report, run, taskcore, whole

OTHER_UID = 12345


def limited(resource, value):
    return "import resource\nresource.setrlimit(resource.%s, (%s, %s))" % (resource, value, value)


def test_file_size(directory):
    """RLIMIT_FSIZE, in Python and in a C program that does not ignore SIGXFSZ: one line, nobody dies, nothing is left behind"""
    for host in ("python", "c"):
        for size in (0, 4096, 65536):
            here = sub(directory, "%s%d" % (host, size))
            code = "import signal\n" + limited("RLIMIT_FSIZE", size)
            stderr = subprocess.PIPE  # a file would be limited too
            make = Hooked if host == "python" else embedded
            options = {"dumps": here, "code": code, "stderr": stderr, "env": {"TMPDIR": here}, "cwd": here}
            with make(directory, **options) as target:
                action = target.ask("int(signal.getsignal(signal.SIGXFSZ))")
                must((host == "c") == (action == signal.SIG_DFL), "SIGXFSZ is %s" % action)
                for _ in range(3):
                    target.kick()
                    line = target.process.stderr.readline().decode()
                    must(line.startswith("taskcore: no dump (usr1): ") and "ulimit -f" in line, line)
                    target.idle()
                must(target.process.poll() is None and target.ask("6 * 7") == 42, "it does not run")
                must(target.ask("sorted(signal.sigpending())") == [], "signals are pending")
            must(not files(here), "left behind: %s" % files(here))


def test_address_space(directory):
    """RLIMIT_AS with more or less room: a whole dump or one line that says why, never an end"""
    results = []
    for room in (0, 1 << 20, 8 << 20, 17 << 20, 24 << 20, 40 << 20, 64 << 20, 128 << 20, 1 << 30):
        for freeze in ("snapshot", "place"):
            here = sub(directory, "%d-%s" % (room, freeze))
            size = "int(open('/proc/self/statm').read().split()[0]) * 4096 + %d" % room
            code = "import resource\ndef before_ready():\n limit = %s\n resource.setrlimit(resource.RLIMIT_AS, (limit, limit))" % size
            with Hooked(directory, here, code=code, env={"TASKCORE_FREEZE": freeze}) as target:
                target.kick()
                line = target.line()
                results.append(SAID.match(line) is not None)
                if results[-1]:
                    whole(dumps_in(here)[0], target.tasks)
                else:
                    must("memory" in line, line)
                    must(not files(here), "left behind: %s" % files(here))
                target.lives()
    must(results[-1] and not results[0], "the limits had no effect: %s" % results)


@contextlib.contextmanager
def cgroup(controller):
    """A new cgroup of this controller of version 1; its directory. Processes in it are killed in the end."""
    path = "/sys/fs/cgroup/%s/taskcore-test-%d" % (controller, os.getpid())
    try:
        os.mkdir(path)
    except OSError as why:
        raise Skip("no cgroup of %s: %s" % (controller, why))
    try:
        if controller == "memory":
            write(path + "/memory.limit_in_bytes", 1 << 32)
        yield path
    finally:
        def empty():
            with open(path + "/cgroup.procs") as file:
                pids = file.read().split()
            for pid in pids:
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return not pids

        await_true(empty, "the end of the cgroup's processes")
        os.rmdir(path)


def write(path, text):
    with open(path, "w") as file:
        file.write(str(text))


def read(path):
    with open(path) as file:
        return file.read()


def settled(target):
    """After a request: its line, or None when its child ended without one."""
    target.lives()  # the handler was run
    target.idle()
    said = target.said()[target.seen :]
    return target.line() if "\n" in said else None


def own_shm(directory, path):
    """Whether it went to /dev/shm; then it is removed in the end."""
    must(path.startswith("/dev/shm/"), path)
    shutil.move(path, directory)
    return os.path.join(directory, os.path.basename(path))


def test_no_process(directory):
    """no process may be added, by RLIMIT_NPROC or by a cgroup: a dump in place, made by the handler, that says so; also with a limit on files"""
    shutil.copy(LIBRARY, directory)
    shutil.copy(TARGET, directory)
    os.chmod(directory, 0o755)
    library, program = os.path.join(directory, "libtaskcore.so"), os.path.join(directory, "hooked_target.py")
    here = sub(directory, "dumps", mode=0o1777)
    why = "read in place, not from a copy: no process may be added"
    if os.geteuid() == 0:
        command = [shutil.which("python3", path="/usr/bin:/bin") or sys.executable, program, "4", "import os\n" + limited("RLIMIT_NPROC", 1)]
        if command[0].startswith("/root"):
            raise Skip("no interpreter for another user")
        with Hooked(directory, here, command=command, env={"LD_PRELOAD": library}, user=OTHER_UID, group=OTHER_UID) as target:
            must(target.ask("os.geteuid()") == OTHER_UID, "not another user")
            for _ in range(2):
                whole(own_shm(directory, target.dump()), 4, said=why)
            target.lives()
    with cgroup("pids") as group:
        with Hooked(directory, here, tasks=3000) as target:
            write(group + "/cgroup.procs", target.pid)
            write(group + "/pids.max", 1)
            for _ in range(2):
                whole(own_shm(directory, target.dump()), target.tasks, said=why)
            target.lives()
            write(group + "/pids.max", "max")
            must(target.dump().startswith(here), "not in its directory again")
        code = "import signal\n" + limited("RLIMIT_FSIZE", 8192)
        with embedded(directory, code, dumps=here, stderr=subprocess.PIPE) as target:
            write(group + "/cgroup.procs", target.pid)
            write(group + "/pids.max", 1)
            for _ in range(2):
                target.kick()
                line = target.process.stderr.readline().decode()
                must(line.startswith("taskcore: no dump (usr1): ") and "ulimit -f" in line, line)
            must(target.process.poll() is None and target.ask("sorted(signal.sigpending())") == [], "it died, or signals are pending")
    must(not glob.glob("/dev/shm/.taskcore.%d.*" % target.pid), "left behind")


WRITER = """
import os, threading, mmap
buffer = mmap.mmap(-1, %d << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
pages = range(0, len(buffer), 4096)
def write():
    n = 0
    while True:
        n = (n + 1) & 255
        for i in pages:
            buffer[i] = n
for i in pages:
    buffer[i] = 1
threading.Thread(target=write, daemon=True).start()
"""


def oom_kills(group):
    return int(re.search(r"oom_kill (\d+)", read(group + "/memory.oom_control")).group(1))


def usage(group):
    return int(read(group + "/memory.usage_in_bytes"))


def in_group(group):
    """A prefix that starts the command in the cgroup."""
    return ["sh", "-c", 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"', "sh", group]


NO_ROOM = "its cgroup has too little memory left for a copy"


def test_memory_cgroup(directory):
    """near the limit of its memory cgroup, writing all the time, it survives 20 dumps: in place, or where all its pages fit twice by a copy; no half file"""
    for tasks, room in ((20000, 8), (3000, 16), (20000, 2), (100, 5), (3000, 256)):
        dumps = sub(directory, "dumps-%d-%d" % (tasks, room))
        with cgroup("memory") as group, Hooked(directory, dumps, WRITER % 64, tasks, prefix=in_group(group)) as target:
            target.lives()
            write(group + "/memory.limit_in_bytes", usage(group) + (room << 20))
            lines = []
            for _ in range(20):
                target.kick()
                lines.append(settled(target))
                target.lives()
            made = [SAID.match(line).group(1) for line in lines if line and SAID.match(line)]
            must(oom_kills(group) == 0, "%d killed: %s" % (oom_kills(group), target.said()))
            must(made or room < 4, "no dump at all: " + target.said())
            must(room > 2 or "too little memory" in target.said(), target.said())
            must(room < 100 or len(made) == 20, target.said())
            write(group + "/memory.limit_in_bytes", -1)
            made.append(target.dump())
            for path in made:
                why = " ".join(whole(path, complete=None)["dump"]["truncated"])
                must((NO_ROOM in why) == (room < 100 and path != made[-1]), "%s: %s" % (path, why))
            must(files(dumps) == sorted(map(os.path.basename, made)), "left behind: %s" % files(dumps))
            print("# %d tasks, room for %d MB: %d of 20 made" % (tasks, room, len(made) - 1))


PTRACE_CONT, PTRACE_SEIZE, EVENT_EXIT = 7, 0x4206, 6  # linux/ptrace.h
OF_NEW_ONES, OF_EXIT, WALL = 2 | 4 | 8, 0x40, 0x40000000  # PTRACE_O_TRACEFORK, VFORK, CLONE; EXIT


def own_pages(tid):
    """Of resident memory, as proc(5) has it: those that are no file's."""
    pages = read("/proc/%d/statm" % tid).split()
    return int(pages[1]) - int(pages[2])


def at_their_ends(target):
    """Asks for a dump; {tid: own pages} of each thread of what the target makes meanwhile, as each is about to leave its memory. The target is
    traced from then on."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(PTRACE_SEIZE, target.pid, None, OF_NEW_ONES | OF_EXIT):
        raise Skip("ptrace: " + os.strerror(ctypes.get_errno()))
    target.kick()
    found, alive = {}, set()
    while alive or not found:
        tid, status = os.waitpid(-1, WALL)
        if not os.WIFSTOPPED(status):
            must(tid != target.pid, "the target ended")
            alive.discard(tid)
            continue
        alive |= {tid} - {target.pid}
        if status >> 16 == EVENT_EXIT:
            found[tid] = own_pages(tid)
        libc.ptrace(PTRACE_CONT, tid, None, 0 if status >> 16 else os.WSTOPSIG(status))
    return found


def test_memory_given_back(directory):
    """a copy has given back its memory before it ends: then the OOM killer does not see it, and would take the target while that is freed"""
    dumps = sub(directory, "dumps")
    with Hooked(directory, dumps, "filler = bytearray(b'x' * (64 << 20))", env={"TASKCORE_FREEZE": "snapshot"}) as target:
        before, ends = own_pages(target.pid), at_their_ends(target)
        target.lives()
        whole(target.dumped(), target.tasks)
        must(before > 16384 and max(ends.values()) < 512, "of %d pages: %s" % (before, ends))
        print("# of %d pages of the target's, threads of its child ended with %s" % (before, sorted(ends.values())))


def test_memory_cgroup_other_uid(directory):
    """the same after setuid, where the child cannot offer itself: a dump in place, without values, that says why, and it survives"""
    if os.geteuid():
        raise Skip("no right to change the uid")
    dumps = sub(directory, "dumps", mode=0o1777)
    os.chmod(directory, 0o755)
    for tasks, room in ((3000, 16), (60000, 8), (3000, 2)):
        code = WRITER % 64 + "\nos.setgid(%d); os.setuid(%d)" % (OTHER_UID, OTHER_UID)
        with cgroup("memory") as group, Hooked(directory, dumps, code, tasks, prefix=in_group(group)) as target:
            target.lives()
            write(group + "/memory.limit_in_bytes", usage(group) + (room << 20))
            made = []
            n = 20 if tasks == 3000 else 5
            for _ in range(n):
                target.kick()
                line = settled(target)
                must(line or "too little memory left\n" in target.said(), "no line, and none within the last second")
                if line and SAID.match(line):
                    made.append(SAID.match(line).group(1))
                must(not line or made or "its cgroup has too little memory left" in line, line)
                target.lives()
            must(oom_kills(group) == 0, "%d killed" % oom_kills(group))
            must(made or room < 4, "no dump at all: " + target.said())
            for path in made[-1:]:
                found = whole(path, said=NO_ROOM, complete=None)
                must(not secrets(found), "values: %s" % secrets(found)[:3])
                counts = found["dump"]["counts"]
                must(counts["tasks"] == tasks and counts["read"] > 0, "%s" % counts)
                print("# %d tasks, room for %d MB: %d of %d dumps, %s" % (tasks, room, len(made), n, counts))
            for path in made:
                os.unlink(path)


STORM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "zoo", "storm_sleep_zero.py")


def test_busy_at_five_percent(directory):
    """a loop that never sleeps is called busy also where it gets 5 ms of a processor in 100: it is watched until it has run for long enough"""
    with cgroup("cpu") as group, Hooked(directory, command=[sys.executable, STORM], prefix=in_group(group), env={"LD_PRELOAD": None}) as target:
        write(group + "/cpu.cfs_period_us", 100000)
        write(group + "/cpu.cfs_quota_us", 5000)
        for n in range(5):
            path = os.path.join(directory, "%d.tcore" % n)
            done = taskcore("dump", target.pid, "-o", path)
            must(done.returncode == 0, done.stderr)
            states = [loop["state"] for loop in report(path)["loops"]]
            must(states == ["busy"], "%s" % states)


SIDE = """
import threading
for_ever = threading.Event()
def before_ready():
    for i in range(30):
        threading.Thread(target=for_ever.wait, daemon=True).start()
"""


def test_threads_at_one_percent(directory):
    """a walk in place leaves out no frames of threads because others have the processor: it is its own time that counts"""
    with cgroup("cpu") as group, Hooked(directory, directory, SIDE, prefix=in_group(group), env={"TASKCORE_FREEZE": "place"}) as target:
        write(group + "/cpu.cfs_period_us", 100000)
        write(group + "/cpu.cfs_quota_us", 1000)
        for _ in range(5):
            found = whole(target.dump(), complete=None)
            must("threads that run no loop" not in " ".join(found["dump"]["truncated"]), found["dump"]["truncated"])
            must([thread["name"] for thread in found["threads"] if not thread["python"]] == [], "threads without frames")
        write(group + "/cpu.cfs_quota_us", -1)


def test_other_uid(directory):
    """started as root, another user now: tasks without values and stack bytes unless TASKCORE_NONDUMPABLE=full; its own file"""
    if os.geteuid():
        raise Skip("no right to change the uid")
    os.chmod(directory, 0o755)
    for full in (None, "full"):
        for freeze in ("snapshot", "place"):
            dumps = sub(directory, "%s-%s" % (full, freeze), mode=0o1777)
            code = "import os; os.setgid(%d); os.setuid(%d)" % (OTHER_UID, OTHER_UID)
            env = {"TASKCORE_NONDUMPABLE": full, "TASKCORE_VALUES": "strings", "TASKCORE_FREEZE": freeze}
            with Hooked(directory, dumps, code, env=env) as target:
                path = target.dump()
                found = whole(path, target.tasks)
                must(bool(secrets(found)) == bool(full), "%s %s: values %s" % (full, freeze, secrets(found)))
                must(os.stat(path).st_uid == OTHER_UID, "its owner")
                with open(path, "rb") as file:
                    must((b"secret-1" in file.read()) == bool(full), "%s: bytes of the stack or heap" % full)
                must("values" in " ".join(found["dump"]["truncated"]) or full, "not said: %s" % found["dump"]["truncated"])
                target.lives()


def test_budget(directory):
    """TASKCORE_BUDGET_MS and TASKCORE_PAUSE_MS cut a dump of many tasks: sealed, and what was cut is counted"""
    for env in ({"TASKCORE_BUDGET_MS": "20", "TASKCORE_FREEZE": "snapshot"}, {"TASKCORE_PAUSE_MS": "5", "TASKCORE_FREEZE": "place"},
                {"TASKCORE_BUDGET_MS": "0"}, {"TASKCORE_PAUSE_MS": "0", "TASKCORE_FREEZE": "place"}):
        dumps = sub(directory, str(len(os.listdir(directory))))
        with Hooked(directory, dumps, tasks=100000, env=env) as target:
            counts = whole(target.dump(), complete=False)["dump"]["counts"]
            must(counts["cut"] > 0 and counts["tasks"] == 100000, "%s: %s" % (env, counts))
            target.lives()
            print("# %s: %s" % (env, counts))


TESTS = [f for f in sorted((f for n, f in globals().items() if n.startswith("test_")), key=lambda f: f.__code__.co_firstlineno)]

if __name__ == "__main__":
    sys.exit(run([test for test in TESTS if not sys.argv[1:] or test.__name__ in sys.argv[1:]]))
