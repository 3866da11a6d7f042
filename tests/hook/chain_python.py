# SPDX-License-Identifier: Apache-2.0
"""chain_python.py CASE: one way in which Python programs use SIGUSR1, with a hook preloaded. Ends with 0 when every signal made
one dump and reached the program once; else says what did not. Dumps are counted by the preloaded test library, or in
TASKCORE_DIR. Runs on Python 3.8 to 3.15."""
import asyncio
import ctypes
import faulthandler
import glob
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

SIG = signal.SIGUSR1
N = 5
WAIT_S = 60
library = ctypes.CDLL(None)
counted = hasattr(library, "test_dumps")


class Wrong(Exception):
    pass


def check(what, found, wanted):
    if found != wanted:
        raise Wrong("%s: %r, must be %r" % (what, found, wanted))


def until(condition, what):
    """The kernel tells nobody of the things awaited here."""
    end = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > end:
            raise Wrong("waited in vain for " + what)
        select.select([], [], [], 0.002)


def dumps():
    if counted:
        return library.test_dumps()
    return len(glob.glob(os.path.join(os.environ["TASKCORE_DIR"], "taskcore.*.%d.*.tcore" % os.getpid())))


def dumping_children():
    """Children of ours that are not zombies."""
    n = 0
    for tid in os.listdir("/proc/self/task"):
        try:
            with open("/proc/self/task/%s/children" % tid) as f:
                children = f.read().split()
        except FileNotFoundError:
            continue
        for pid in children:
            try:
                with open("/proc/%s/stat" % pid) as f:
                    n += f.read().rpartition(")")[2].split()[0] not in "ZX"
            except (FileNotFoundError, ProcessLookupError):
                pass
    return n


class Dumps:
    """In a with block n dumps are made; after it the last one is over."""

    def __init__(self, n=1, others=0):
        self.n, self.others = n, others

    def __enter__(self):
        self.before = dumps()

    def __exit__(self, kind, value, trace):
        if kind is None:
            if not counted:
                until(lambda: dumps() >= self.before + self.n, "a dump")
                until(lambda: dumping_children() <= self.others, "the end of the dumping child")
            check("dumps", dumps() - self.before, self.n)


def send(pid=None):
    os.kill(pid or os.getpid(), SIG)


class Counter:
    def __init__(self):
        self.n = 0

    def __call__(self, *unused):
        self.n += 1


def send_and_count(counter, n=N):
    for _ in range(n):
        before = counter.n
        with Dumps():
            send()
        check("calls of the handler", counter.n, before + 1)


def case_default():
    for _ in range(N):
        with Dumps():
            send()
    check("getsignal", signal.getsignal(SIG), signal.SIG_DFL)


def case_ignored():
    signal.signal(SIG, signal.SIG_IGN)
    for _ in range(N):
        with Dumps():
            send()
    check("signal's answer", signal.signal(SIG, signal.SIG_DFL), signal.SIG_IGN)
    with Dumps():
        send()


def case_signal():
    counter = Counter()
    check("before", signal.signal(SIG, counter), signal.SIG_DFL)
    send_and_count(counter)
    for interrupts in (True, False):
        signal.siginterrupt(SIG, interrupts)
        send_and_count(counter, 2)
    check("after", signal.signal(SIG, signal.SIG_DFL), counter)


def faulthandler_case(chain, previous):
    counter = Counter()
    if previous:
        signal.signal(SIG, counter)
    with tempfile.TemporaryFile() as file:
        faulthandler.register(SIG, file=file, chain=chain)
        for i in range(1, N + 1):
            with Dumps():
                send()
            file.seek(0)
            check("tracebacks", file.read().count(b"most recent call first"), i)
        check("calls of the handler before", counter.n, N if chain and previous else 0)
        faulthandler.unregister(SIG)
        if previous:
            send_and_count(counter)
        else:
            with Dumps():
                send()


def case_faulthandler():
    faulthandler_case(False, False)


def case_faulthandler_chain():
    faulthandler_case(True, False)


def case_faulthandler_handler():
    faulthandler_case(False, True)


def case_faulthandler_chain_handler():
    faulthandler_case(True, True)


def case_faulthandler_enabled():
    """Its SIGSEGV handler and alternate stack beside ours."""
    with tempfile.TemporaryFile() as file:
        faulthandler.enable(file)
        case_default()
        faulthandler_case(True, True)
        faulthandler.disable()


async def count_by_loop():
    loop = asyncio.get_running_loop()
    counter, called = Counter(), asyncio.Event()

    def on_signal():
        counter()
        called.set()

    loop.add_signal_handler(SIG, on_signal)
    for i in range(1, N + 1):
        called.clear()
        with Dumps():
            send()
        await asyncio.wait_for(called.wait(), WAIT_S)
        check("calls by the loop", counter.n, i)
    loop.remove_signal_handler(SIG)
    with Dumps():
        send()
    check("calls by the loop", counter.n, N)


def case_asyncio():
    asyncio.run(count_by_loop())


def case_uvloop():
    import uvloop

    loop = uvloop.new_event_loop()
    loop.run_until_complete(count_by_loop())
    loop.close()


def case_wakeup_fd():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    counter = Counter()
    signal.signal(SIG, counter)
    signal.set_wakeup_fd(theirs.fileno())
    for _ in range(N):
        with Dumps():
            send()
        check("bytes", ours.recv(100), bytes([SIG]))
    check("calls", counter.n, N)
    signal.set_wakeup_fd(-1)


def case_subprocesses():
    counter = Counter()
    signal.signal(SIG, counter)
    send_and_count(counter, 1)
    for i in range(100):
        options = [{}, {"close_fds": False}, {"restore_signals": False}, {"start_new_session": True}][i % 4]
        check("status", subprocess.run(["/bin/true"], **options).returncode, 0)
    check("posix_spawn", os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)[1], 0)
    check("system", os.system("true"), 0)
    send_and_count(counter, 1)


def case_ignored_children():
    """What ignores the signal here ignores it in a program that is started; else it is its default there."""
    code = "import signal, sys; sys.exit(signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN)"
    env = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    for handler, wanted in ((signal.SIG_IGN, 1), (signal.SIG_DFL, 0), (Counter(), 0)):
        signal.signal(SIG, handler)
        command = [sys.executable, "-S", "-c", code]
        check("%s in a child" % handler, subprocess.run(command, env=env).returncode, wanted)
        check(
            "%s in a spawned child" % handler,
            os.waitpid(os.posix_spawn(command[0], command, env), 0)[1] >> 8,
            wanted,
        )
        with Dumps():
            send()


def in_child(function):
    pid = os.fork()
    if pid == 0:
        try:
            function()
            os._exit(0)
        except BaseException as e:  # noqa: BLE001 the parent must see it
            print(e, flush=True)
            os._exit(1)
    check("status of a child", os.waitpid(pid, 0)[1], 0)


def case_fork():
    counter = Counter()
    signal.signal(SIG, counter)

    def child():
        subprocess.run(["/bin/true"])
        send_and_count(counter, 2)
        signal.signal(SIG, signal.SIG_DFL)  # as UvicornWorker does
        with Dumps():
            send()

    for _ in range(4):
        in_child(child)
    send_and_count(counter, 2)
    in_child(lambda: in_child(child))


def answer(counter, queue):
    signal.signal(SIG, counter)
    queue.put(("ready", os.getpid(), 0))
    until(lambda: counter.n >= 1, "the signal")
    if not counted:
        until(lambda: dumps() >= 1, "a dump")
    queue.put(("done", os.getpid(), (counter.n, dumps())))


def case_multiprocessing():
    import multiprocessing

    for way in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(way)
        queue = context.Queue()
        children = [context.Process(target=answer, args=(Counter(), queue)) for _ in range(2)]
        base = dumps() if counted and way == "fork" else 0
        for child in children:
            child.start()
        for _ in range(2 * len(children)):
            word, pid, figures = queue.get(timeout=WAIT_S)
            if word == "ready":
                os.kill(pid, SIG)
            else:
                check(way, figures, (1, base + 1))
        for child in children:
            child.join(WAIT_S)
            check("exit status", child.exitcode, 0)


def case_threads():
    counter = Counter()
    signal.signal(SIG, counter)
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=theirs.recv, args=(1,))
    thread.start()
    for i in range(N):
        with Dumps():
            signal.pthread_kill(thread.ident, SIG)
            if counted:
                until(lambda: dumps() > i, "a dump")
        until(lambda: counter.n > i, "the handler")
    ours.send(b"x")
    thread.join()
    check("calls", counter.n, N)


def case_sigwait():
    signal.pthread_sigmask(signal.SIG_BLOCK, [SIG])
    for _ in range(N):
        with Dumps(0):
            send()
            check("sigwait", signal.sigwait([SIG]), SIG)
    send()
    with Dumps():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [SIG])


def case_raise_in_handler():
    """An exception out of the handler, as a soft time limit does it."""

    class SoftTimeLimit(Exception):
        pass

    def limit(*unused):
        raise SoftTimeLimit()

    signal.signal(SIG, limit)
    for _ in range(N):
        n = 0
        with Dumps():
            try:
                send()
                for _ in range(1000):
                    pass
            except SoftTimeLimit:
                n += 1
        check("exceptions", n, 1)


def main():
    name = sys.argv[1]
    try:
        globals()["case_" + name]()
    except Wrong as e:
        print(e)
        sys.exit(1)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        print("\n".join(n[5:] for n in globals() if n.startswith("case_")))
    else:
        main()
