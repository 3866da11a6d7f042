# SPDX-License-Identifier: Apache-2.0
"""A filter of system calls that denies what the hook needs: a dump with less in it, or one line; never an end."""
import errno
import glob
import os
import re
import shutil
import subprocess

from fault_files import sub
from hooked import LONG_S, SAID, Hooked, Skip, await_true, compile_c, dumps_in, environment, files, must, whole

# x86-64, arch/x86/entry/syscalls/syscall_64.tbl; what a dump uses, exit and the return from a handler excepted.
CALLS = {"read": 0, "write": 1, "close": 3, "poll": 7, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11, "rt_sigaction": 13, "rt_sigprocmask": 14, "ioctl": 16,
         "pwrite64": 18, "setitimer": 38, "getpid": 39, "sendto": 44, "getsockname": 51, "getpeername": 52, "getsockopt": 55, "clone": 56, "wait4": 61, "uname": 63,
         "fcntl": 72, "flock": 73, "getcwd": 79, "geteuid": 107, "getegid": 108, "getppid": 110, "rt_sigpending": 127, "rt_sigqueueinfo": 129, "sigaltstack": 131,
         "prctl": 157, "gettid": 186, "futex": 202, "getdents64": 217, "clock_gettime": 228, "openat": 257, "unlinkat": 263, "linkat": 265, "readlinkat": 267,
         "fchmod": 91, "ppoll": 271, "rt_tgsigqueueinfo": 297, "process_vm_readv": 310, "renameat2": 316, "getrandom": 318, "memfd_create": 319, "pwritev2": 328,
         "statx": 332, "clone3": 435, "close_range": 436, "madvise": 28, "nanosleep": 35}
DENY = """
import ctypes, os, signal, struct
libc = ctypes.CDLL(None, use_errno=True)
def deny(numbers, error):
    code = [(0x20, 0, 0, 0)]  # the number of the call
    answer = 0x00050000 | error if error else 0x00030000  # SECCOMP_RET_ERRNO, or SECCOMP_RET_TRAP
    for number in numbers:
        code += [(0x15, 0, 1, number), (0x06, 0, 0, answer)]
    code += [(0x06, 0, 0, 0x7fff0000)]
    text = b"".join(struct.pack("HBBI", *line) for line in code)
    buffer = ctypes.create_string_buffer(text)
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer)))
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    if libc.prctl(22, 2, program, 0, 0):
        return False
    return True
def try_denied(numbers, error):
    pid = os.fork()
    if pid == 0:
        path = ctypes.create_string_buffer(5000)
        wait = libc.taskcore_wait
        me, kill = os.getpid(), os.kill
        if not deny(numbers, error):
            os._exit(43)
        kill(me, signal.SIGUSR1)
        os._exit(40 if wait(20000, path, 5000) == 0 else 41)
    return pid, os.waitpid(pid, 0)[1]
"""


def lines_since(target):
    text = target.said()[target.seen :]
    target.seen += len(text)
    return text.splitlines()


def examine(target, numbers, error, dumps):
    """One process under a filter; True: it made a dump."""
    _, status = target.ask("try_denied(%r, %d)" % (numbers, error))
    must(os.WIFEXITED(status) and os.WEXITSTATUS(status) in (40, 41), "ended with %x: %s" % (status, target.said()[-400:]))
    target.idle()
    if 61 in numbers:  # it did not wait for its child
        await_true(lambda: target.said()[target.seen :].endswith("\n"), "the line")
    if 263 not in numbers:
        await_true(lambda: not any(name.endswith(".tmp") for name in files(dumps)), "the end of temporary files: %s" % files(dumps))
    lines = lines_since(target)
    must(len(lines) <= 1 and all(line.startswith("taskcore: ") for line in lines), "said: %s" % lines)
    elsewhere = [SAID.match(line).group(1) for line in lines if SAID.match(line)]
    for path in elsewhere:
        if path.startswith("/dev/shm/"):
            shutil.move(path, dumps)
    made = dumps_in(dumps)
    must(len(made) <= 1 and (not elsewhere or made), "%s: %s" % (lines, made))
    left = set(files(dumps)) - {os.path.basename(path) for path in made}
    if 263 not in numbers:
        must(not left, "left behind: %s" % left)
    for name in left:
        os.unlink(os.path.join(dumps, name))
    for path in made:
        whole(path, complete=None)
        os.unlink(path)
    return bool(made), lines


def test_deny_each(directory):
    """each system call of a dump denied with EPERM, then with ENOSYS: never killed, and a whole dump or a line of refusal"""
    dumps = sub(directory, "dumps")
    results = []
    with Hooked(directory, dumps, DENY, tasks=20) as target:
        must(examine(target, [], errno.EPERM, dumps)[0], "the control: no dump without a filter")
        for name, number in sorted(CALLS.items()):
            for error in (errno.EPERM, errno.ENOSYS):
                try:
                    made, lines = examine(target, [number], error, dumps)
                except AssertionError as why:
                    must(False, "%s denied with %s: %s" % (name, errno.errorcode[error], why))
                results.append(made)
                if not made:
                    print("# no dump without %s: %s" % (name, re.sub(r"/\S+/", "", lines[0]) if lines else "and no line"))
        target.lives()
    must(sum(results) > len(results) / 2 and not all(results), "%d of %d made" % (sum(results), len(results)))
    must(not glob.glob("/dev/shm/.taskcore.*%d*" % target.pid), "left behind in /dev/shm")


def test_deny_some(directory):
    """containers' habits: clone; clone and openat; process_vm_readv; everything that opens or writes a file"""
    dumps = sub(directory, "dumps")
    with Hooked(directory, dumps, DENY, tasks=20) as target:
        for names in (["clone", "clone3"], ["clone", "openat"], ["process_vm_readv"], ["openat", "write", "pwrite64", "unlinkat"], ["statx", "flock", "close_range", "pwritev2"]):
            for error in (errno.EPERM, errno.ENOSYS):
                examine(target, [CALLS[name] for name in names], error, dumps)
        target.lives()


TRAPS = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#define SIZE 65536
static volatile int answers;
static char *altstack;
static _Atomic long n_calls, n_trapped, n_wrong;
static void on_trap(int sig, siginfo_t *info, void *context)
{
	ucontext_t *at = context;
	char here;
	(void)sig, (void)info;
	n_trapped++;
	if (altstack && (&here < altstack || &here >= altstack + SIZE))
		n_wrong++;
	if (answers)
		at->uc_mcontext.gregs[REG_RAX] = -EPERM;
}
int catch_traps(int answer)
{
	struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	answers = answer;
	return sigaction(SIGSYS, &action, 0);
}
static void on_usr1(int sig) { (void)sig; }
/* Its handlers run with everything blocked, SIGSYS too. */
void block_in_handler(void)
{
	struct sigaction action = { .sa_handler = on_usr1 };
	sigfillset(&action.sa_mask);
	sigaction(SIGUSR1, &action, 0);
}
static void *trap(void *unused)
{
	stack_t stack = { .ss_sp = altstack = malloc(SIZE), .ss_size = SIZE };
	sigaltstack(&stack, 0);
	for (;; n_calls++)
		if (syscall(SYS_getpgid, 0) != -1 || errno != EPERM)
			n_wrong++;
	return unused;
}
/* From now on getpgid is trapped, and a thread of its own calls it all the time. */
int start_trapping(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog program = { 4, code };
	pthread_t thread;
	return catch_traps(1) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ||
	       pthread_create(&thread, 0, trap, 0);
}
long calls(void) { return n_calls; }
long lost(void) { long calls = n_calls, trapped = n_trapped; return n_wrong + (trapped < calls ? calls - trapped : 0); }
"""
CATCH = """
traps = ctypes.CDLL(%r)
"""
# A program that lives under a filter does not need these itself; what it needs must be let through.
TRAPPED = "openat clone readlinkat prctl statx getdents64 process_vm_readv close_range memfd_create setitimer linkat renameat2 fchmod flock uname getppid".split()


def trap_library(directory):
    path = os.path.join(directory, "traps.so")
    try:
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-pthread", "-x", "c", "-o", path, "-"], input=TRAPS.encode(), check=True)
    except FileNotFoundError:
        raise Skip("no C compiler")
    return path


def test_trap_each(directory):
    """system calls that a filter answers with SIGSYS, which the program handles: it lives, and there is a whole dump or a line of refusal"""
    library = trap_library(directory)
    for way in ("place", "snapshot"):
        for answers in (1, 0):  # the handler makes the call fail, or leaves the registers alone: then it returns its own number (seccomp(2))
            scratch = sub(directory, "%s-%d" % (way, answers))
            dumps = sub(scratch, "dumps")
            with Hooked(scratch, dumps, DENY + CATCH % library, tasks=20, env={"TASKCORE_FREEZE": way}) as target:
                must(target.ask("traps.catch_traps(%d)" % answers) == 0, "sigaction")
                target.ask("traps.block_in_handler()")
                must(examine(target, [], 0, dumps)[0], "the control: no dump without a filter")
                for names in [[name] for name in TRAPPED] + [TRAPPED]:
                    try:
                        examine(target, [CALLS[name] for name in names], 0, dumps)
                    except AssertionError as why:
                        must(False, "%s trapped, %s, handler answers %d: %s" % (names, way, answers, why))
                target.lives()


OWN_DESCRIPTOR = """
def try_trapped_open():
    "257 is the number of openat, and so what a trapped one returns: a descriptor of the program's."
    traps.catch_traps(0)
    read, write = os.pipe()
    os.dup2(write, 257)
    os.write(257, b"x")
    status = try_denied([257], 0)[1]
    os.write(257, b"y")
    return status, os.read(read, 9)
"""


def test_trap_own_descriptor(directory):
    """a trapped openat returns 257: what the program has open there is neither written to nor closed"""
    dumps = sub(directory, "dumps")
    for way in ("place", "snapshot"):
        scratch = sub(directory, way)
        code = DENY.replace("_exit(40 if", "_exit(42 if os.write(257, b'z') != 1 else 40 if") + CATCH % trap_library(scratch) + OWN_DESCRIPTOR
        with Hooked(scratch, dumps, code, env={"TASKCORE_FREEZE": way}) as target:
            status, got = target.ask("try_trapped_open()")
            must(os.WIFEXITED(status) and os.WEXITSTATUS(status) in (40, 41), "ended with %x" % status)
            must(got == b"xzy", "%r" % got)
            target.lives()


def test_trap_of_others(directory):
    """each trapped call of another thread comes to the program's handler, on its alternate stack, while dumps are made"""
    library = trap_library(directory)
    for way in ("place", "snapshot"):
        scratch = sub(directory, way)
        with Hooked(scratch, sub(scratch, "dumps"), "import ctypes" + CATCH % library, env={"TASKCORE_FREEZE": way, "TASKCORE_MAX_FILES": "99"}) as target:
            must(target.ask("traps.start_trapping()") == 0, "no filter")
            for _ in range(20):
                before = target.ask("traps.calls()")
                await_true(lambda: target.ask("traps.calls()") > before, "its thread")
                whole(target.dump(), target.tasks)
            must(target.ask("traps.lost()") == 0, "%d went wrong" % target.ask("traps.lost()"))


WITHOUT_PYTHON = r"""
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <signal.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
int main(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)), ALLOW(SYS_epoll_create1), ALLOW(SYS_close),
		ALLOW(SYS_exit_group), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return 77;
	for (int i = 0; i < 20; i++) {
		int fd = i % 2 ? epoll_create1(EPOLL_CLOEXEC) : epoll_create(1);
		if (fd < 0)
			return 1;
		close(fd);
	}
	return 0;
}
"""


def test_nothing_asked(directory):
    """a C program without Python that may only make epoll descriptors and end does so: the hook asks nothing of the kernel"""
    done = subprocess.run([compile_c(directory, WITHOUT_PYTHON)], env=environment(directory), timeout=LONG_S)
    if done.returncode == 77:
        raise Skip("no seccomp filter")
    must(done.returncode == 0, "it ended with %d" % done.returncode)
