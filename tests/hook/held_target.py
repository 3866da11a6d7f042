# SPDX-License-Identifier: Apache-2.0
"""held_target.py WHAT RUNS [LIBRARY]: closes something right after each dump of itself, and prints what was not as without a dump.

Its own descriptors have numbers from 64 on: below, the kernel itself makes a copy for an instant (docs/signal-safety.md)."""
import asyncio
import ctypes
import errno
import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time

WHAT, RUNS = sys.argv[1], int(sys.argv[2])
LOOKS = 1000  # of a peer for the end of a stream
LOCAL = "127.0.0.1"


def dump():
    """To this thread, which has then made it: another one may take a signal to the process, a moment later."""
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)


def rest():
    """Until the child has ended: the next dump is not refused."""
    while True:
        working = False
        with open("/proc/self/task/%d/children" % os.getpid()) as file:
            for pid in file.read().split():
                try:
                    with open("/proc/%s/stat" % pid) as stat:
                        working |= stat.read().rpartition(")")[2].split()[0] not in "ZX" or len(os.listdir("/proc/%s/task" % pid)) > 1
                except OSError:
                    pass
        if not working:
            return
        time.sleep(0.0005)


def listener(address=(LOCAL, 0)):
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(address)
    one.listen()
    return one


def bind():
    one = listener()
    address = one.getsockname()
    dump()
    one.close()
    listener(address).close()


def connect():
    one = listener()
    address = one.getsockname()
    dump()
    one.close()
    with socket.socket() as other:
        must(other.connect_ex(address) == errno.ECONNREFUSED, "connected")


def flock():
    fd = os.open("lock", os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(fd, fcntl.LOCK_EX)
    dump()
    os.close(fd)
    with open("lock") as again:
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)


def execute():
    fd = os.open("program", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o755)
    os.write(fd, b"#!/bin/sh\n")
    dump()
    os.close(fd)
    subprocess.run(["./program"], check=True)


def epoll():
    with select.epoll() as poll:
        read, write = os.pipe()
        poll.register(read, select.EPOLLIN)
        os.write(write, b"x")
        dump()
        os.close(read)
        events = poll.poll(0)
        os.close(write)
    must(not events, "an event of a closed descriptor")


def eof():
    one, other = socket.socketpair()
    other.setblocking(False)
    dump()
    one.close()
    for _ in range(LOOKS):
        try:
            must(other.recv(1) == b"", "bytes")
            break
        except BlockingIOError:
            pass
    else:
        must(False, "no end")
    other.close()


def umount():
    libc, place = ctypes.CDLL(None, use_errno=True), os.path.abspath("mounted").encode()
    os.makedirs(place, exist_ok=True)
    must(libc.mount(b"taskcore", place, b"tmpfs", 0, b"size=1m") == 0, "mount")
    os.chdir(place)
    dump()
    os.chdir("/")
    failed = libc.umount(place)
    error = ctypes.get_errno()
    os.chdir(os.path.dirname(place))
    if failed:
        libc.umount2(place, 2)
        raise OSError(error, os.strerror(error))


def must(condition, text):
    if not condition:
        raise OSError(text)


def closed():
    bad = []
    act = {"exec": execute}.get(WHAT) or globals()[WHAT]
    for _ in range(RUNS):
        try:
            act()
        except (OSError, subprocess.SubprocessError) as why:
            bad.append(str(why))
        rest()
    return bad


def any_time():
    library, bad = ctypes.CDLL(sys.argv[3]), []
    stale, loops = (ctypes.c_long.in_dll(library, name) for name in ("stale", "loops"))
    library.begin()
    for _ in range(RUNS):
        before = stale.value
        dump()
        rest()
        if stale.value > before:
            bad.append("%d events" % (stale.value - before))
    library.end()
    must(loops.value > RUNS, "only %d connections" % loops.value)
    return bad


async def main():
    tasks = [asyncio.ensure_future(asyncio.get_running_loop().create_future()) for _ in range(10)]
    tasks = [asyncio.ensure_future(asyncio.sleep(3600)) for _ in range(300)]
    await asyncio.sleep(0)
    fillers = [os.open("/dev/null", os.O_RDONLY) for _ in range(64)]
    print("READY", flush=True)
    sys.stdin.readline()
    print(repr(any_time() if WHAT == "epoll-any" else closed()), flush=True)
    sys.stdin.readline()
    os._exit(len(tasks + fillers) * 0)


signal.signal(signal.SIGUSR1, lambda *_: None)
asyncio.run(main())
