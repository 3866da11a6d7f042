# SPDX-License-Identifier: Apache-2.0
"""Descriptors that are closed, replaced or all taken; roots without /proc, and other pid namespaces."""
import os
import shutil
import signal
import socket
import subprocess
import sys

from fault_files import mounted, sub
from hooked import LONG_S, TARGET, Hooked, Skip, await_true, dumps_in, environment, files, full_pipe, must, whole

CLOSE = "def after_ready():\n import os\n for fd in (0, 1, 2): os.close(fd)\nno_stdin = True"


def await_dump(directory, n=1):
    await_true(lambda: len(dumps_in(directory)) >= n, "%d dumps in %s" % (n, files(directory)))
    return dumps_in(directory)


def running(target):
    must(target.process.poll() is None, "it ended with %s" % target.process.returncode)


def test_closed_at_start(directory):
    """descriptors 0 to 2 closed before it starts: a whole dump with threads and their names, and no line in any file"""
    dumps, log = sub(directory, "dumps"), os.path.join(directory, "log")
    code = "no_stdin = no_stdout = True\nimport os\nfd = os.open(%r, os.O_CREAT | os.O_RDWR, 0o600); fds = [os.dup(fd) for i in range(3)]" % log
    process = subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, TARGET, "4", code], env=environment(dumps))
    try:
        await_true(lambda: os.path.exists(log) and "memfd:taskcore" in open("/proc/%d/maps" % process.pid).read()
                   and os.path.exists("/proc/%d/fd/2" % process.pid), "its start")
        await_true(lambda: open("/proc/%d/wchan" % process.pid).read() in ("ep_poll", "do_epoll_wait", "0") and
                   open("/proc/%d/stat" % process.pid).read().rpartition(")")[2].split()[0] == "S", "its sleep")
        os.kill(process.pid, signal.SIGUSR1)
        found = whole(await_dump(dumps)[0], 4)
        must(found["threads"][0]["name"] and found["threads"][0]["state"] == "S", "threads: %s" % found["threads"])
        must(process.poll() is None and os.path.getsize(log) == 0, "written to its file")
    finally:
        process.kill()
        process.wait()


def test_closed_later(directory):
    """descriptors 0 to 2 closed by the program (a daemon): dumps, and no line anywhere"""
    dumps = sub(directory, "dumps")
    with Hooked(directory, dumps, code=CLOSE) as target:
        await_true(lambda: not os.path.exists("/proc/%d/fd/2" % target.pid), "its closing")
        for n in range(3):
            target.kick()
            path = await_dump(dumps, n + 1)[-1]
            must(whole(path, target.tasks)["threads"][0]["name"], "no names")
            target.idle()
        running(target)
        must(target.said() == "", target.said())


REPLACE = """
import os, socket
no_stdin = True
def after_ready():
    %s
"""


def test_replaced(directory):
    """another file, pipe or socket as descriptor 2: no byte arrives there"""
    for at, (kind, code) in enumerate((("socket", "s = socket.create_connection(('127.0.0.1', %d)); os.dup2(s.fileno(), 2)"),
                                       ("unix", "s = socket.socket(socket.AF_UNIX); s.connect(%r); os.dup2(s.fileno(), 2)"),
                                       ("fifo", "os.dup2(os.open(%r, os.O_WRONLY), 2)"), ("file", "os.dup2(os.open(%r, os.O_WRONLY), 2)"))):
        scratch, dumps = sub(directory, kind), sub(directory, kind, "dumps")
        place = os.path.join(scratch, "peer")
        peer = None
        if kind in ("socket", "unix"):
            peer = socket.socket(socket.AF_INET if kind == "socket" else socket.AF_UNIX)
            peer.bind(("127.0.0.1", 0) if kind == "socket" else place)
            peer.listen()
            code %= peer.getsockname()[1] if kind == "socket" else place
        else:
            os.mkfifo(place) if kind == "fifo" else open(place, "w").close()
            code %= place
        reader = os.open(place, os.O_RDONLY | os.O_NONBLOCK) if not peer else None
        with Hooked(scratch, dumps, code=REPLACE % code) as target:
            if peer:
                peer.settimeout(LONG_S)
                end = peer.accept()[0]
                end.setblocking(False)
            stderr = os.stat(target.errors)
            await_true(lambda: os.stat("/proc/%d/fd/2" % target.pid).st_ino != stderr.st_ino, "its other stderr")
            target.kick()
            whole(await_dump(dumps)[0], target.tasks)
            target.idle()
            running(target)
            try:
                got = end.recv(100) if peer else os.read(reader, 100)
            except BlockingIOError:
                got = b""
            must(not got and target.said() == "", "%s: arrived: %r" % (kind, got))
        if peer:
            peer.close()
            end.close()
        else:
            os.close(reader)


def test_said_to_socket(directory):
    """a socket that was stderr from the start gets the line (control of the case above)"""
    dumps = sub(directory, "dumps")
    ours, theirs = socket.socketpair()
    ours.settimeout(LONG_S)
    with Hooked(directory, dumps, stderr=theirs.fileno()) as target:
        target.kick()
        line = ours.recv(10000).decode()
        must(line.startswith("taskcore: " + dumps) and line.endswith("ms\n"), "%r" % line)
        target.lives()
    ours.close()
    theirs.close()


def test_full_stderr(directory):
    """a full pipe or socket as stderr, or a pipe nobody reads: the dump is made, nothing hangs, neither target nor child"""
    dumps = sub(directory, "dumps")
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    try:
        while True:
            theirs.send(b"x" * 4096)
    except BlockingIOError:
        theirs.setblocking(True)
    read, write = full_pipe()
    gone = os.pipe()
    os.close(gone[0])
    for freeze in ("snapshot", "place"):
        for n, fd in enumerate((write, theirs.fileno(), gone[1])):
            here = sub(directory, "%s%d" % (freeze, n))
            with Hooked(directory, here, stderr=fd, env={"TASKCORE_FREEZE": freeze}) as target:
                for i in range(3):
                    target.kick()
                    whole(await_dump(here, i + 1)[-1], target.tasks)
                    target.idle()
                must(target.process.poll() is None and target.ask("1") == 1, "it does not run")
    for fd in (read, write, gone[1]):
        os.close(fd)
    ours.close()
    theirs.close()
    must(not files(dumps), "")


TAKE_ALL = """
import os, resource, threading
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
def take():
    global taken
    taken = []
    try:
        while True:
            taken.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        return len(taken)
stop = threading.Event()
threading.Thread(target=stop.wait, daemon=True).start()
"""


def test_no_descriptors(directory):
    """every descriptor taken: a whole dump with all threads, and as many descriptors as before"""
    dumps = sub(directory, "dumps")
    with Hooked(directory, dumps, code=TAKE_ALL) as target:
        must(target.ask("take()") > 20, "they are not taken")
        before = os.listdir("/proc/%d/fd" % target.pid)
        for _ in range(2):
            found = whole(target.dump(), target.tasks)
            must(len(found["threads"]) == 2 and all(t["name"] for t in found["threads"]), "threads: %s" % found["threads"])
        must(os.listdir("/proc/%d/fd" % target.pid) == before, "descriptors came or went")
        target.lives()
    code = "import resource\nbefore_ready = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1, 1))"
    with Hooked(directory, dumps, code=code) as target:
        line = target.refused("no descriptor left")  # not one, for nobody
        must("dumps" in line, line)


def test_chroot(directory):
    """after a chroot: the places are those of the new root, and the dump is made there"""
    root, outside = sub(directory, "root"), sub(directory, "outside")
    if os.geteuid():
        raise Skip("no right to chroot")
    for name in ("inner", "proc"):
        sub(root, name)
    for proc in (False, True):
        code = "import os, encodings.idna; os.chroot(%r); os.chdir('/inner')" % root
        prefix = mounted('mount -t proc none "$1"', os.path.join(root, "proc")) if proc else ()
        with Hooked(directory, outside, code=code, prefix=prefix) as target:
            path = target.dump()
            must(os.path.dirname(path) == "/inner", "it is in " + path)
            whole(root + path, target.tasks)
            target.lives()
    must(not files(outside), files(outside))


def test_no_proc(directory):
    """no /proc: a dump of what is known without it, or one line; the program runs on"""
    dumps = sub(directory, "dumps")
    prefix = mounted("mount -t tmpfs none /proc")
    for freeze in ("snapshot", "place"):
        with Hooked(directory, dumps, prefix=prefix, env={"TASKCORE_FREEZE": freeze}) as target:
            target.kick()
            line = target.line()
            must(line.startswith("taskcore: "), line)
            target.lives()
            must("/proc" in line or ".tcore: " in line, "it does not say why: " + line)


def test_pid_namespaces(directory):
    """a new pid namespace, with its own /proc and with that of outside: its own pid in name and head, each thread once"""
    for own in (True, False):
        for freeze in ("snapshot", "place"):
            dumps = sub(directory, "%s-%s" % (own, freeze))
            code = "import threading, os; stop = threading.Event(); threading.Thread(target=stop.wait, daemon=True).start()"
            mounted("")
            prefix = ["unshare", "-p", "-f", "--kill-child"] + (["--mount-proc"] if own else [])
            with Hooked(directory, dumps, code=code, prefix=prefix, env={"TASKCORE_FREEZE": freeze}) as target:
                with open("/proc/%d/task/%d/children" % (target.pid, target.pid)) as file:
                    inner = int(file.read())
                os.kill(inner, signal.SIGUSR1)
                path = target.dumped()
                must(".1." in os.path.basename(path), "its name: " + path)
                found = whole(path, target.tasks)
                must(found["dump"]["pid"] == 1, "pid %d" % found["dump"]["pid"])
                must(len(found["threads"]) == 2, "threads: %s" % found["threads"])
                must(any(t.get("loop") or t.get("python") for t in found["threads"]), "no thread has frames")
                target.lives()


def test_umounted_library(directory):
    """the library's file replaced and deleted while it is loaded: dumps as before"""
    dumps, copy = sub(directory, "dumps"), os.path.join(directory, "libtaskcore.so")
    shutil.copy(environment()["LD_PRELOAD"], copy)
    with Hooked(directory, dumps, env={"LD_PRELOAD": copy}) as target:
        os.unlink(copy)
        whole(target.dump(), target.tasks)
        target.lives()
