#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the child of a dump must not do to its target: hold what that closes, take its processor, its namespace, its supervisor's patience.
Prints TAP; --runs N dumps for each thing that is closed; names of tests as arguments run only these."""
import glob
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from hooked import LONG_S, SAID, Hooked, Skip, await_true, compile_c, dumps_in, must, run, tests_of, whole  # noqa: E402

TARGET, FUSE, FILTERED = (os.path.join(HERE, name) for name in ("held_target.py", "fuse_server.py", "filtered.py"))
RUNS = 25
KEEP = {"TASKCORE_MAX_FILES": "4", "TASKCORE_KEEP_NEWEST": "1"}
EPOLL = r"""
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
/* Connections that end as fast as they can: an event with the pointer of one that has ended is a use after free. */
struct conn { long live; };
static volatile int stop;
long stale, loops;
static void *work(void *unused)
{
	int epoll = epoll_create1(0);
	for (; !stop; loops++) {
		struct epoll_event event = { EPOLLIN, { 0 } }, out[4];
		struct conn *conn = calloc(1, sizeof(*conn));
		int pair[2];
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
			abort();
		conn->live = 1;
		event.data.ptr = conn;
		epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event);
		if (write(pair[1], "x", 1) != 1 || epoll_wait(epoll, out, 4, 0) < 1)
			abort();
		close(pair[0]);
		conn->live = 0;
		close(pair[1]);
		int n = epoll_wait(epoll, out, 4, 0);
		for (int i = 0; i < n; i++)
			stale += !((struct conn *)out[i].data.ptr)->live;
	}
	return unused;
}
static pthread_t thread;
void begin(void) { pthread_create(&thread, 0, work, 0); }
void end(void) { stop = 1; pthread_join(thread, 0); }
"""


def needs_root():
    if os.geteuid():
        raise Skip("needs root")


def closed(directory, what, prefix=(), more=(), allowed=0):
    """The target closes it right after each dump, read from a copy and in place; bad in no more dumps than allowed."""
    for freeze in ("snapshot", "place"):
        dumps = os.path.join(directory, freeze)
        os.mkdir(dumps)
        command = [sys.executable, TARGET, what, str(RUNS), *more]
        with Hooked(directory, dumps, command=command, prefix=prefix, env=dict(KEEP, TASKCORE_FREEZE=freeze)) as target:
            bad = target.ask("go")
            must(target.said().count(" tasks, ") >= RUNS, "no %d dumps: %s" % (RUNS, target.said()[-500:]))
            must(len(bad) <= allowed, "%s, %s: %d of %d: %s" % (what, freeze, len(bad), RUNS, bad[:3]))


def test_bind(directory):
    """a port whose listener was closed right after a dump is bound again at once"""
    closed(directory, "bind")


def test_connect(directory):
    """a closed listener refuses connections"""
    closed(directory, "connect")


def test_flock(directory):
    """a lock is free when its file is closed"""
    closed(directory, "flock")


def test_exec(directory):
    """a program that was written and closed can be run"""
    closed(directory, "exec")


def test_epoll(directory):
    """a descriptor that is closed gives no more events"""
    closed(directory, "epoll")


def test_eof(directory):
    """the peer sees the end when a socket is closed"""
    closed(directory, "eof")


def test_umount(directory):
    """a file system that the process has left can be unmounted"""
    needs_root()
    closed(directory, "umount", ("unshare", "-m"))


def test_denied(directory):
    """the same where a filter forbids close_range, and where it forbids unshare too: whole dumps, with names and descriptors"""
    for numbers in ("436", "436,272"):
        sub = os.path.join(directory, numbers)
        os.mkdir(sub)
        for freeze in ("snapshot", "place"):
            with Hooked(directory, sub, prefix=(sys.executable, FILTERED, "--deny", numbers), env={"TASKCORE_FREEZE": freeze}) as target:
                for _ in range(3):
                    found = whole(target.dump(), target.tasks)
                    must(found["threads"][0].get("name"), "no name: %s" % found["threads"])
                    must(sorted(one["fd"] for one in found["descriptors"]) == sorted(map(int, os.listdir("/proc/%d/fd" % target.pid))), "descriptors")
                target.idle()
                target.lives()


def test_epoll_any_time(directory):
    """connections that end at any instant of a dump give no event with their pointer, but where one ends just as it is asked what it is"""
    path = compile_c(directory, EPOLL + "int main(void) { return 0; }")
    subprocess.run(["cc", "-O1", "-pthread", "-shared", "-fPIC", "-o", path + ".so", path + ".c"], check=True)
    # asked so in 5 of 9,600 dumps beside a build (docs/signal-safety.md, "What it holds"); with a copy of the table each dump has events
    closed(directory, "epoll-any", more=(path + ".so",), allowed=1 + RUNS // 200)


def test_new_pid_namespace(directory):
    """after unshare(CLONE_NEWPID) and a dump, the program's own children can be started: the first is pid 1 of the new namespace"""
    needs_root()
    code = "import ctypes\ndef unshare(): return ctypes.CDLL(None).unshare(0x20000000)\n"
    code += "def fork():\n pid = os.fork()\n if not pid: time.sleep(1e9 if os.getpid() == 1 else 0); os._exit(os.getpid())\n return pid\n"
    with Hooked(directory, directory, "import time\n" + code) as target:
        must(target.ask("unshare()") == 0, "unshare")
        target.kick()
        told = SAID.match(target.line())
        must(told and told.group(1).startswith("/dev/shm/"), "where: %s" % target.said())
        try:
            whole(told.group(1), target.tasks, said="new namespace")
        finally:
            os.unlink(told.group(1))
        first = target.ask("fork()")
        must(target.ask("os.waitstatus_to_exitcode(os.waitpid(fork(), 0)[1])") == 2, "the second child is not pid 2")
        os.kill(first, 9)


def test_real_time_on_one_cpu(directory):
    """under SCHED_FIFO on one processor the child runs under SCHED_OTHER, also where a filter kills for the call: then as it was"""
    needs_root()
    cpu = str(min(os.sched_getaffinity(0)))
    fifo = ("taskset", "-c", cpu, "chrt", "-f", "5")
    if subprocess.run([*fifo, "true"], check=False).returncode:
        raise Skip("no real-time policy may be had here")
    for prefix, policy in ((fifo, os.SCHED_OTHER), ((*fifo, sys.executable, FILTERED, "--kill", "144"), os.SCHED_FIFO)):
        with Hooked(directory, directory, tasks=20000, prefix=prefix, env={"TASKCORE_FREEZE": "snapshot"}) as target:
            must(os.sched_getscheduler(target.pid) == os.SCHED_FIFO, "the target's policy")
            seen = set()
            for _ in range(50):  # it may be over before it was looked at
                seen |= policies(target, directory)
                path = target.dumped()
                whole(path, target.tasks)
                os.unlink(path)
                if seen:
                    break
            must(seen == {policy}, "policies %s" % seen)
            target.lives()


def policies(target, directory):
    """Of the child of a dump, while it has a file."""
    seen = set()
    target.kick()
    while not dumps_in(directory):
        for pid in target.children():
            try:
                begun = glob.glob(os.path.join(directory, ".taskcore.*.tmp"))
                policy = os.sched_getscheduler(pid)
                with open("/proc/%d/stat" % pid) as file:
                    at_work = file.read().rpartition(")")[2].split()[0] not in "ZX"
                if begun and at_work:
                    seen.add(policy)
            except OSError:
                pass
    return seen


def test_reaped_by_fork(directory):
    """the child of a dump, which counts as a process (RLIMIT_NPROC) until it is reaped, is reaped by the next fork"""
    code = "def fork():\n pid = os.fork()\n if not pid: os._exit(0)\n return os.waitpid(pid, 0)[1]\n"
    with Hooked(directory, directory, code) as target:
        target.dump()
        target.idle()
        must(len(target.children()) == 1, "no zombie: nothing was shown")
        must(target.ask("fork()") == 0, "fork")
        must(target.children() == [], "not reaped")


class Hung:
    """A directory whose file system does not answer, until the end of a with block."""

    def __init__(self, directory):
        needs_root()
        if not os.path.exists("/dev/fuse"):
            raise Skip("no /dev/fuse")
        self.path = os.path.join(directory, "hung")
        os.mkdir(self.path)

    def __enter__(self):
        self.server = subprocess.Popen([sys.executable, FUSE, self.path], stdout=subprocess.PIPE, text=True)
        if self.server.stdout.readline() != "MOUNTED\n":
            self.server.wait()
            raise Skip("no FUSE file system may be mounted here")
        return self.path

    def __exit__(self, *_):
        self.server.kill()
        self.server.wait()
        self.server.stdout.close()
        subprocess.run(["umount", "-l", self.path], check=False)


def address_space(pid):
    with open("/proc/%d/statm" % pid) as file:
        return int(file.read().split()[0]) >> 8


def test_hung_directory(directory):
    """a directory that hangs for ever: a line after the budget, no memory kept, the next dump is not refused, nothing of it in the way"""
    for freeze in ("place", "snapshot"):
        sub = os.path.join(directory, freeze)
        os.mkdir(sub)
        with Hung(sub) as hung:
            with Hooked(sub, hung, env={"TASKCORE_BUDGET_MS": "10", "TASKCORE_FREEZE": freeze}) as target:
                before = address_space(target.pid)
                for _ in range(2):
                    target.refused("TASKCORE_BUDGET_MS", "does not answer")
                must(address_space(target.pid) < before + 100, "%d MB more" % (address_space(target.pid) - before))
                target.lives()


def test_hung_end_of_file(directory):
    """while its dump hangs, the end of a target is seen on its stderr and its port, though the child is still there"""
    with Hung(directory) as hung:
        code = "import socket\nlistener = socket.create_server(('127.0.0.1', 0))\n"
        with Hooked(directory, hung, code, stderr=subprocess.PIPE) as target:
            port = target.ask("listener.getsockname()[1]")
            target.kick()
            await_true(target.children, "the child")
            child = target.children()[0]
            await_true(lambda: hung in opened(child), "that it hangs")
            target.process.kill()
            rest = target.process.stderr.read()  # up to the end
            must(b"taskcore" not in rest, "said: %s" % rest)
            must(hung in opened(child), "it does not hang: nothing was shown")
            target.process.stderr.close()
            with subprocess.Popen([sys.executable, "-c", "import socket; socket.create_server(('127.0.0.1', %d))" % port]) as again:
                must(again.wait(LONG_S) == 0, "its port is taken")


def opened(pid):
    """The files of all its threads, each of which has a table of its own."""
    found = set()
    for link in glob.glob("/proc/%d/task/*/fd/*" % pid):
        try:
            found.add(os.readlink(link))
        except OSError:
            pass
    return found


if __name__ == "__main__":
    names = sys.argv[1:]
    if names[:1] == ["--runs"]:
        RUNS, names = int(names[1]), names[2:]
    tests = [test for test in tests_of(sys.modules["__main__"]) if not names or test.__name__ in names]
    sys.exit(run(tests) if tests else "no such test")
