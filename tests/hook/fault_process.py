# SPDX-License-Identifier: Apache-2.0
"""Processes that fork, exec, daemonise, stop, hold no Python, or may do little; and a storm of signals."""
import ctypes.util
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time

from fault_files import sub
from fault_surroundings import await_dump
from hooked import HERE, LIBRARY, LONG_S, SAID, TARGET, Hooked, Skip, await_true, compile_c, dumps_in, environment, files, must, taskcore, whole

EMBED = r"""
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
/* embed LIBPYTHON CODE [late]: runs the code in a Python that sets no signal action. late: only after a line on stdin. */
int main(int argc, char **argv)
{
	char line[64];
	if (argc > 3) {
		puts("READY");
		fflush(stdout);
		while (fgets(line, sizeof(line), stdin) && strcmp(line, "load\n")) {
			puts("'here'");
			fflush(stdout);
		}
	}
	void *lib = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
	if (!lib)
		return 9;
	((void (*)(int))dlsym(lib, "Py_InitializeEx"))(0);
	return ((int (*)(const char *))dlsym(lib, "PyRun_SimpleString"))(argv[2]) != 0;
}
"""
LOOP = """
import asyncio
loop = asyncio.new_event_loop()
async def parked(): await loop.create_future()
tasks = [loop.create_task(parked()) for i in range(3)]
loop.run_until_complete(asyncio.sleep(0))
"""


def libpython():
    """A shared libpython."""
    path = os.path.join(sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("INSTSONAME") or "")
    if not path.endswith(".so.1.0") or not os.path.exists(path):
        path = ctypes.util.find_library("python%d.%d" % sys.version_info[:2])
    if not path:
        raise Skip("no shared libpython")
    return path


PYTHONHOME = {"PYTHONHOME": "%s:%s" % (sys.base_prefix, sys.base_exec_prefix)}


def embedded(directory, code="", tasks=4, late=False, **options):
    """A C program that embeds Python and runs hooked_target.py."""
    host = compile_c(directory, EMBED)
    text = "import sys; sys.argv = %r; exec(open(%r).read())" % ([TARGET, str(tasks), code], TARGET)
    env = dict(options.pop("env", {}), **PYTHONHOME)
    command = [host, libpython(), text] + (["late"] if late else [])
    return Hooked(directory, options.pop("dumps", None), command=command, tasks=tasks, env=env, **options)


def host(directory, mode, expected, freeze="auto"):
    """Run fault_host.c in a mode; its lines, and its dumps, of which so many are expected."""
    dumps = sub(directory, "dumps-" + mode)
    with open(os.path.join(HERE, "fault_host.c")) as source:
        program = compile_c(directory, source.read())
    with Hooked(directory, dumps, command=[program, libpython(), LOOP, mode], env=dict(PYTHONHOME, TASKCORE_FREEZE=freeze)) as target:
        lines = []
        while not lines or lines[-1] not in ("GOOD", "BAD"):
            line = target.process.stdout.readline().decode()
            must(line, "it ended with %s after %s: %s" % (target.process.poll(), lines, target.said()))
            lines.append(line.strip())
        must(lines[-1] == "GOOD", "\n".join(lines))
        await_true(lambda: len(dumps_in(dumps)) >= expected, "%d dumps: %s %s" % (expected, lines, target.said()))
        target.idle()
    for path in dumps_in(dumps):
        whole(path, 3)
    return lines, dumps_in(dumps), target


def test_state(directory):
    """errno, rounding, MXCSR, x87 words and stack, vector registers, masks, pending signals with data, alternate stack are as before"""
    for freeze in ("snapshot", "place"):
        _, paths, _ = host(sub(directory, freeze), "state", 9, freeze)
        must(len(paths) >= 9, "%d dumps" % len(paths))


def test_state_control(directory):
    """a handler of the program's that disturbs all that is noticed by the case above"""
    lines, _, _ = host(directory, "control", 9)
    for what in ("errno", "MXCSR", "x87 control word", "mask"):
        must(any(what in line for line in lines), "%s was not noticed: %s" % (what, lines))


def test_fault_stack(directory):
    """while dumps are made, another thread's SIGSEGV handler runs on the thread's own stack, or with SA_ONSTACK on the alternate one, as without us"""
    for freeze in ("snapshot", "place"):
        host(sub(directory, freeze), "faults", 8, freeze)


def test_blocked(directory):
    """blocked in all threads: sigwait and signalfd get it with its data, and no dump is made; unblocked one is"""
    lines, paths, _ = host(directory, "blocked", 1)
    must("blocked" in lines and len(paths) == 1, "%s %s" % (lines, paths))


def test_jump(directory):
    """a program's handler that leaves by siglongjmp, also from the alternate stack: the next signal dumps again"""
    _, paths, _ = host(directory, "jump", 4)
    must(len(paths) == 4, "%d dumps" % len(paths))


def test_vfork_and_fork(directory):
    """a vfork child dies of the signal as without us; a forked one dumps under its own pid; the parent still dumps, and sees no strange child"""
    lines, paths, target = host(directory, "vfork", 2)
    child = next(int(line.split()[1]) for line in lines if line.startswith("fork "))
    pids = sorted(whole(path)["dump"]["pid"] for path in paths)
    must(pids == sorted([child, target.pid]), "%s, not %d and %d" % (pids, child, target.pid))
    must(sorted(int(re.search(r"\.(\d+)\.\d{8}T", path).group(1)) for path in paths) == pids, "names: %s" % paths)


FORK = """
import os, signal
def fork_and_signal(first):
    pid = os.fork()
    if pid == 0:
        if first:
            os.kill(os.getpid(), signal.SIGUSR1)
        os._exit(7)
    return pid, os.waitpid(pid, 0)[1]
"""


def test_fork_python(directory):
    """os.fork of Python, signalled at once: one dump of the child, which ends as it wanted; the parent's next one is its own"""
    dumps = sub(directory, "dumps")
    with Hooked(directory, dumps, FORK) as target:
        for before in (False, True):
            if before:
                target.dump()
            child, status = target.ask("fork_and_signal(True)")
            must(status == 7 << 8, "the child ended with %x" % status)
            path = target.dumped()
            must(whole(path)["dump"]["pid"] == child and ".%d." % child in path, path)
            must(whole(target.dump(), target.tasks)["dump"]["pid"] == target.pid, "the parent's")
        must(target.ask("fork_and_signal(False)")[1] == 7 << 8, "a child without a signal")


DAEMON = """
import os, sys
no_stdin = no_stdout = True
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
os.chdir("/")
os.umask(0)
def after_ready():
    null, out = os.open("/dev/null", os.O_RDWR), os.dup(1)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.write(out, b"READY %d\\n" % os.getpid())  # now: a dump must find them replaced
    os.close(out)
"""


def test_daemon(directory):
    """a daemon (forked twice, setsid, chdir /, descriptors replaced): dumps into the directory that was relative at its start, under its pid"""
    sub(directory, "dumps")
    with Hooked(directory, "dumps", DAEMON) as target:
        must(target.pid != target.process.pid, "no daemon")
        dumps = os.path.join(directory, "dumps")
        for n in range(2):
            target.kick()
            path = await_dump(dumps, n + 1)[-1]
            found = whole(path, target.tasks)
            must(found["dump"]["pid"] == target.pid and ".%d." % target.pid in path, path)
            target.idle()
        must(target.said() == "", target.said())


def ignored(pid):
    with open("/proc/%d/status" % pid) as file:
        text = file.read()
    return bool(int(re.search(r"SigIgn:\s*(\S+)", text).group(1), 16) >> (signal.SIGUSR1 - 1) & 1)


def test_exec(directory):
    """exec: the new program has a hook of its own; an ignored signal stays ignored, and a Python that inherits that dumps"""
    dumps = sub(directory, "dumps")
    again = "os.execv(%r, %r)" % (sys.executable, [sys.executable, TARGET, "3", "import signal"])
    for ignore in (False, True):
        code = "import signal\n" + ("signal.signal(signal.SIGUSR1, signal.SIG_IGN)" if ignore else "")
        with Hooked(directory, dumps, code) as target:
            target.process.stdin.write(again.encode() + b"\n")
            target.process.stdin.flush()
            must(target.process.stdout.readline() == b"READY\n", "it did not start again")
            must(target.ask("int(signal.getsignal(signal.SIGUSR1))") == (signal.SIG_IGN if ignore else signal.SIG_DFL), "what it inherited")
            whole(target.dump(), 3)
            target.lives()
            target.process.stdin.write(b"os.execvp('sleep', ['sleep', '1000'])\n")
            target.process.stdin.flush()
            await_true(lambda: os.readlink("/proc/%d/exe" % target.pid).endswith("sleep") and "memfd:taskcore" in open("/proc/%d/maps" % target.pid).read(), "sleep")
            target.kick()
            if ignore:
                await_true(lambda: not pending(target.pid), "the signal's arrival")
                must(target.process.poll() is None, "it was killed")
            else:
                must(target.process.wait(LONG_S) == -signal.SIGUSR1, "%s" % target.process.returncode)
            must(target.said().count("\n") == 1, target.said())


def pending(pid):
    with open("/proc/%d/status" % pid) as file:
        text = file.read()
    return any(int(x, 16) for x in re.findall(r"S[ih][gd]Pnd:\s*(\S+)", text))


PLAIN = r"""
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void handle(int sig) { (void)sig; if (write(1, "handled\n", 8) < 0) _exit(9); }
int main(int argc, char **argv)
{
	int sig = atoi(argv[2]);
	if (argc > 2 && strcmp(argv[1], "default"))
		signal(sig, strcmp(argv[1], "ignore") ? handle : SIG_IGN);
	raise(sig);
	kill(getpid(), sig);
	puts("end");
	return 5;
}
"""


def outcome(command, env, cwd):
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, timeout=LONG_S)
    return done.returncode, done.stdout, done.stderr, files(cwd)


def test_without_python(directory):
    """C programs, sh, bash, sleep, perl without Python: the same status, output and core as without us, for both signals and three ways"""
    here = sub(directory, "here")
    program = compile_c(directory, PLAIN)
    commands = [[program, how, str(sig)] for how in ("default", "ignore", "handle") for sig in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGRTMAX - 3)]
    for shell in ("sh", "bash"):
        commands += [[shell, "-c", "kill -USR1 $$; echo no"], [shell, "-c", "trap 'echo trapped' USR1; kill -USR1 $$; echo on; exit 3"],
                     [shell, "-c", "trap '' USR1; kill -USR1 $$; " + program + " default 10; echo $?"],
                     [shell, "-c", "sleep 100 & kill -USR1 $!; wait $! 2>/dev/null; echo $?"]]
    commands += [["perl", "-e", "$SIG{USR1} = sub { print qq(got\\n) }; kill USR1 => $$; exit 4"], ["env", "sh", "-c", "ulimit -c unlimited; kill -USR1 $$"]]
    for command in commands:
        if not shutil.which(command[0]):
            continue
        hooked = outcome(command, environment(sub(directory, str(len(os.listdir(directory))))), here)
        plain = outcome(command, environment(LD_PRELOAD=None), here)
        must(hooked == plain, "%s: %s, without us %s" % (command, hooked, plain))


def test_late_python(directory):
    """a C program that loads Python late: before, the signal does what it did; afterwards it dumps"""
    dumps = sub(directory, "dumps")
    with embedded(directory, dumps=dumps, late=True) as target:
        must(target.ask("x") == "here", "it does not wait")
        target.kick()
        must(target.process.wait(LONG_S) == -signal.SIGUSR1, "ended with %d" % target.process.returncode)
    must(not files(dumps), files(dumps))
    with embedded(directory, dumps=dumps, late=True) as target:
        target.process.stdin.write(b"load\n")
        target.process.stdin.flush()
        must(target.process.stdout.readline() == b"READY\n", "Python did not start")
        whole(target.dump(), target.tasks)
        target.lives()


def test_static(directory):
    """a static binary is started and ends as without us"""
    source = os.path.join(directory, "static.c")
    with open(source, "w") as file:
        file.write(PLAIN)
    if subprocess.run(["cc", "-static", "-o", source[:-2], source], capture_output=True).returncode:
        raise Skip("no static libc")
    must(outcome([source[:-2], "default", "10"], environment(directory), "/") == outcome([source[:-2], "default", "10"], environment(LD_PRELOAD=None), "/"), "not the same")


def test_musl(directory):
    """a program of musl"""
    if not shutil.which("musl-gcc"):
        raise Skip("no musl-gcc")
    source = os.path.join(directory, "musl.c")
    with open(source, "w") as file:
        file.write(PLAIN)
    subprocess.run(["musl-gcc", "-o", source[:-2], source], check=True)
    must(outcome([source[:-2], "default", "10"], environment(directory), "/") == outcome([source[:-2], "default", "10"], environment(LD_PRELOAD=None), "/"), "not the same")


SECURE = r"""
#include <errno.h>
#include <stdio.h>
#include <signal.h>
int taskcore_install(void);
int taskcore_dump(const char *reason);
int main(void)
{
	int r = taskcore_install(), e = errno;
	printf("%d %d %d\n", r, r ? e : 0, taskcore_dump(NULL));
	fflush(stdout);
	raise(SIGUSR1);
	return 6;
}
"""


def test_secure(directory):
    """a setuid program of another user (AT_SECURE) that is linked with us: nothing is read of the environment, nothing is there"""
    if os.geteuid():
        raise Skip("no right to make a setuid program")
    os.chmod(directory, 0o755)
    shutil.copy(LIBRARY, os.path.join(directory, "libtaskcore.so.0"))
    source, program = os.path.join(directory, "secure.c"), os.path.join(directory, "secure")
    with open(source, "w") as file:
        file.write(SECURE)
    subprocess.run(["cc", "-o", program, source, os.path.join(directory, "libtaskcore.so.0"), "-Wl,-rpath," + directory], check=True)
    env = environment(directory, LD_PRELOAD=None, TASKCORE_SIGNAL="nonsense")
    plain = subprocess.run([program], env=env, capture_output=True, text=True)
    must(plain.stdout.startswith("0 0 ") and "nonsense" in plain.stderr, "control: %s" % plain)
    os.chmod(program, 0o4755)
    done = subprocess.run([program], env=env, capture_output=True, text=True, user=12345, group=12345)
    if "nonsense" in done.stderr and os.statvfs(directory).f_flag & os.ST_NOSUID:
        raise Skip("no setuid programs on this file system")
    must(done.stdout == "-1 1 -1\n" and done.stderr == "" and done.returncode == -signal.SIGUSR1, "%s" % done)


def test_stopped(directory):
    """SIGSTOP before, during and after a dump: it comes when the process goes on, or is finished while it stands"""
    dumps = sub(directory, "dumps")
    with Hooked(directory, dumps, tasks=20000) as target:
        for i in range(5):
            target.kick(signal.SIGSTOP)
            await_true(lambda: open("/proc/%d/stat" % target.pid).read().rpartition(")")[2].split()[0] == "T", "its stop")
            target.kick()
            must(len(dumps_in(dumps)) == 2 * i, "a stopped process made a dump")
            target.kick(signal.SIGCONT)
            whole(target.dumped(), target.tasks)
            target.kick()
            target.lives()  # the handler was run
            target.kick(signal.SIGSTOP)
            whole(target.dumped(), target.tasks)
            target.kick(signal.SIGCONT)
            target.lives()


LOCK = """
import ctypes, resource
def lock():
    return ctypes.CDLL(None).mlockall(2) == 0  # MCL_FUTURE
def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
"""


def test_locked_memory(directory):
    """after mlockall(MCL_FUTURE): whole dumps, and no memory filled for them that is not needed"""
    for freeze in ("snapshot", "place"):
        with Hooked(directory, sub(directory, freeze), LOCK, env={"TASKCORE_FREEZE": freeze}) as target:
            if not target.ask("lock()"):
                raise Skip("no right to lock memory")
            before = target.ask("most()")
            path = target.dump()
            grown = target.ask("most()") - before
            must(grown <= 64 << 10, "%s: %d kB more were resident at the most" % (freeze, grown))
            whole(path, target.tasks)


STORM = """
import os, signal, sys, time
pid, end, n = int(sys.argv[1]), time.monotonic() + float(sys.argv[2]), 0
while time.monotonic() < end:
    for i in range(10):
        os.kill(pid, signal.SIGUSR1)
    n += 10
    time.sleep(0.001)
print(n)
"""


def test_storm(directory):
    """thousands of signals a second for 3 s: one dump, a line a second, no more processes, threads or stack than before"""
    dumps = sub(directory, "dumps")
    with Hooked(directory, dumps, env={"TASKCORE_MIN_INTERVAL_S": "600"}) as target:
        storm = subprocess.Popen([sys.executable, "-c", STORM, str(target.pid), "3"], stdout=subprocess.PIPE, env=environment(LD_PRELOAD=None))
        stack, children, threads = set(), 0, 0
        while storm.poll() is None:
            with open("/proc/%d/status" % target.pid) as file:
                text = file.read()
            stack.add(int(re.search(r"VmStk:\s*(\d+)", text).group(1)))
            threads = max(threads, int(re.search(r"Threads:\s*(\d+)", text).group(1)))
            children = max(children, len(target.children()))
            time.sleep(0.002)
        sent = int(storm.communicate()[0])
        target.lives()
        lines = target.said().splitlines()
        must(sent > 3000, "only %d signals" % sent)
        refused = [line for line in lines if "refused (usr1): last dump" in line]
        must(len(dumps_in(dumps)) == 1 and len(lines) - len(refused) == 1 and 1 <= len(refused) <= 5, "\n".join(lines))
        counted = sum(int((re.findall(r"; (\d+) requests", line) or ["1"])[0]) for line in refused)
        must(counted > 100, "the lines count %d requests" % counted)
        must(children <= 3 and threads == 1 and max(stack) - min(stack) <= 64, "%d children, %d threads, stacks %s" % (children, threads, stack))


def test_storm_of_dumps(directory):
    """the same without an interval: dump after dump, the rest refused, and the directory keeps to its limit"""
    dumps = sub(directory, "dumps")
    with Hooked(directory, dumps, env={"TASKCORE_MAX_FILES": "5", "TASKCORE_KEEP_NEWEST": "1"}) as target:
        storm = subprocess.Popen([sys.executable, "-c", STORM, str(target.pid), "1"], stdout=subprocess.PIPE, env=environment(LD_PRELOAD=None))
        children = 0
        while storm.poll() is None:
            children = max(children, len(target.children()))
            time.sleep(0.002)
        storm.communicate()
        target.lives()
        target.idle()
        must(len(SAID.findall(target.said())) > 10, target.said()[-500:])
        must(1 <= len(dumps_in(dumps)) <= 5 and files(dumps) == [os.path.basename(path) for path in dumps_in(dumps)], "%s" % files(dumps))
        must(children <= 3, "%d children at once" % children)
        for path in dumps_in(dumps):
            whole(path, target.tasks)
        target.seen = len(target.said())
        whole(target.dump(), target.tasks)
