# SPDX-License-Identifier: Apache-2.0
"""A program that becomes another one by execve during a dump, or after it: the new one, which has no hook, finds nothing of ours."""
import ast
import os
import sys

from again import DISAGREED, FALSIFY
from fault_files import sub
from hooked import LONG_S, Hooked, dumps_in, must, whole

# Waits for the children that it finds, of which it started none (__WALL: waitpid(2)), and says whether one has sent it SIGCHLD, which is blocked.
NEW = """
import os, signal
n = 0
try:
    while True:
        os.waitpid(-1, 0x40000000)
        n += 1
except ChildProcessError:
    print((n, signal.SIGCHLD in signal.sigpending()), flush=True)
"""
EXEC = """
import ctypes, os, signal, sys
del os.environ["LD_PRELOAD"]
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
libc = ctypes.PyDLL(None)
args = [sys.executable, "-c", %r]
def raw():
    vector = (ctypes.c_char_p * 4)(*map(os.fsencode, args))
    libc.syscall(59, os.fsencode(args[0]), vector, None)  # execve
def become(how):
    if how == "execve":
        os.execve(args[0], args, {})
    if how == "execv":
        os.execv(args[0], args)
    if how == "fexecve":
        os.execve(os.open(args[0], os.O_RDONLY), args, {})
    if how == "execvp":
        libc.execvp(os.fsencode(args[0]), (ctypes.c_char_p * 4)(*map(os.fsencode, args)))
    if how == "raw":
        raw()
def dump_and_become(how):
    os.kill(os.getpid(), signal.SIGUSR1)
    become(how)
""" % NEW


def becomes(target, expression):
    """What the new program says."""
    target.process.stdin.write(expression.encode() + b"\n")
    target.process.stdin.flush()
    line = target.process.stdout.readline().decode()
    must(line, "it ended with %s: %s" % (target.process.wait(LONG_S), target.said()))
    must(target.process.wait(LONG_S) == 0, "the new program ended with %s" % target.process.returncode)
    return ast.literal_eval(line)


def test_exec_after(directory):
    """execve after a dump: no zombie and no SIGCHLD for the new program"""
    for how in ("execve", "execv", "execvp", "fexecve"):
        dumps = sub(directory, how)
        with Hooked(directory, dumps, code=EXEC) as target:
            whole(target.dump(), target.tasks)
            found = becomes(target, "become(%r)" % how)
            must(found == (0, False), "%s: it found %d children, SIGCHLD: %s" % (how, *found))


def test_exec_during(directory):
    """execve during a dump waits for its end, TASKCORE_PAUSE_MS at most: no zombie and no SIGCHLD for the new program, and the dump is whole"""
    for how in ("execve", "execv", "execvp", "fexecve"):
        dumps = sub(directory, how)
        with Hooked(directory, dumps, code=EXEC, tasks=5000, env={"TASKCORE_PAUSE_MS": "60000"}) as target:
            found = becomes(target, "dump_and_become(%r)" % how)
            must(found == (0, False), "%s: it found %d children, SIGCHLD: %s" % (how, *found))
            must(len(dumps_in(dumps)) == 1, "dumps: %s; %s" % (dumps_in(dumps), target.said()))
            whole(dumps_in(dumps)[0], target.tasks)


def test_exec_contradiction(directory):
    """a dump that contradicts itself asks no new program for a second one, which would die of that: it is kept as it is"""
    for how in ("raw", "execve"):
        dumps = sub(directory, how)
        with Hooked(directory, dumps, code=FALSIFY + EXEC) as target:
            must(target.ask("falsify(1)"), "not falsified")
            children, _ = becomes(target, "dump_and_become(%r)" % how)
            must(how != "raw" or children == 1, "control: the child was not at work when its parent became another program")
            must(len(dumps_in(dumps)) == 1, "dumps: %s; %s" % (dumps_in(dumps), target.said()))
            whole(dumps_in(dumps)[0], target.tasks, said=DISAGREED, complete=False)
