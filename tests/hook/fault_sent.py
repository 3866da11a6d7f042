# SPDX-License-Identifier: Apache-2.0
"""Who sent a signal, when, and whether the program gets it: faults that are sent during a dump, timers, processes without Python."""
import contextlib
import ctypes
import os
import signal

from fault_files import sub
from hooked import LONG_S, Hooked, await_true, compile_c, files, must, whole

FAULTS = (signal.SIGSEGV, signal.SIGBUS)


def catches(pid, sig):
    with open("/proc/%d/status" % pid) as file:
        text = file.read()
    return int(text.split("SigCgt:")[1].split()[0], 16) >> (sig - 1) & 1


@contextlib.contextmanager
def orphans_awaited():
    """Children whose parent ends inside come to us (PR_SET_CHILD_SUBREAPER); their end is waited for (__WALL: waitpid(2))."""
    libc = ctypes.CDLL(None)
    must(libc.prctl(36, 1, 0, 0, 0) == 0, "prctl")
    try:
        yield
    finally:
        libc.prctl(36, 0, 0, 0, 0)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0x40000000)


def test_sent_fault(directory):
    """SIGSEGV and SIGBUS sent while the handler reads memory end the process, which catches neither, as without us"""
    for sig in FAULTS:
        # without crash handlers, so that a caught signal tells when memory is read
        env = {"TASKCORE_FREEZE": "place", "TASKCORE_PAUSE_MS": "5000", "TASKCORE_CRASH": "off"}
        with orphans_awaited(), Hooked(directory, sub(directory, sig.name), tasks=20000, env=env) as target:
            for _ in range(20):  # until the handler is seen at it
                must(not catches(target.pid, sig), "it catches %s" % sig.name)
                target.kick()
                while "tcore: " not in target.said()[target.seen :] and not catches(target.pid, sig):
                    must(target.process.poll() is None, "it ended by itself")
                if catches(target.pid, sig):
                    break
                target.dumped()
            target.kick(sig)
            target.process.stdin.write(b"'alive'\n")
            target.process.stdin.flush()
            must(target.process.stdout.readline() == b"", "%s was lost" % sig.name)
            must(target.process.wait(LONG_S) == -sig, "it ended with %d" % target.process.returncode)


BLOCK = """
import os, signal, threading
FAULTS = [signal.SIGSEGV, signal.SIGBUS]
def block():
    signal.pthread_sigmask(signal.SIG_BLOCK, FAULTS)
    for sig in FAULTS:
        os.kill(os.getpid(), sig)
    return pending()
def pending():
    return sorted(int(sig) for sig in signal.sigpending())
def take():
    taken = [signal.sigtimedwait(FAULTS, 0) for sig in FAULTS]
    return sorted((info.si_signo, info.si_code, info.si_pid) for info in taken)
"""


def test_blocked_fault(directory):
    """SIGSEGV and SIGBUS that the program has blocked, and somebody sent before a dump, wait with their sender after it"""
    for freeze in ("snapshot", "place"):
        with Hooked(directory, sub(directory, freeze), code=BLOCK, env={"TASKCORE_FREEZE": freeze}) as target:
            wanted = sorted(int(sig) for sig in FAULTS)
            must(target.ask("block()") == wanted, "control: they are not pending")
            whole(target.dump(), target.tasks)
            must(target.ask("pending()") == wanted, "pending after a dump: %s" % target.ask("pending()"))
            must(target.ask("take()") == [(sig, 0, target.pid) for sig in wanted], "the sender")
            must(target.ask("pending()") == [], "one too many")


TIMER = """
import ctypes
class Event(ctypes.Structure):
    _fields_ = [("value", ctypes.c_void_p), ("signo", ctypes.c_int), ("notify", ctypes.c_int), ("room", ctypes.c_char * 48)]
def start_timer():
    libc = ctypes.CDLL(None)
    timer, at = ctypes.c_void_p(), (ctypes.c_long * 4)(0, 0, 0, 1000000)
    for _ in range(3):  # not the first, whose number is 0
        if libc.timer_create(1, ctypes.byref(Event(None, 10, 0)), ctypes.byref(timer)):
            return False
    return libc.timer_settime(timer, 0, at, None) == 0
"""


def test_timer(directory):
    """the SIGUSR1 of a timer names no sender in its dump; that of kill does"""
    with Hooked(directory, sub(directory, "dumps"), code=TIMER) as target:
        must(whole(target.dump(), target.tasks)["dump"]["sender"]["pid"] == os.getpid(), "control: kill")
        must(target.ask("start_timer()"), "no timer")
        found = whole(target.dumped(), target.tasks)["dump"]
        must(found["signal"] == signal.SIGUSR1 and not found.get("sender"), "signal %s, sender %s" % (found["signal"], found.get("sender")))


LOOPS = r"""
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>
static void *make(void *unused)
{
	for (;;)
		close(epoll_create1(0));
	return unused;
}
int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, make, NULL);
	pthread_create(&thread, NULL, make, NULL);
	return write(1, "READY\n", 6) < 0 || pause();
}
"""


def test_loops_without_python(directory):
    """a C program without Python, two threads of which make epoll descriptors all the time, dies of its SIGUSR1; no dump, no line"""
    dumps = sub(directory, "dumps")
    program = compile_c(directory, LOOPS)
    for _ in range(30):
        with Hooked(directory, dumps, command=[program]) as target:
            target.kick()
            await_true(lambda: target.process.poll() is not None or target.said(), "its end")
            must(not target.said(), "it said: " + target.said())
            must(target.process.returncode == -signal.SIGUSR1, "it ended with %s" % target.process.returncode)
    must(not files(dumps), "%s" % files(dumps))
