#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""taskcore dump from outside: what the file is to other tools, what stops a dump, what a dump leaves behind."""
import os
import re
import shutil
import signal
import struct
import subprocess
import sys

from common import (Skip, Target, TASKCORE, await_true, compile_c, dump, field, must, parked, program, run, state, taskcore, threads)


PARKED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "parked.py")


def tool(*command):
    if not shutil.which(command[0]):
        raise Skip("no " + command[0])
    return subprocess.run(["timeout", "-s", "KILL", "20", *command], capture_output=True, text=True)


def test_name(directory):
    """the file has the name of the contract, mode 0600, and its path alone is on stdout"""
    with parked(3) as target:
        path = dump(target.pid, directory)
        pattern = r"taskcore\.python[0-9.]*\.%d\.\d{8}T\d{6}\.\d{3}\.attach\.tcore" % target.pid
        must(re.fullmatch(pattern, os.path.basename(path)), path)
        must(os.stat(path).st_mode & 0o777 == 0o600, "mode")
        must(os.listdir(directory) == [os.path.basename(path)], "other files: %s" % os.listdir(directory))


def test_output_option(directory):
    """-o names the file, and an existing file is left as it is"""
    with parked(3) as target:
        path = os.path.join(directory, "here.tcore")
        must(dump(target.pid, "/", "-o", path) == path and os.path.getsize(path), "no file")
        before = os.stat(path)
        dump(target.pid, "/", "-o", path, code=3)
        must(os.stat(path) == before, "the file was touched")


def test_gdb_and_eu_stack(directory):
    """gdb lists every thread, and eu-stack prints a frame of each sleeping one"""
    with parked(3, 5) as target:
        path = dump(target.pid, directory)
        tids = threads(target.pid)
        exe = os.readlink("/proc/%d/exe" % target.pid)
        told = tool("gdb", "-nx", "-batch", "-ex", "set print frame-arguments none", exe, path, "-ex", "info threads")
        for tid in tids:
            must(re.search(r"LWP %d\b" % tid, told.stdout), "gdb does not know thread %d" % tid)
        wrong = [line for line in told.stderr.splitlines() if "error" in line.lower() and "arning: " not in line]
        must(not wrong, wrong)
        stacks = tool("eu-stack", "--core", path)
        for tid in tids:
            must(re.search(r"TID %d:\n#0 " % tid, stacks.stdout), "eu-stack: no frame of %d: %s" % (tid, stacks.stderr))


def test_cut_files_open(directory):
    """gdb and eu-stack open the file as it was at each moment of its making"""
    with parked(2000, 2) as target:
        path = dump(target.pid, directory)
        exe = os.readlink("/proc/%d/exe" % target.pid)
    with open(path, "rb") as f:
        whole = f.read()
    phoff, = struct.unpack_from("<Q", whole, 32)
    phnum, = struct.unpack_from("<H", whole, 56)
    last = phoff + (phnum - 1) * 56
    tail, = struct.unpack_from("<Q", whole, last + 8)
    must(struct.unpack_from("<Q", whole, last + 32)[0] == len(whole) - tail, "the tail's size is wrong")
    unsealed = whole[:last + 32] + b"\0" * 8 + whole[last + 40:]
    for size in (tail, tail + 1, tail + 30, (tail + len(whole)) // 2, len(whole)):
        cut = os.path.join(directory, "cut.tcore")
        with open(cut, "wb") as f:
            f.write(unsealed[:size])
        told = tool("gdb", "-nx", "-batch", exe, cut, "-ex", "info threads")
        must(len(re.findall(r"LWP \d+", told.stdout)) >= 3, "gdb at %d of %d: %s" % (size, len(whole), told.stderr))
        stacks = tool("eu-stack", "--core", cut)
        must(stacks.stdout.count("#0 ") >= 3, "eu-stack at %d: %s" % (size, stacks.stderr))


def test_stop_lets_go(directory):
    """--stop leaves every thread running and untraced"""
    with parked(200, 20) as target:
        for _ in range(10):
            dump(target.pid, directory, "-o", "x.tcore", "--stop")
            os.unlink(os.path.join(directory, "x.tcore"))
            must(field(target.pid, "TracerPid") == "0", "still traced")
            must(all(state(target.pid, tid) in "SR" for tid in threads(target.pid)), "a thread does not run")


def test_stopped_stays_stopped(directory):
    """a stopped process stays stopped, with --stop and without"""
    with parked(3, 3) as target:
        os.kill(target.pid, signal.SIGSTOP)
        await_true(lambda: state(target.pid) == "T", "the stop")
        for option in ([], ["--stop"]):
            dump(target.pid, directory, *option)
            await_true(lambda: all(state(target.pid, tid) == "T" for tid in threads(target.pid)), "all threads stopped")
            must(field(target.pid, "TracerPid") == "0", "still traced")
        os.kill(target.pid, signal.SIGCONT)
        await_true(lambda: state(target.pid) in "SR", "going on")


def batch():
    """A dumper that stops a process is scheduled before us, and would be done before we come: not so in this class."""
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def test_suspended_dumper(directory):
    """a dumper that is itself stopped does not hold its target beyond the bound"""
    with parked(20000) as target:
        for _ in range(20):
            dumper = subprocess.Popen([TASKCORE, "dump", str(target.pid), "--stop=300"], cwd=directory,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
                                      preexec_fn=batch)
            while state(target.pid) != "t" and dumper.poll() is None:
                pass
            os.killpg(dumper.pid, signal.SIGSTOP)
            await_true(lambda: field(target.pid, "TracerPid") == "0" and state(target.pid) in "SR", "its release")
            os.killpg(dumper.pid, signal.SIGKILL)
            dumper.wait()


def classes(pid):
    """The scheduling classes of a process and those below it."""
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            below = [int(word) for word in f.read().split()]
        return {os.sched_getscheduler(pid)}.union(*map(classes, below))
    except (OSError, ProcessLookupError):
        return set()


def test_hurry(directory):
    """while it holds its target the dumper is scheduled before others, where it may be; without --stop it never is"""
    able = subprocess.run(["chrt", "--rr", "1", "true"], stderr=subprocess.DEVNULL).returncode == 0
    if not able:
        raise Skip("no right to SCHED_RR")
    with parked(20000) as target:
        for option, wanted in ([], False), (["--stop=5000"], True):
            seen = set()
            for _ in range(100):
                dumper = subprocess.Popen([TASKCORE, "dump", str(target.pid)] + option, cwd=directory, stdout=subprocess.DEVNULL)
                while dumper.poll() is None:
                    seen |= classes(dumper.pid)
                if os.SCHED_RR in seen or not wanted:
                    break
            must((os.SCHED_RR in seen) == wanted, "%s: classes %s" % (option, seen))


COUNTER = r"""
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
static _Atomic int n; /* several threads count at once */
static void on_signal(int sig) { (void)sig; n++; }
static void *sleep_long(void *p) { for (;;) pause(); return p; }
int main(void)
{
	struct sigaction act = { .sa_handler = on_signal };
	pthread_t t;
	char c;
	sigaction(SIGRTMIN, &act, NULL);
	for (int i = 0; i < 8; i++)
		pthread_create(&t, NULL, sleep_long, NULL);
	puts("READY");
	fflush(stdout);
	while (read(0, &c, 1) != 1)
		;
	while (n < 500)
		usleep(1000);
	printf("%d\n", n);
	return 0;
}
"""


def test_signals_pass(directory):
    """signals that arrive while the target is stopped reach it"""
    with Target(compile_c(directory, COUNTER)) as target:
        dumps = []
        for i in range(500):
            if i % 10 == 0:
                dumps.append(subprocess.Popen([TASKCORE, "dump", str(target.pid), "--stop"], cwd=directory,
                                              stderr=subprocess.DEVNULL))
            os.kill(target.pid, signal.SIGRTMIN)
            if len(dumps) == 2:
                dumps.pop(0).wait()
        for one in dumps:
            one.wait()
        target.process.stdin.write(b"x")
        target.process.stdin.flush()
        must(target.process.stdout.readline() == b"500\n", "not every signal was delivered")


RESERVED = r"""
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
int main(void)
{
	char *p = mmap(NULL, 64ul << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	memset(p, 1, 1 << 20);
	mmap(NULL, 64ul << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	puts("READY");
	fflush(stdout);
	for (;;)
		pause();
}
"""


def footprint(pid):
    with open("/proc/%d/stat" % pid) as f:
        stat = f.read().rpartition(")")[2].split()
    return {"VmPTE": field(pid, "VmPTE"), "VmSwap": field(pid, "VmSwap"), "VmRSS": field(pid, "VmRSS"),
            "minor faults": stat[7], "major faults": stat[9]}


def test_no_trace(directory):
    """reading leaves no trace: page tables, swap, resident memory and fault counters stay as they were"""
    with Target(compile_c(directory, RESERVED)) as target:
        await_true(lambda: state(target.pid) == "S", "its sleep")
        before = footprint(target.pid)
        for _ in range(3):
            dump(target.pid, directory, code=3)
        must(footprint(target.pid) == before, "%s became %s" % (before, footprint(target.pid)))
    with parked(300) as target:
        await_true(lambda: state(target.pid) == "S", "its sleep")
        before = footprint(target.pid)
        for _ in range(3):
            dump(target.pid, directory, "-o", "x.tcore")
            os.unlink(os.path.join(directory, "x.tcore"))
        must(footprint(target.pid) == before, "%s became %s" % (before, footprint(target.pid)))


EXEC_LOOP = r"""
import asyncio, os, sys
async def wait_on(future):
    await future
async def main(generation):
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(wait_on(loop.create_future()), name="g%d-%d" % (generation, i)) for i in range(3000)]
    await asyncio.sleep(0)
    if generation == 0:
        print("READY", flush=True)
    os.execv(sys.executable, [sys.executable, "-S", sys.argv[0], str(generation + 1)])
asyncio.run(main(int(sys.argv[1])))
"""


def test_execve(directory):
    """a process that starts other programs all the time is never mixed: the dump holds one of them, or the answer is 5"""
    script = os.path.join(directory, "execs.py")
    with open(script, "w") as f:
        f.write(EXEC_LOOP)
    codes = {}
    with Target(sys.executable, "-S", script, "0") as target:
        for n in range(2000):
            if n >= 60 and 5 in codes:
                break
            done = taskcore("dump", target.pid, "-o", "x.tcore", cwd=directory)
            codes[done.returncode] = codes.get(done.returncode, 0) + 1
            must(done.returncode in (0, 3, 5), "exit code %d: %s" % (done.returncode, done.stderr))
            path = os.path.join(directory, "x.tcore")
            if os.path.exists(path):
                with open(path, "rb") as f:
                    generations = set(re.findall(rb"g(\d+)-\d+", f.read()))
                must(len(generations) <= 1, "tasks of several programs: %s" % generations)
                os.unlink(path)
    must(5 in codes, "no execve hit a dump, the test tests nothing: %s" % codes)


def test_disk_full(directory):
    """a full disk is one line, exit code 3, and no file"""
    if os.geteuid() != 0:
        raise Skip("needs root to mount a small tmpfs")
    with parked(20000) as target:
        script = "mount -t tmpfs -o size=200k none %s && cd %s && %s dump %d; code=$?; ls -A; exit $code" % (
            directory, directory, TASKCORE, target.pid)
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True)
        if "mount" in done.stderr or "unshare" in done.stderr:
            raise Skip("cannot mount a tmpfs")
        must(done.returncode == 3 and "No space left" in done.stderr, "%d %s" % (done.returncode, done.stderr))
        must(done.stdout == "", "left behind: " + done.stdout)


def test_file_size_limit(directory):
    """ulimit -f is one line, exit code 3, and no file"""
    with parked(20000) as target:
        done = subprocess.run(["sh", "-c", "ulimit -f 100; exec %s dump %d" % (TASKCORE, target.pid)], cwd=directory,
                              capture_output=True, text=True)
        must(done.returncode == 3 and "ulimit -f" in done.stderr, "%d %s" % (done.returncode, done.stderr))
        must(os.listdir(directory) == [], "left behind: %s" % os.listdir(directory))


def test_not_writable(directory):
    """a directory that cannot be written to is one line and exit code 3"""
    with parked(3) as target:
        dump(target.pid, "/proc", code=3)


def test_silence(directory):
    """the answer comes although the reading process hangs: exit code 5, and no file"""
    with parked(100000) as target:
        dumper = subprocess.Popen([TASKCORE, "dump", str(target.pid)], cwd=directory, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        children = "/proc/%d/task/%d/children" % (dumper.pid, dumper.pid)
        child = ""
        while not child and dumper.poll() is None:
            with open(children) as f:
                child = f.read()
        os.kill(int(child), signal.SIGSTOP)
        out, err = dumper.communicate(timeout=30)
        must(dumper.returncode == 5 and "no answer" in err and len(err.splitlines()) == 1, "%s %s" % (dumper.returncode, err))
        must(out == "" and os.listdir(directory) == [], "left behind: %s" % os.listdir(directory))


def interrupt_once(pid, directory):
    """Whether a dump of the process was interrupted before it was done; a done one is removed."""
    dumper = subprocess.Popen([TASKCORE, "dump", str(pid)], cwd=directory, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, start_new_session=True)
    children = "/proc/%d/task/%d/children" % (dumper.pid, dumper.pid)
    while not os.listdir(directory) and dumper.poll() is None:
        pass
    with open(children) as f:
        child = f.read()
    if child:  # held up, so that the interrupt comes before the end
        os.kill(int(child), signal.SIGSTOP)
    dumper.send_signal(signal.SIGTERM)  # SIGINT may be ignored: what a script starts with & inherits that
    out, _ = dumper.communicate()
    if dumper.returncode == 0:
        os.unlink(os.path.join(directory, out.strip()))
        return False
    must(dumper.returncode == -signal.SIGTERM, "exit code %d" % dumper.returncode)
    whole = [name for name in os.listdir(directory) if not name.startswith(".")]
    for name in whole:  # complete, if only just
        os.unlink(os.path.join(directory, name))
    return not whole


def test_interrupt(directory):
    """an interrupted dump leaves no file"""
    with parked(100000) as target:
        must(any(interrupt_once(target.pid, directory) for _ in range(50)), "every dump was done too soon")
        await_true(lambda: os.listdir(directory) == [], "its removal")


def test_small_memory(directory):
    """a big process is read whole within little memory"""
    with parked(60000) as target:
        path = dump(target.pid, directory, "--max-memory", "32M")
        listed = taskcore("list", directory).stdout.splitlines()[-1].split()
        must(listed[-2] == "60001" and listed[-1] == os.path.basename(path), "%s" % listed)


def test_many_threads_and_maps(directory):
    """two thousand threads and ten thousand mappings are read"""
    source = r"""
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
static void *wait_long(void *p) { pause(); return p; }
int main(void)
{
	pthread_attr_t attr;
	pthread_t t;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (int i = 0; i < 2000; i++)
		pthread_create(&t, &attr, wait_long, NULL);
	for (int i = 0; i < 10000; i++)
		mmap(NULL, 4096, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	puts("READY");
	fflush(stdout);
	for (;;)
		pause();
}
"""
    with Target(compile_c(directory, source)) as target:
        dump(target.pid, directory, code=3)
        dump(target.pid, directory, "--stop=5000", code=3)
        must(field(target.pid, "TracerPid") == "0", "still traced")
        await_true(lambda: all(state(target.pid, tid) == "S" for tid in threads(target.pid)), "sleep of all threads")


def test_chroot(directory):
    """a process in another root and mount namespace is read through its own root"""
    if subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        raise Skip("no mount namespace to be had here (not root, or in a chroot)")
    parked_py = os.path.join(os.path.dirname(os.path.abspath(__file__)), "parked.py")
    script = "mount -t tmpfs none %s && cp %s %s/parked.py && exec %s %s/parked.py 7 0" % (
        directory, parked_py, directory, sys.executable, directory)
    with Target("unshare", "-m", "sh", "-c", script) as target:
        dump(target.pid, directory)
        must(taskcore("list", directory).stdout.split()[-2] == "8", "not 8 tasks")


def test_pid_namespace(directory):
    """a process in another pid namespace is read, its own number beside ours"""
    if os.geteuid() != 0:
        raise Skip("needs root")
    parked_py = os.path.join(os.path.dirname(os.path.abspath(__file__)), "parked.py")
    with Target("unshare", "-p", "-f", "--kill-child", sys.executable, parked_py, "7", "2") as target:
        with open("/proc/%d/task/%d/children" % (target.pid, target.pid)) as f:
            inner = int(f.read())
        dump(inner, directory)
        must(taskcore("list", directory).stdout.split()[-2] == "8", "not 8 tasks")


DENIER = r"""
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return 99;
	return argc > 1 ? execv(argv[1], argv + 1) : 1;
}
"""


def test_readv_denied(directory):
    """where a seccomp filter denies process_vm_readv, the memory descriptor does"""
    denier = compile_c(directory, DENIER)
    with parked(500) as target:
        done = subprocess.run([denier, TASKCORE, "dump", str(target.pid), "-o", "x.tcore"], cwd=directory, capture_output=True, text=True)
        must(done.returncode == 0, done.stderr)
        must(taskcore("list", directory).stdout.split()[-2] == "501", "not 501 tasks")


def test_no_pagemap(directory):
    """where the pagemap tells nothing, small exact reads do"""
    if os.geteuid() != 0:
        raise Skip("needs root")
    with parked(500) as target:
        script = "mount --bind /dev/null /proc/%d/pagemap && exec %s dump %d -o x.tcore" % (target.pid, TASKCORE, target.pid)
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], cwd=directory, capture_output=True, text=True)
        if "mount" in done.stderr or "unshare" in done.stderr:
            raise Skip("cannot hide the pagemap")
        must(done.returncode == 0, done.stderr)
        must(taskcore("list", directory).stdout.split()[-2] == "501", "not 501 tasks")


def test_thread_number(directory):
    """the number of a thread names its process"""
    with parked(3, 1) as target:
        other = max(threads(target.pid))
        must(".%d." % target.pid in dump(other, directory), "it has another name")


def check_children(code, counts):
    """status of a program that calls start_child() lists the child; its own counts are as told"""
    start = ("import asyncio, subprocess, sys\n"
             "start_child = lambda: subprocess.Popen([sys.executable, %r, '5', '0'])\n" % PARKED)
    with Target(sys.executable, "-c", start + code, start_new_session=True) as target:
        try:
            done = taskcore("status", target.pid)
            with open("/proc/%d/task/%d/children" % (target.pid, target.pid)) as f:
                child = int(f.read())
            must(done.returncode == 0 and re.search(r"^ +%d .*6 tasks" % child, done.stdout, re.M), done.stdout)
            must(counts in done.stdout, done.stdout)
            alone = taskcore("status", target.pid, "--children")
            must(alone.returncode == 0 and re.search(r"^ +%d " % child, alone.stdout, re.M), alone.stdout)
        finally:
            os.kill(child, signal.SIGKILL)


def test_children(directory):
    """status of a process without a loop lists the children that have one"""
    check_children("start_child().wait()", "0 pending in 0 loops")


def test_children_beside_a_loop(directory):
    """status lists them too where the process has a loop of its own (the master of gunicorn 25)"""
    code = "async def main():\n\tstart_child()\n\tawait asyncio.sleep(1000)\nasyncio.run(main())"
    check_children(code, " 1 pending in 1 loop,")


def test_usage(directory):
    """what is not understood is one line and exit code 2"""
    for args in (["frobnicate"], ["dump"], ["dump", "x"], ["dump", "-1"], ["dump", "1", "x"], ["dump", "1", "--frob"],
                 ["dump", "1", "--stop=x"], ["dump", "1", "--max-memory", "x"], ["dump", "1", "-o"], ["run"], ["signal", "x"]):
        done = taskcore(*args)
        must(done.returncode == 2 and len(done.stderr.splitlines()) == 1, "%s: %d %s" % (args, done.returncode, done.stderr))


def test_option_messages(directory):
    """an unknown option and a missing value are told apart; -V is the version"""
    for args, text in ((["dump", "1", "--frob"], "unknown option '--frob'"), (["dump", "1", "-o"], "the value of '-o' is missing"),
                       (["dump", "1", "--max-memory"], "the value of '--max-memory' is missing"), (["dump", "-p"], "the value of '-p' is missing"),
                       (["status", "1", "--stop"], "unknown option '--stop'"), (["dump", "1", "--report=x"], "takes no value"),
                       (["dump", "1", "--force"], "--force"), (["dump", "1", "2", "-o", "x"], "several"), (["dump", "1", "-o", "-", "--report"], "standard output")):
        done = taskcore(*args)
        must(done.returncode == 2 and text in done.stderr and done.stdout == "", "%s: %d %s" % (args, done.returncode, done.stderr))
    must(taskcore("-V").stdout == taskcore("--version").stdout != "", "-V")
    analyze = program("taskcore-analyze")
    must(subprocess.run([analyze, "-V"], capture_output=True).stdout == subprocess.run([analyze, "--version"], capture_output=True).stdout != b"", "-V of the analyzer")


def test_several(directory):
    """dump takes several processes, with -p or without; each path is printed, and the worst exit code returned"""
    with parked(2) as one, parked(3) as other:
        done = taskcore("dump", one.pid, "-p", other.pid, "-p%d" % one.pid, cwd=directory)
        paths = done.stdout.splitlines()
        must(done.returncode == 0 and [".%d." % pid in path for pid, path in zip((one.pid, other.pid, one.pid), paths)] == [True] * 3, done.stdout + done.stderr)
        must(len(set(paths)) == len(os.listdir(directory)) == 3, "%s" % paths)
        done = taskcore("dump", one.pid, 1 << 22, other.pid, cwd=directory)
        must(done.returncode == 5 and len(done.stdout.splitlines()) == 2 and "no process" in done.stderr, "%d %s" % (done.returncode, done.stderr))
        must(taskcore("status", one.pid, other.pid).stdout.count("process  ") == 2, "status")


def test_dump_children(directory):
    """dump --children takes the processes with a loop of a whole tree, and no others"""
    script = '%s %s 3 0 | { read ready; echo READY; cat; }' % (sys.executable, PARKED)
    for level in (script, "(%s); true" % script):
        with Target("sh", "-c", level, start_new_session=True) as target:
            try:
                done = taskcore("dump", target.pid, "--children", cwd=directory)
                must(done.returncode == 0 and done.stderr == "" and len(done.stdout.splitlines()) == 1 and ".python" in done.stdout, done.stdout + done.stderr)
            finally:
                os.killpg(target.pid, signal.SIGKILL)
    with Target("sh", "-c", "echo READY; cat") as target:
        done = taskcore("dump", target.pid, "--children", cwd=directory)
        must(done.returncode == 3 and "event loop" in done.stderr and done.stdout == "", done.stderr)


def test_to_standard_output(directory):
    """-o - writes the dump to the standard output and nothing else; a terminal and a closed pipe are refused"""
    with parked(3) as target:
        path = os.path.join(directory, "out.tcore")
        for environment in (dict(os.environ), dict(os.environ, TMPDIR="/proc")):  # in a file, in memory
            with open(path, "wb") as file:
                done = subprocess.run([TASKCORE, "dump", str(target.pid), "-o", "-"], stdout=file, stderr=subprocess.PIPE, cwd=directory, env=environment)
            must(done.returncode == 0 and done.stderr == b"", done.stderr)
            must(os.listdir(directory) == ["out.tcore"], "%s" % os.listdir(directory))
            must(" 4 of 4 pending tasks" in subprocess.run([program("taskcore-analyze"), path], capture_output=True, text=True).stdout, "not whole")
        with open(path, "rb") as file:
            done = subprocess.run([program("taskcore-analyze"), "-"], stdin=file, capture_output=True, text=True)
        must(done.returncode == 0 and " 4 of 4 pending tasks" in done.stdout, done.stdout + done.stderr)
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([TASKCORE, "dump", str(target.pid), "-o", "-"], stdout=write, stderr=subprocess.PIPE, text=True)
        os.close(write)
        must(done.returncode == 3 and "standard output" in done.stderr, "%d %s" % (done.returncode, done.stderr))
        main, terminal = os.openpty()
        done = subprocess.run([TASKCORE, "dump", str(target.pid), "-o", "-"], stdout=terminal, stderr=subprocess.PIPE, text=True)
        must(done.returncode == 2 and "terminal" in done.stderr, done.stderr)
        os.close(main), os.close(terminal)


def test_force(directory):
    """-o leaves a file that exists as it is, and --force replaces it; a directory never"""
    path = os.path.join(directory, "a")
    with open(path, "w") as file:
        file.write("mine")
    with parked(3) as target:
        done = taskcore("dump", target.pid, "-o", path)
        must(done.returncode == 3 and "--force" in done.stderr and open(path).read() == "mine", done.stderr)
        done = taskcore("dump", target.pid, "-o", path, "--force")
        must(done.returncode == 0 and open(path, "rb").read(4) == b"\x7fELF", done.stderr)
        os.mkdir(os.path.join(directory, "d"))
        must(taskcore("dump", target.pid, "-o", os.path.join(directory, "d"), "--force").returncode == 3, "a directory")
        must(taskcore("dump", target.pid, "-o", os.path.join(directory, "new"), "--force").returncode == 0, "a new one")
        must(sorted(os.listdir(directory)) == ["a", "d", "new"], "%s" % os.listdir(directory))


def test_standard_output(directory):
    """an output that is closed or full is exit code 3, and no byte of it gets into the dump"""
    with parked(3) as target:
        for number, redirection in enumerate((">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full")):
            path = os.path.join(directory, "%d.tcore" % number)
            command = "exec %s dump %d -o %s %s" % (TASKCORE, target.pid, path, redirection)
            done = subprocess.run(["sh", "-c", command], capture_output=True)
            code = 0 if redirection == "2>&-" else 3
            must(done.returncode == code, "%s: %d" % (redirection, done.returncode))
            with open(path, "rb") as f:
                must(b"%d.tcore\n" % number not in f.read(), "%s: its path is in the file" % redirection)
        for verb in ("status %d" % target.pid, "list " + directory, "--help", "--version"):
            command = "exec %s %s >/dev/full" % (TASKCORE, verb)
            done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
            must(done.returncode == 3 and len(done.stderr.splitlines()) == 1,
                 "%s: %d %s" % (verb, done.returncode, done.stderr))


def test_hostile_names(directory):
    """names of files and threads reach the terminal without what steers it"""
    evil = b"e\x1b[31m\nv\xc2\x9bi\xe2\x80\xael\xff"
    place = os.path.join(directory.encode(), evil)
    shutil.copy(os.path.realpath(sys.executable), place)
    with Target(place, PARKED, "3", "0") as target:
        os.rename(dump(target.pid, directory), place + b".\xc3\xa9.tcore")
        for verb in ("status %d" % target.pid, "list " + directory):
            out = subprocess.run([TASKCORE, *verb.split()], capture_output=True).stdout
            steers = rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae|\xff"
            must(not re.search(steers, out), "%s: %r" % (verb, out))
        must(b"e?[31m?v??i???l?.\xc3\xa9.tcore\n" in out, repr(out))


def test_doctor(directory):
    """doctor says that nothing is in the way, or what is"""
    with parked(3) as target:
        done = taskcore("doctor", target.pid)
        must(done.returncode == 0 and "NO" not in done.stdout, done.stdout)
    done = taskcore("doctor", os.getpid())
    must(done.returncode in (0, 3), "%d" % done.returncode)


if __name__ == "__main__":
    tests = [value for name, value in list(globals().items()) if name.startswith("test_")]
    if len(sys.argv) > 1:
        tests = [test for test in tests if test.__name__ in sys.argv[1:]]
    sys.exit(run(tests))
