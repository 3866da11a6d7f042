# SPDX-License-Identifier: Apache-2.0
"""taskcore run, signal and status with the real hook; taskcore.py and the C interface. Run by cli.py."""
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys

from common import LONG_S, Skip, Target, TASKCORE, TOP, await_true, field, must, program, state, taskcore

LIBRARY = program("libtaskcore.so")
ANALYZE = program("taskcore-analyze")

SERVICE = """
import asyncio
async def leaf():
    await asyncio.get_running_loop().create_future()
async def main():
    tasks = [asyncio.create_task(leaf()) for _ in range(%d)]
    await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.wait(tasks)
asyncio.run(main())
"""


def service(directory, *flags, tasks=20, **options):
    """A service under taskcore run; its standard error is the file err beside its dumps."""
    options.setdefault("stderr", open(os.path.join(directory, "err"), "w"))
    return Target(TASKCORE, "run", "--dir", directory, *flags, sys.executable, "-c", SERVICE % tasks, **options)


def said(directory):
    with open(os.path.join(directory, "err")) as f:
        return f.read()


def dumps(directory):
    return sorted(name for name in os.listdir(directory) if name.endswith(".tcore"))


def whole(path, tasks=21):
    """The report of the dump at path, which is well-formed and has so many tasks."""
    done = subprocess.run([ANALYZE, "check", path], capture_output=True, text=True)
    must(done.returncode == 0, "check: %s%s" % (done.stdout, done.stderr))
    report = json.loads(subprocess.run([ANALYZE, path, "--format", "json"], capture_output=True, text=True).stdout)
    counts = report["dump"]["counts"]
    must(counts["tasks"] == counts["read"] == tasks, "counts %s" % counts)
    return report


def asked(pid, *args, **options):
    done = taskcore("signal", pid, *args, **options)
    must(done.returncode == 0 and done.stderr == "" and done.stdout.count("\n") == 1, "%d %s" % (done.returncode, done.stderr))
    return done.stdout[:-1]


def test_real_signal(directory):
    """the real hook answers taskcore signal with a whole dump, and says so in one line"""
    with service(directory) as target:
        path = asked(target.pid)
        pattern = r"taskcore\.python[0-9.]*\.%d\.\d{8}T\d{6}\.\d{3}\.request\.tcore" % target.pid
        must(os.path.dirname(path) == directory and re.fullmatch(pattern, os.path.basename(path)), path)
        must(os.stat(path).st_mode & 0o7777 == 0o600, "mode")
        head = whole(path)["dump"]
        must(head["reason"] == "request" and head["hook"] and head["complete"], "head %s" % head)
        await_true(lambda: said(directory).endswith("\n"), "the line")
        must(re.fullmatch(r"taskcore: %s: 21 tasks, \d+ bytes, paused [0-9.]+ ms\n" % re.escape(path), said(directory)), said(directory))


def test_real_concurrent(directory):
    """ten taskcore signal at once get ten whole dumps, beside SIGUSR1 and one at a time"""
    with service(directory, tasks=300) as target:
        for kick in (False, True):
            if kick:
                os.kill(target.pid, signal.SIGUSR1)
            asking = [subprocess.Popen([TASKCORE, "signal", str(target.pid)], stdout=subprocess.PIPE, text=True) for _ in range(10)]
            paths = {one.communicate(timeout=LONG_S)[0][:-1] for one in asking}
            must(len(paths) == 10 and all(one.returncode == 0 for one in asking), "%d answers" % len(paths))
            for path in paths:
                whole(path, 301)
        # That of SIGUSR1 may be refused: the child of the dump before has perhaps not ended.
        must(len(dumps(directory)) in (20, 21), "%d dumps" % len(dumps(directory)))
        must(state(target.pid) in "SR" and not field(target.pid, "SigQ").startswith("-"), "the service")


def test_real_signals(directory):
    """--signal chooses the signal; with none SIGUSR1 does what it does without us, and taskcore signal works all the same"""
    with service(directory, "--signal", "RTMIN+3") as target:
        must("SIGRTMIN+3 and" in taskcore("status", target.pid).stdout, "status")
        os.kill(target.pid, signal.SIGRTMIN + 3)
        await_true(lambda: len(dumps(directory)) == 1, "the dump")
        must(".rtmin+3.tcore" in dumps(directory)[0] or ".rtmin_3.tcore" in dumps(directory)[0], dumps(directory)[0])
    with service(directory, "--signal", "none") as target:
        must("on no signal and" in taskcore("status", target.pid).stdout, "status")
        whole(asked(target.pid))
        os.kill(target.pid, signal.SIGUSR1)
        must(target.process.wait(LONG_S) == -signal.SIGUSR1, "it lives")


def test_real_fork(directory):
    """a forked child answers for itself, with the hook in status, and its parent lives on"""
    code = "import os, time\npid = os.fork()\nif pid == 0:\n    time.sleep(1000)\nprint('READY', pid, flush=True)\ntime.sleep(1000)"
    with Target(TASKCORE, "run", "--dir", directory, sys.executable, "-c", code, stderr=subprocess.DEVNULL) as target:
        with open("/proc/%d/task/%d/children" % (target.pid, target.pid)) as f:
            child = int(f.read().split()[0])
        try:
            must("preloaded" in taskcore("status", child).stdout, "status")
            must(".%d." % child in asked(child) and ".%d." % target.pid in asked(target.pid), "names")
        finally:
            os.kill(child, signal.SIGKILL)


def test_real_fallback(directory):
    """when its directory is gone the dump goes elsewhere, and is found there"""
    gone = os.path.join(directory, "gone")
    here = os.path.join(directory, "here")
    os.mkdir(gone)
    os.mkdir(here)
    with service(gone, cwd=here) as target:
        shutil.rmtree(gone)
        must("does not exist" in taskcore("status", target.pid).stdout, "status")
        path = asked(target.pid, cwd="/")
        must(path != "" and not path.startswith(gone), path)
        if os.path.dirname(path) != here:
            os.unlink(path)


def test_real_stopped(directory):
    """a stopped service is told, and its dump comes when it goes on"""
    with service(directory) as target:
        os.kill(target.pid, signal.SIGSTOP)
        await_true(lambda: state(target.pid) == "T", "the stop")
        done = taskcore("signal", target.pid, "--timeout", "0.5")
        must(done.returncode == 5 and "stopped" in done.stderr and not dumps(directory), done.stderr)
        os.kill(target.pid, signal.SIGCONT)
        await_true(lambda: dumps(directory), "the dump")
        whole(os.path.join(directory, dumps(directory)[0]))


SIGWAIT = """
import signal, threading, time
signal.pthread_sigmask(signal.SIG_BLOCK, %(blocks)s)
threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
print("READY", flush=True)
print(signal.sigwait(%(waits)s), flush=True)
time.sleep(1000)
"""


def test_real_sigwait(directory):
    """a program that waits for every signal in sigwait is sent nothing, and told so; one that waits for others is asked"""
    every = "signal.valid_signals()"

    def waiting(blocks, waits):
        code = SIGWAIT % {"blocks": blocks, "waits": waits}
        return Target(TASKCORE, "run", "--dir", directory, sys.executable, "-c", code, stderr=subprocess.DEVNULL)

    with waiting(every, every) as target:
        await_true(lambda: in_sigwait(target.pid), "its sigwait")
        done = taskcore("signal", target.pid)
        must(done.returncode == 5 and "sigwait" in done.stderr and "nothing was sent" in done.stderr, done.stderr)
        must(field(target.pid, "ShdPnd").strip("0") == "" and in_sigwait(target.pid), "it was sent")
        must("sigwait" in taskcore("status", target.pid).stdout, "status")
    for blocks, waits in ((every, "{signal.SIGTERM}"), ("{signal.SIGTERM}", "{signal.SIGTERM}")):
        with waiting(blocks, waits) as target:
            await_true(lambda: in_sigwait(target.pid), "its sigwait")
            if blocks == every:  # then no thread takes the private signal at all
                must("blocks signal" in taskcore("signal", target.pid).stderr, "not told")
            else:
                whole(asked(target.pid), 0)
            os.kill(target.pid, signal.SIGTERM)  # control: it is in sigwait for that
            must(target.process.stdout.readline() in (b"15\n", b"Signals.SIGTERM\n"), "it was woken by another")


def in_sigwait(pid):
    with open("/proc/%d/syscall" % pid) as f:
        return f.read().startswith("128 ")


def test_real_sanitizers(directory):
    """a service with the runtime of a sanitizer preloaded starts under taskcore run, and dumps"""
    if not shutil.which("cc"):
        raise Skip("no C compiler")
    tried = 0
    for name in ("libasan", "libtsan", "libubsan"):
        runtime = subprocess.run(["cc", "-print-file-name=%s.so" % name], capture_output=True, text=True).stdout.strip()
        if not os.path.isabs(runtime):
            continue  # it prints the bare name of what it has not
        tried += 1
        env = dict(os.environ, LD_PRELOAD=os.path.realpath(runtime), ASAN_OPTIONS="detect_leaks=0")
        with service(directory, env=env) as target:
            whole(asked(target.pid))
            must("Sanitizer" not in said(directory), said(directory))
    if not tried:
        raise Skip("no shared runtime of a sanitizer")


def test_real_traced(directory):
    """of a service that a debugger has stopped, the debugger is named: kill -CONT would be no help"""
    libc = ctypes.CDLL(None, use_errno=True)
    with service(directory) as target:
        if libc.ptrace(16, target.pid, None, None) < 0:  # PTRACE_ATTACH
            raise Skip("ptrace: " + os.strerror(ctypes.get_errno()))
        try:
            os.waitpid(target.pid, os.WUNTRACED)
            done = taskcore("signal", target.pid, "--timeout", "0.3")
            must(done.returncode == 5 and "process %d (" % os.getpid() in done.stderr and "traces" in done.stderr, done.stderr)
            must("kill -CONT" not in done.stderr and done.stderr.count("\n") == 1, done.stderr)
        finally:
            libc.ptrace(17, target.pid, None, None)  # PTRACE_DETACH
        await_true(lambda: dumps(directory), "the dump")


def test_real_no_python(directory):
    """a program without Python is told as that, and lives on"""
    with Target(TASKCORE, "run", "--dir", directory, "sh", "-c", "echo READY; read line", stderr=subprocess.DEVNULL) as target:
        must("preloaded" in taskcore("status", target.pid).stdout, "status")
        done = taskcore("signal", target.pid)
        must(done.returncode == 3 and "no Python" in done.stderr, "%d %s" % (done.returncode, done.stderr))
        must(state(target.pid) in "SR" and not dumps(directory), "it died")


def test_real_entrypoint(directory):
    """of a shell script that starts the service, hooked or not, the Python below it is named; --children asks that"""
    script = '"$1" -c "$2" & read line'
    for hooked in (True, False):
        command = [TASKCORE, "run", "--dir", directory] if hooked else []
        with Target(*command, "sh", "-c", script, "sh", sys.executable, SERVICE % 3, start_new_session=True, stderr=subprocess.DEVNULL) as target:
            try:
                with open("/proc/%d/task/%d/children" % (target.pid, target.pid)) as f:
                    child = int(f.read().split()[0])
                done = taskcore("signal", target.pid)
                must(done.returncode == 3 and "process %d (python3" % child in done.stderr and "taskcore signal %d" % child in done.stderr, done.stderr)
                if hooked:
                    whole(asked(target.pid, "--children"), 4)
            finally:
                os.killpg(target.pid, signal.SIGKILL)


def refused_at_once(target, directory, *words):
    done = taskcore("signal", target.pid, "--timeout", str(LONG_S // 2))
    must(done.returncode == 5 and "refused" in done.stderr and done.stderr.count("\n") == 1, done.stderr)
    must(all(word in done.stderr for word in words), done.stderr)
    await_true(lambda: said(directory).endswith("\n"), "the line")
    must(said(directory).count("no dump (request)") == 1, said(directory))


def test_real_refused(directory):
    """a dump that is refused (a full directory) is answered at once and asked for once"""
    with service(directory, "--max-files", "0") as target:
        refused_at_once(target, directory, "standard error says why")


def test_real_refused_everywhere(directory):
    """where no directory can be written the answer comes at once too, and names the one that somebody wanted"""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        raise Skip("needs root and unshare")
    unsafe = os.path.join(directory, "unsafe")
    os.mkdir(unsafe)
    os.chmod(unsafe, 0o777)
    script = 'mount -t tmpfs -o mode=0777 none /dev/shm && exec "$0" run --dir "$1" "$2" -c "$3"'
    command = ["unshare", "-m", "sh", "-c", script, TASKCORE, unsafe, sys.executable, SERVICE % 3]
    with open(os.path.join(directory, "err"), "w") as err:
        with Target(*command, stderr=err, cwd=unsafe, env=dict(os.environ, TMPDIR=unsafe)) as target:
            with open("/proc/sys/kernel/core_pattern") as pattern:
                if pattern.read().startswith("/"):
                    raise Skip("core_pattern names a directory")
            refused_at_once(target, directory, "no directory can be written", unsafe + "): everybody may write there")


def test_real_disabled(directory):
    """with TASKCORE_DISABLE=1 nothing is there: no mapping, no signal caught"""
    with service(directory, env=dict(os.environ, TASKCORE_DISABLE="1")) as target:
        done = taskcore("signal", target.pid)
        must(done.returncode == 3 and "no hook" in done.stderr, done.stderr)
        must("hook     no" in taskcore("status", target.pid).stdout, "status")


FATAL = (signal.SIGILL, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV)


def caught(pid):
    with open("/proc/%d/status" % pid) as f:
        mask = int(re.search(r"^SigCgt:\s*(\w+)", f.read(), re.M).group(1), 16)
    return [number for number in FATAL if mask >> number - 1 & 1]


def test_real_crash(directory):
    """a fatal signal makes a dump and ends the process; with --crash off it is left alone, and other dumps are made as before"""
    with service(directory, cwd=directory) as target:  # where a core of the kernel may go
        must(caught(target.pid) == list(FATAL), "caught: %s" % caught(target.pid))
        os.kill(target.pid, signal.SIGSEGV)
        must(target.process.wait(LONG_S) == -signal.SIGSEGV, "its end: %s" % target.process.returncode)
        crash = whole(os.path.join(directory, dumps(directory)[0]))["dump"]["crash"]
        must(len(dumps(directory)) == 1 and crash["signal"] == "SIGSEGV", "%s in %s" % (crash, dumps(directory)))
        listed = taskcore("list", directory).stdout
        must(re.search(r"\n +SIGSEGV in \S+ \S+:[1-9]\d*\n", listed), listed)
        os.remove(os.path.join(directory, dumps(directory)[0]))
    with service(directory, "--crash", "off", cwd=directory) as target:
        must(not caught(target.pid), "caught: %s" % caught(target.pid))
        os.remove(asked(target.pid))
        os.kill(target.pid, signal.SIGSEGV)
        must(target.process.wait(LONG_S) == -signal.SIGSEGV and not dumps(directory), "its end: %s, %s" % (target.process.returncode, dumps(directory)))


CHROOT = r"""
set -e
root=$1 build=$2 python=$3 code=$4
mount -t tmpfs none "$root"
for dir in /usr /lib /lib64 /bin /dev; do
	[ ! -e "$dir" ] || { mkdir -p "$root$dir" && mount --rbind "$dir" "$root$dir"; }
done
mkdir "$root/proc" "$root/dumps" "$root/tools"
mount -t proc proc "$root/proc"
cp "$build/taskcore" "$build/libtaskcore.so" "$root/tools"
exec chroot "$root" /tools/taskcore run --dir /dumps "$python" -c "$code"
"""


def test_real_container(directory):
    """in a container with its own root, pids and mounts: asked from outside, the dump opens under the path printed"""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        raise Skip("needs root and unshare")
    if not sys.executable.startswith("/usr/"):
        raise Skip("needs the system's own Python")
    command = ["unshare", "-m", "-p", "--fork", "sh", "-c", CHROOT, "sh", directory, os.path.dirname(TASKCORE), sys.executable, SERVICE % 20]
    with Target(*command, stderr=subprocess.DEVNULL) as target:
        with open("/proc/%d/task/%d/children" % (target.pid, target.pid)) as f:
            pid = int(f.read().split()[0])
        try:
            must(field(pid, "NStgid").split()[-1] == "1", "not PID 1 of its own")
            must("preloaded" in taskcore("status", pid).stdout, "status")
            path = asked(pid)
            must(path.startswith("/proc/%d/root/dumps/taskcore.python" % pid) and ".1.2" in path, path)
            whole(path)
            must(os.listdir(directory) == [], "it is outside")
        finally:
            os.kill(pid, signal.SIGKILL)


# taskcore.py and the C interface

def python(code, directory, *command, **env):
    """Run code, which has imported taskcore, and return what it prints, line by line."""
    code = "import errno, os, sys\nsys.path.insert(0, %r)\nimport taskcore\n%s" % (os.path.join(TOP, "python"), code)
    base = {name: value for name, value in os.environ.items() if not name.startswith("TASKCORE_")}
    base.update(TASKCORE_DIR=directory, TASKCORE_LIBRARY=LIBRARY, PYTHONDONTWRITEBYTECODE="1", **env)
    done = subprocess.run([*command, sys.executable, "-c", code], env=base, capture_output=True, text=True, timeout=LONG_S)
    must(done.returncode == 0, "%d %s" % (done.returncode, done.stderr))
    return done.stdout.splitlines()


PRELOADED = (TASKCORE, "run")

ERRORS = """
def number(*args, **more):
    try:
        return taskcore.dump(*args, **more)
    except OSError as error:
        return errno.errorcode[error.errno]
"""


def test_python_install(directory):
    """in Python: EPERM before install(), then a dump with its reason in the name and its path returned; twice is once"""
    printed = python(ERRORS + """
print(taskcore.version())
print(number())
taskcore.install()
taskcore.install()
print(taskcore.dump())
print(taskcore.dump("check-out_2"))
print(number("Bad"), number(""), number("x" * 32))
print(open("/proc/self/maps").read().count("/memfd:taskcore:"))
""", directory)
    must(re.fullmatch(r"\d+\.\d+\.\d+", printed[0]) and printed[1] == "EPERM", printed)
    must([os.path.join(directory, name) for name in dumps(directory)] == printed[2:4], printed)
    must(printed[2].endswith(".api.tcore") and printed[3].endswith(".check-out_2.tcore"), printed)
    must(printed[4:] == ["EINVAL EINVAL EINVAL", "1"], printed)


def test_python_preloaded(directory):
    """under taskcore run it is the hook that is there already, with nothing installed a second time"""
    printed = python("""
print(taskcore.dump("first"))
taskcore.install()
maps = open("/proc/self/maps").read()
print(maps.count("/memfd:taskcore:"), maps.count(":p:"), taskcore._library._name)
""", directory, *PRELOADED)
    must(printed[0].endswith(".first.tcore") and os.path.isfile(printed[0]), printed)
    must(printed[1] == "1 1 None", printed)


def test_python_running_task(directory):
    """a dump from inside a task has that task running, at the line of the call"""
    path, line = python("""
import asyncio
taskcore.install()
async def other():
    await asyncio.sleep(1000)
async def main():
    task = asyncio.create_task(other())
    await asyncio.sleep(0)
    print(taskcore.dump())
    print(sys._getframe().f_lineno - 1)
    task.cancel()
asyncio.run(main())
""", directory)
    report = whole(path, 2)
    running = [task for task in report["tasks"] if task["state"] == "running"]
    must(len(running) == 1 and running[0]["coro"] == "main", "running: %s" % running)
    must([frame["line"] for frame in running[0]["chain"] if frame["function"] == "main"] == [int(line)], running[0]["chain"])


def test_python_busy(directory):
    """a second dump while one is written is EBUSY; wait=False returns at once; after a wait the next one can begin"""
    printed = python(ERRORS + """
taskcore.install()
print(sorted({str(number("one", wait=False)) for _ in range(30)}))
while number("two") == "EBUSY":
    pass
print({number("three")[-12:] for _ in range(20)})
""", directory, TASKCORE_MAX_FILES="1000")
    must(printed == ["['EBUSY', 'None']", "{'.three.tcore'}"], printed)


def test_python_refused(directory):
    """a dump that finds no place is EIO, and a disabled hook EPERM"""
    printed = python(ERRORS + """
import ctypes
taskcore.install()
libc = ctypes.CDLL(None, use_errno=True)
print(number("full"))
""", directory, TASKCORE_MAX_FILES="0")
    must(printed[0] in ("EIO",), printed)
    printed = python("""
for call in (taskcore.install, taskcore.dump):
    try:
        call()
    except OSError as error:
        print(errno.errorcode[error.errno])
""", directory, TASKCORE_DISABLE="1")
    must(printed == ["EPERM", "EPERM"], printed)


def test_python_late(directory):
    """status says of a hook that was installed late that it is not in front"""
    code = "import sys\nsys.path.insert(0, %r)\nimport taskcore\ntaskcore.install()\n%s" % (os.path.join(TOP, "python"), SERVICE % 20)
    env = dict(os.environ, TASKCORE_LIBRARY=LIBRARY, TASKCORE_DIR=directory)
    with Target(sys.executable, "-c", code, env=env, stderr=subprocess.DEVNULL) as target:
        must("installed late" in taskcore("status", target.pid).stdout, taskcore("status", target.pid).stdout)
        whole(asked(target.pid))
        os.kill(target.pid, signal.SIGUSR1)
        await_true(lambda: len(dumps(directory)) == 2, "the dump by SIGUSR1")


def test_python_not_found(directory):
    """without a library the import says where it may be named"""
    shutil.copy(os.path.join(TOP, "python", "taskcore.py"), directory)
    env = {name: value for name, value in os.environ.items() if not name.startswith("TASKCORE_")}
    done = subprocess.run([sys.executable, "-c", "import taskcore"], cwd=directory, capture_output=True, text=True, env=env)
    if done.returncode == 0:
        raise Skip("a libtaskcore.so is installed here")
    must("ImportError" in done.stderr and "TASKCORE_LIBRARY" in done.stderr, done.stderr)
    shutil.copy(LIBRARY, directory)
    done = subprocess.run([sys.executable, "-c", "import taskcore; print(taskcore.version())"], cwd=directory, capture_output=True, text=True, env=env)
    must(done.returncode == 0, "beside the module: " + done.stderr)


C_PROGRAM = r"""
#include <errno.h>
#include <stdio.h>
#include <taskcore.h>
int main(void)
{
	char path[100];
	int first = taskcore_dump(0), why = errno;
	int waited = taskcore_wait(0, path, sizeof(path)), none = errno;
	int installed = taskcore_install(), again = taskcore_install();
	int second = taskcore_dump("c"), without = errno;
	printf("%s %d %d %d %d %d %d %d %d\n", taskcore_version(), first, why == EPERM, waited, none == ENOENT, installed, again,
	       second, without == ENOEXEC);
	return 0;
}
"""


def test_c_interface(directory):
    """a C program links by pkg-config; without Python its dump is ENOEXEC"""
    for tool in ("cc", "pkg-config"):
        if not shutil.which(tool):
            raise Skip("no " + tool)
    lib, include = os.path.join(directory, "lib"), os.path.join(directory, "include")  # as make install leaves it
    for place, file in ((include, os.path.join(TOP, "lib", "taskcore.h")), (lib, LIBRARY),
                        (lib, os.path.join(os.path.dirname(LIBRARY), "lib", "taskcore.pc"))):
        os.makedirs(place, exist_ok=True)
        shutil.copy(file, place)
    os.symlink("libtaskcore.so", os.path.join(lib, "libtaskcore.so.0"))
    flags = subprocess.run(["pkg-config", "--define-variable=prefix=" + directory, "--cflags", "--libs", "taskcore"],
                           env=dict(os.environ, PKG_CONFIG_PATH=lib), capture_output=True, text=True)
    must(flags.returncode == 0, flags.stderr)
    with open(os.path.join(directory, "c.c"), "w") as f:
        f.write(C_PROGRAM)
    subprocess.run(["cc", "-Wall", "-Werror", "-o", os.path.join(directory, "c"), os.path.join(directory, "c.c"), *flags.stdout.split()], check=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith("TASKCORE_")}
    done = subprocess.run([os.path.join(directory, "c")], env=dict(env, LD_LIBRARY_PATH=lib), capture_output=True, text=True)
    must(re.fullmatch(r"\d+\.\d+\.\d+ -1 1 -1 1 0 0 -1 1\n", done.stdout) and done.stderr == "", "%r %s" % (done.stdout, done.stderr))
