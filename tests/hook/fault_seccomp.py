# SPDX-License-Identifier: Apache-2.0
"""A filter of system calls that denies what the hook needs: a dump with less in it, or one line; never an end."""
import errno
import glob
import os
import re
import shutil

from fault_files import sub
from hooked import SAID, Hooked, await_true, dumps_in, files, must, whole

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
    for number in numbers:
        code += [(0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | error)]
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
