# SPDX-License-Identifier: Apache-2.0
"""Other threads' faults while dumps are made: what the program has set for SIGSEGV holds at every instant."""
import os
import shutil
import subprocess

from fault_files import sub
from hooked import HERE, LONG_S, Hooked, Skip, await_true, must, whole

DUMPS = 20
CLOCK_NANOSLEEP = "230"  # arch/x86/entry/syscalls/syscall_64.tbl
WAYS = ("place", "snapshot")
FAULTING = """
import ctypes
library = ctypes.CDLL(%r)
for name in ("handled", "elsewhere", "wrong_masks"):
    getattr(library, name).restype = ctypes.c_long
before_ready = library.start
"""
GO = """
import ctypes
library = ctypes.CDLL(%r)
for name in ("Rounds", "Wrong", "Recovered"):
    getattr(library, name).restype = ctypes.c_long
before_ready = lambda: library.Start(3)
"""
SLEEPER = """
import ctypes, threading
python = ctypes.PyDLL(None, use_errno=True)  # its calls keep the GIL
ended = []
def sleep_on():
    while True:
        ended.append(python.nanosleep((ctypes.c_long * 2)(0, 200000000), None) and ctypes.get_errno())
        for _ in range(1000):
            pass
        event.wait(0.05)
event = threading.Event()
sleeper = threading.Thread(target=sleep_on, daemon=True)
after_ready = sleeper.start
"""
HANDLER = """
import signal
n_called = 0
def called(*_):
    global n_called
    n_called += 1
signal.signal(signal.SIGUSR1, called)
"""


def c_library(directory, source=os.path.join(HERE, "faulting_library.c")):
    path = os.path.join(directory, "library.so")
    try:
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-pthread", "-o", path, source], check=True)
    except FileNotFoundError:
        raise Skip("no C compiler")
    return path


def go_library(directory):
    if not shutil.which("go"):
        raise Skip("no Go compiler")
    path = os.path.join(directory, "golibrary.so")
    env = dict(os.environ, GOCACHE=os.path.join(directory, "gocache"), GOFLAGS="", GO111MODULE="off", CGO_ENABLED="1", GOTOOLCHAIN="local", GOPROXY="off")
    subprocess.run(["go", "build", "-buildmode=c-shared", "-o", path, os.path.join(HERE, "go_library.go")], check=True, env=env, stdout=subprocess.DEVNULL)
    return path


def dump_often(target, done):
    """Dumps, each in the middle of the others' work: done gives how much of that there is."""
    for _ in range(DUMPS):
        before = target.ask(done)
        await_true(lambda: target.ask(done) > before, "its threads' work")
        target.idle()  # the child of the dump before, which said its line a moment before its end, or this one is refused
        whole(target.dump(), target.tasks)
    before = target.ask(done)
    await_true(lambda: target.ask(done) > before, "work after the dumps")


def test_faults_of_others(directory):
    """a thread that handles bad pointers and stack overflows finds its alternate stack and mask while another one dumps that has such a stack too"""
    library = c_library(directory)
    for way in WAYS:
        for handler in ("", HANDLER):
            scratch = sub(directory, way + "-handler" * bool(handler))
            env = {"TASKCORE_FREEZE": way, "TASKCORE_MAX_FILES": "999"}
            with Hooked(scratch, sub(scratch, "dumps"), FAULTING % library + handler, env=env) as target:
                dump_often(target, "library.handled()")
                wrong = target.ask("[library.elsewhere(), library.wrong_masks()]")
                must(wrong == [0, 0], "%d faults off the alternate stack, %d with another mask" % tuple(wrong))
                must(not handler or target.ask("n_called") == DUMPS, "the handler of SIGUSR1 ran %s times" % (handler and target.ask("n_called")))


def test_go_library(directory):
    """a Go library in the process recovers from nil pointers and collects garbage while dumps are made"""
    library = go_library(directory)
    for way in WAYS:
        scratch = sub(directory, way)
        with Hooked(scratch, sub(scratch, "dumps"), GO % library + HANDLER, env={"TASKCORE_FREEZE": way, "TASKCORE_MAX_FILES": "999"}) as target:
            dump_often(target, "library.Recovered()")
            must(target.ask("library.Wrong()") == 0, "wrong results")
            target.process.stdin.close()


def test_sleeper(directory):
    """a thread that sleeps with the GIL, in a call that SA_RESTART does not restart, is not woken by a dump in place, which says frozen all the same"""
    with Hooked(directory, sub(directory, "dumps"), SLEEPER, env={"TASKCORE_FREEZE": "place", "TASKCORE_MAX_FILES": "99"}) as target:
        tid = target.ask("sleeper.native_id")
        frozen = 0
        for _ in range(DUMPS):
            def asleep():
                with open("/proc/%d/task/%d/syscall" % (target.pid, tid)) as file:
                    return file.read().split()[0] == CLOCK_NANOSLEEP
            await_true(asleep, "its sleep")
            frozen += whole(target.dump())["dump"]["frozen"]
            target.idle()
        ended = target.ask("ended")
        must(not any(ended), "%d of %d sleeps ended early" % (sum(map(bool, ended)), len(ended)))
        must(frozen, "none says frozen")
        print("# %d of %d dumps in a sleep" % (frozen, DUMPS))


OPENER = r"""
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>
static _Atomic long n_opened, n_failed;
static void *open_on(void *unused)
{
	for (;; n_opened++) {
		int fd = dup(2);
		if (fd < 0)
			n_failed++;
		else
			close(fd);
	}
	return unused;
}
/* One descriptor can be had from now on, and a thread has it now and then. */
int start(void)
{
	int last = dup(2);
	struct rlimit limit = { last + 1, last + 1 };
	pthread_t thread;
	close(last);
	return setrlimit(RLIMIT_NOFILE, &limit) || pthread_create(&thread, 0, open_on, 0);
}
long opened(void) { return n_opened; }
long failed(void) { return n_failed; }
"""
OPENING = """
import ctypes
library = ctypes.CDLL(%r)
library.opened.restype = library.failed.restype = ctypes.c_long
before_ready = library.start
"""


def test_last_descriptor(directory):
    """the last descriptor stays the program's: a thread that opens and closes it all the time never sees EMFILE for a dump from a copy"""
    if tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) < (6, 2):
        raise Skip("Linux before 6.2 does not tell how many descriptors are open")
    source = os.path.join(directory, "opener.c")
    with open(source, "w") as file:
        file.write(OPENER)
    library = c_library(directory, source)
    with Hooked(directory, sub(directory, "dumps"), OPENING % library, env={"TASKCORE_FREEZE": "snapshot", "TASKCORE_MAX_FILES": "99"}) as target:
        dump_often(target, "library.opened()")
        must(target.ask("library.failed()") == 0, "%d of %d times" % (target.ask("library.failed()"), target.ask("library.opened()")))
