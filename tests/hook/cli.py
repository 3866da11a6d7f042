#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""taskcore run, signal, status and doctor, with a hook that only pretends (fake_hook.c) and with a real one.
Names of tests as arguments run only these."""
import os
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "dumper"))
from common import LONG_S, Skip, Target, TASKCORE, await_true, field, must, program, run, state, taskcore  # noqa: E402
import cli_real  # noqa: E402

FAKE = program("fake_hook")


def refused(done, code, *words):
    """It failed with this code, nothing on stdout and one line on stderr that holds the words."""
    must(done.returncode == code, "exit code %d, not %d: %s" % (done.returncode, code, done.stderr))
    must(done.stdout == "" and len(done.stderr.splitlines()) == 1, "printed %r, %r" % (done.stdout, done.stderr))
    for word in words:
        must(word in done.stderr, "no '%s' in %r" % (word, done.stderr))


# taskcore run

def copy_program(directory):
    """A taskcore with an empty library beside it."""
    shutil.copy(TASKCORE, directory)
    source = os.path.join(directory, "empty.c")
    with open(source, "w") as f:
        f.write("int taskcore_empty;\n")
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-o", os.path.join(directory, "libtaskcore.so"), source], check=True)
    except FileNotFoundError:
        raise Skip("no C compiler")
    return os.path.join(directory, "taskcore")


def started(copy, *args, **options):
    return subprocess.run([copy, "run", *args], capture_output=True, text=True, timeout=LONG_S, **options)


def environment_of(done):
    must(done.returncode == 0 and done.stderr == "", "%d: %s" % (done.returncode, done.stderr))
    return dict(item.split("=", 1) for item in done.stdout.split("\0") if item)


def test_run_environment(directory):
    """run adds LD_PRELOAD and the variables of its flags to the environment, and changes nothing else"""
    copy = copy_program(directory)
    os.mkdir(os.path.join(directory, "dumps"))
    base = {"PATH": os.environ["PATH"], "A": "b c\nd"}
    expected = dict(base, LD_PRELOAD=os.path.join(directory, "libtaskcore.so"))
    must(environment_of(started(copy, "env", "-0", env=base)) == expected, "without flags")
    flags = {"--dir": "dumps/../dumps", "--signal": "SIGRTMIN+5", "--crash": "off", "--timing": "off",
             "--values": "strings", "--max-files": "9", "--max-bytes": "2G", "--pause-ms": "50", "--budget-ms": "3000",
             "--min-interval-s": "0", "--keep-newest": "1", "--nondumpable": "full"}
    expected.update(TASKCORE_DIR=os.path.join(directory, "dumps"), TASKCORE_SIGNAL="RTMIN+5", TASKCORE_CRASH="off",
                    TASKCORE_TIMING="off", TASKCORE_VALUES="strings", TASKCORE_MAX_FILES="9",
                    TASKCORE_MAX_BYTES="2147483648", TASKCORE_PAUSE_MS="50", TASKCORE_BUDGET_MS="3000",
                    TASKCORE_MIN_INTERVAL_S="0", TASKCORE_KEEP_NEWEST="1", TASKCORE_NONDUMPABLE="full")
    words = [word for flag in flags.items() for word in flag]
    must(environment_of(started(copy, *words, "--", "env", "-0", env=base, cwd=directory)) == expected, "flags, then --")
    words = ["%s=%s" % flag for flag in flags.items()]
    must(environment_of(started(copy, *words, "env", "-0", env=base, cwd=directory)) == expected, "flags with =")


def test_run_preload(directory):
    """run keeps what LD_PRELOAD holds, behind its own library, which is there once; runtimes of sanitizers that stand first stay there"""
    copy = copy_program(directory)
    library = os.path.join(directory, "libtaskcore.so")
    for old, new in (("", library), ("/x/liba.so:/x/b.so", library + ":/x/liba.so:/x/b.so"),
                     ("/x/a.so /x/b.so", library + ":/x/a.so /x/b.so"), (library, library),
                     (library + ":/x/a.so", library + ":/x/a.so"), (library + "x", library + ":" + library + "x"),
                     ("libasan.so.8", "libasan.so.8:" + library), ("/u/libtsan.so.2:/x/a.so", "/u/libtsan.so.2:" + library + ":/x/a.so"),
                     ("libasan.so.8 libubsan.so.1 /x/a.so", "libasan.so.8 libubsan.so.1 " + library + ":/x/a.so"),
                     ("/u/libclang_rt.asan-x86_64.so:", "/u/libclang_rt.asan-x86_64.so:" + library),
                     ("libasan.so.8:" + library, "libasan.so.8:" + library), ("/x/a.so:libasan.so", library + ":/x/a.so:libasan.so"),
                     ("/libasan/a.so", library + ":/libasan/a.so"), (":", ":" + library)):
        done = started(copy, "sh", "-c", "printf %s \"$LD_PRELOAD\"", env=dict(os.environ, LD_PRELOAD=old))
        must(done.stdout == new, "%r became %r" % (old, done.stdout))
    done = started(copy, copy, "run", copy, "run", "sh", "-c", "printf %s \"$LD_PRELOAD\"")
    must(done.stdout == library, done.stdout)


def test_run_loads(directory):
    """the library is mapped into the program"""
    copy = copy_program(directory)
    done = started(copy, "cat", "/proc/self/maps")
    must(os.path.join(directory, "libtaskcore.so") in done.stdout and done.stderr == "", done.stderr)


def test_run_is_replaced(directory):
    """no process of run stays: the program has its pid, its arguments as they were, and its own end"""
    copy = copy_program(directory)
    odd = ["a b", "", "'\"\\", "--dir", "-x", "c\nd", "*", "--"]
    child = subprocess.Popen([copy, "run", "sh", "-c", 'echo $$ $PPID; printf "%s\\0" "$@"; kill -TERM $$', "sh", *odd],
                             stdout=subprocess.PIPE, text=True)
    pids, _, rest = child.communicate(timeout=LONG_S)[0].partition("\n")
    must(pids == "%d %d" % (child.pid, os.getpid()), "another process: " + pids)
    must(rest.split("\0")[:-1] == odd, "arguments: %r" % rest)
    must(child.returncode == -signal.SIGTERM, "ended with %d" % child.returncode)


def test_run_exit_codes(directory):
    """run returns what the program returns, 127 when it is not found, 126 when it cannot be executed, 2 for usage"""
    copy = copy_program(directory)
    plain = os.path.join(directory, "plain")
    with open(plain, "w") as f:
        f.write("#!/nonexistent/interpreter\n")
    must(started(copy, "sh", "-c", "exit 41").returncode == 41, "its own code")
    refused(started(copy, "/nonexistent/program"), 127, "/nonexistent/program", "No such file")
    refused(started(copy, "no-such-program-at-all"), 127, "no-such-program-at-all")
    refused(started(copy, plain), 126, "Permission denied")
    refused(started(copy, directory), 126)
    os.chmod(plain, 0o755)
    refused(started(copy, plain), 127)  # as env(1)
    for name in ("/nonexistent/program", plain, directory):
        must(started(copy, name).returncode == subprocess.run(["env", name], capture_output=True).returncode, name)
    refused(started(copy), 2, "which command")
    refused(started(copy, "--"), 2)
    refused(started(copy, "--dir"), 2, "--dir")
    refused(started(copy, "--no-such", "true"), 2, "--no-such")
    for flag, value in (("--dir", os.path.join(directory, "missing")), ("--dir", plain), ("--signal", "KILL"),
                        ("--signal", "RTMIN+31"), ("--signal", "RTMIN+"), ("--signal", ""), ("--crash", "maybe"), ("--timing", "maybe"),
                        ("--values", "string"), ("--values", ""), ("--max-files", "-1"), ("--max-files", "1K"),
                        ("--max-bytes", "1T"), ("--max-bytes", "1 "), ("--max-bytes", "99999999999G"),
                        ("--keep-newest", "yes"), ("--nondumpable", "half")):
        refused(started(copy, flag, value, "true"), 2, flag, "not '%s'" % value)
    must(started(copy, "--help").returncode == 0, "--help")


def test_run_library_missing(directory):
    """without its library, or at a path that LD_PRELOAD cannot hold, run says so and starts nothing"""
    shutil.copy(TASKCORE, directory)
    refused(started(os.path.join(directory, "taskcore"), "true"), 3, "libtaskcore.so")
    for name in ("with blank", "with:colon", "with$dollar"):
        place = os.path.join(directory, name)
        os.mkdir(place)
        refused(started(copy_program(place), "true"), 3, "LD_PRELOAD", name)


def test_run_installed_library(directory):
    """a taskcore with no library beside it takes the one that is installed"""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        raise Skip("needs root and unshare")
    copy = copy_program(directory)
    os.mkdir(os.path.join(directory, "bin"))
    shutil.move(copy, os.path.join(directory, "bin", "taskcore"))
    copy = os.path.join(directory, "bin", "taskcore")
    libdir = re.search(r"nor in (\S+): install", started(copy, "true").stderr).group(1)
    if not os.path.isdir(os.path.dirname(libdir)):
        raise Skip("no directory for " + libdir)
    script = 'mount -t tmpfs none "%s" && mkdir -p "%s" && cp "%s/libtaskcore.so" "%s" && exec "%s" run sh -c \'echo $LD_PRELOAD\'' % (
        os.path.dirname(libdir), libdir, directory, libdir, copy)
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True)
    must(done.stdout == libdir + "/libtaskcore.so\n", "%r %s" % (done.stdout, done.stderr))


def test_run_descriptors(directory):
    """closed descriptors stay closed, open ones open, and ignored signals ignored"""
    copy = copy_program(directory)
    script = 'exec 0<&- 2>&- 7</dev/null; trap "" USR2; %s ls -l /proc/self/fd; %s grep SigIgn /proc/self/status'
    without = subprocess.run(["sh", "-c", script % ("", "")], capture_output=True, text=True)
    under = subprocess.run(["sh", "-c", script % ((copy + " run",) * 2)], capture_output=True, text=True)
    look = [re.findall(r"(\d+) -> |SigIgn:\s(\w+)", done.stdout) for done in (without, under)]
    must(look[0] == look[1] and ("7", "") in look[0], "%s, %s" % tuple(look))


# taskcore signal

def fake(mode, directory, *more, **options):
    return Target(FAKE, mode, directory, *more, **options)


def cookie_bytes(cookie):
    """As a field of a record (docs/format.md section 5)."""
    out = bytearray()
    while cookie > 127:
        out.append(cookie & 127 | 128)
        cookie >>= 7
    return bytes(out + bytearray([cookie]))


def requests(target, n):
    """The cookies of n requests that the fake hook has got."""
    return [int(target.process.stdout.readline().split()[1], 16) for _ in range(n)]


def answered(done, directory):
    """The file that it printed."""
    must(done.returncode == 0 and done.stderr == "", "%d: %s" % (done.returncode, done.stderr))
    path = done.stdout[:-1]
    must(os.path.dirname(path) == directory and os.path.isfile(path), "printed %r" % done.stdout)
    return path


def test_signal_answer(directory):
    """signal sends one request and prints the path of the dump whose head carries its cookie, and nothing else"""
    with fake("answer", directory) as target:
        path = answered(taskcore("signal", target.pid), directory)
        cookie, = requests(target, 1)
        with open(path, "rb") as f:
            must(cookie_bytes(cookie) in f.read(), "another cookie")
        answered(taskcore("signal", target.pid), directory)
        again, = requests(target, 1)
        must(cookie >> 40 == again >> 40 == 0x744301 and cookie != again, "cookies %x, %x" % (cookie, again))
        must(len(os.listdir(directory)) == 2, "more dumps than requests")


def test_signal_other(directory):
    """a dump that answers somebody else is not taken for the answer; the request is sent again after it"""
    with fake("other-first", directory) as target:
        path = answered(taskcore("signal", target.pid), directory)
        first, second = requests(target, 2)
        must(first == second and len(os.listdir(directory)) == 2, "not the same request")
        with open(path, "rb") as f:
            must(cookie_bytes(first) in f.read(), "another cookie")


def test_signal_concurrent(directory):
    """ten at once get ten different dumps"""
    with fake("answer", directory) as target:
        asking = [subprocess.Popen([TASKCORE, "signal", str(target.pid)], stdout=subprocess.PIPE, text=True) for _ in range(10)]
        paths = {one.communicate(timeout=LONG_S)[0] for one in asking}
        must(len(paths) == 10 and all(one.returncode == 0 for one in asking), "%d answers" % len(paths))


def test_signal_places(directory):
    """the dump is also found in the working directory and in TMPDIR"""
    for more in ({"cwd": directory}, {"env": dict(os.environ, TMPDIR=directory)}):
        for published in ("", "?", "/nonexistent"):
            with fake("answer", directory, "p", published, **more) as target:
                answered(taskcore("signal", target.pid, cwd="/"), directory)
    # Control: in a directory that nothing names it is not found.
    with fake("answer", directory, "p", "", cwd="/") as target:
        refused(taskcore("signal", target.pid, "--timeout", "0.5", cwd="/"), 5, "no answer")


def test_signal_odd_directories(directory):
    """directories with blanks, colons and newlines in their names are watched too"""
    for name in ("a b", "a:b", "a\nb", "(deleted)", "b (deleted)", "ü"):
        place = os.path.join(directory, name)
        os.mkdir(place)
        with fake("answer", place) as target:
            done = taskcore("signal", target.pid)
            must(done.returncode == 0 and os.path.isfile(done.stdout[:-1]), "%r: %s" % (name, done.stderr))


def test_signal_symlink(directory):
    """a symbolic link with the name of a dump is not opened"""
    with fake("symlink", directory) as target:
        refused(taskcore("signal", target.pid, "--timeout", "0.5"), 5)


def test_signal_nothing_sent(directory):
    """a process without the hook, or whose hook has lost its signal, gets nothing: it would die of it"""
    with fake("hookless", directory) as target:
        refused(taskcore("signal", target.pid), 3, "no hook", "taskcore dump %d" % target.pid)
        must(state(target.pid) in "SR", "it died")
    with fake("uncaught", directory) as target:
        refused(taskcore("signal", target.pid), 3, "nothing was sent")
        refused(taskcore("signal", target.pid, "--force-signal", "40"), 3, "nothing was sent")
        must(state(target.pid) in "SR", "it died")
        sig = signal.SIGRTMAX - 5
        os.kill(target.pid, sig)  # control: it does die of it
        must(target.process.wait(LONG_S) == -sig, "the control did not die")


def test_signal_blocked(directory):
    """a signal that every thread blocks is not sent; one that is blocked for a moment is"""
    with fake("blocked", directory) as target:
        refused(taskcore("signal", target.pid), 5, "blocks signal", "nothing was sent", "taskcore dump %d" % target.pid)
        must(int(field(target.pid, "ShdPnd"), 16) == 0, "it was sent")
    with fake("blocked-shortly", directory) as target:
        answered(taskcore("signal", target.pid), directory)


def test_signal_gone(directory):
    """a process that is gone, a zombie, or ends without a dump is told at once, with 5"""
    with fake("exit", directory) as target:
        refused(taskcore("signal", target.pid), 5, "ended without a dump")
        await_true(lambda: state(target.pid) == "Z", "its end")
        refused(taskcore("signal", target.pid), 5, "zombie")
        pid = target.pid
    refused(taskcore("signal", pid), 5, "no process")


def test_signal_leader_gone(directory):
    """a process whose first thread has ended answers too"""
    with fake("leader-gone", directory) as target:
        await_true(lambda: state(target.pid) == "Z", "the end of its first thread")
        answered(taskcore("signal", target.pid), directory)


def test_signal_stopped(directory):
    """a stopped process is waited for in vain, which is said, and dumps once it goes on"""
    with fake("answer", directory) as target:
        os.kill(target.pid, signal.SIGSTOP)
        await_true(lambda: state(target.pid) == "T", "the stop")
        refused(taskcore("signal", target.pid, "--timeout", "1.5"), 5, "stopped", "kill -CONT %d" % target.pid)
        must(state(target.pid) == "T" and os.listdir(directory) == [], "it went on")
        os.kill(target.pid, signal.SIGCONT)
        await_true(lambda: len(os.listdir(directory)) == 1, "the dump")
        requests(target, 1)
        answered(taskcore("signal", target.pid), directory)
        requests(target, 1)
        must(len(os.listdir(directory)) == 2, "it was sent more than once")


def test_signal_silent(directory):
    """a hook that does not answer is told, with what may be the cause"""
    with fake("silent", directory) as target:
        refused(taskcore("signal", target.pid, "--timeout", "0.3"), 5, "no answer", "0.3 s", "standard error")


def test_signal_usage(directory):
    """wrong arguments are usage errors"""
    for args in ([], ["x"], ["0"], ["-1"], ["1", "x"], ["1", "--timeout"], ["1", "--timeout", "x"], ["1", "--timeout", "0"],
                 ["1", "--timeout=nan"], ["1", "--timeout", "1e9"], ["1", "--force-signal", "9"], ["1", "--force-signal", "65"],
                 ["1", "--force-signal", "x"], ["1", "--dir", "/nonexistent"], ["1", "--stop"]):
        refused(taskcore("signal", *args), 2)


def as_nobody(*command, **options):
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        raise Skip("needs root and setpriv")
    return ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *command]


def test_signal_denied(directory):
    """without the right to look, 4 with the cause; --force-signal sends only what the process catches, again when it is refused"""
    os.chmod(directory, 0o777)
    copy = os.path.join(directory, "taskcore")
    shutil.copy(TASKCORE, copy)
    number = str(signal.SIGRTMAX - 5)

    def ask(*args):
        return subprocess.run(as_nobody(copy, "signal", *args), capture_output=True, text=True, timeout=LONG_S, cwd="/")

    dumps = os.path.join(directory, "dumps")
    os.mkdir(dumps)
    os.chmod(dumps, 0o777)
    with fake("answer", dumps) as target:  # root's
        refused(ask(str(target.pid)), 4, "uid 0", "--force-signal")
        refused(ask(str(target.pid), "--force-signal", number), 4, "may not be signalled")
        must(os.listdir(dumps) == [], "it was sent")
    mine = os.path.join(directory, "fake_hook")
    shutil.copy(FAKE, mine)
    with Target(*as_nobody(mine, "not-dumpable", dumps)) as target:
        refused(ask(str(target.pid)), 4, "not dumpable", "--force-signal")
        refused(ask(str(target.pid), "--force-signal", "41"), 4, "does not catch signal 41", "nothing was sent")
        path = answered(ask(str(target.pid), "--force-signal", number, "--dir", dumps), dumps)
        must(os.stat(path).st_uid == 65534, "not its file")
        must(state(target.pid) in "SR", "it died")
        must(len(set(requests(target, 2))) == 1, "not the same request twice: the first is refused")


def unshared(*options):
    if os.geteuid() != 0 or not shutil.which("unshare"):
        raise Skip("needs root and unshare")
    return ["unshare", *options]


def child_of(pid):
    """The process that unshare --fork made."""
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return int(f.read().split()[0])


def answered_inside(pid, root):
    """The dump of a process that has another root, by the path that was printed."""
    done = taskcore("signal", pid)
    path = done.stdout[:-1]
    must(done.returncode == 0 and path.startswith("/proc/%d/" % pid) and root in path, "%r %s" % (path, done.stderr))
    with open(path, "rb") as f:
        must(f.read(4) == b"\x7fELF", "no dump")
    return path


def test_signal_mount_namespace(directory):
    """in a container's own mount, the path through /proc/PID/root is printed, and opens"""
    script = 'mount -t tmpfs none "$2" && exec "$0" "$1" "$2"'
    with Target(*unshared("-m", "sh", "-c", script, FAKE, "answer", directory)) as target:
        answered_inside(target.pid, "/root" + directory)
        must(os.listdir(directory) == [], "it is outside")


CHROOT = r"""
set -e
root=$1 fake=$2
mount -t tmpfs none "$root"
for dir in /usr /lib /lib64 /bin; do
	[ ! -e "$dir" ] || { mkdir -p "$root$dir" && mount --bind "$dir" "$root$dir"; }
done
mkdir "$root/proc" "$root/inner"
mount -t proc proc "$root/proc"
ln -s /inner "$root/dumps"
cp "$fake" "$root/fake_hook"
exec chroot "$root" /fake_hook answer /dumps
"""


def test_signal_chroot(directory):
    """in a container with its own root and pids, also where its directory is behind a link that is absolute there"""
    with Target(*unshared("-m", "-p", "--fork", "sh", "-c", CHROOT, "sh", directory, FAKE)) as target:
        pid = child_of(target.pid)
        must(field(pid, "NStgid").split()[-1] == "1", "not in a pid namespace")
        answered_inside(pid, "/inner/")
        os.kill(pid, signal.SIGKILL)


def test_signal_no_inotify(directory):
    """where nothing can be watched, the directories are looked through"""
    script = """echo 0 >/proc/sys/user/max_inotify_instances || exit
        "$0" answer "$1" >"$1/out" & until grep -q READY "$1/out"; do :; done
        "$2" signal $! --timeout 20; kill $!"""
    done = subprocess.run(unshared("-U", "-r", "sh", "-c", script, FAKE, directory, TASKCORE), capture_output=True, text=True, timeout=LONG_S)
    if "inotify" in done.stderr or "unshare" in done.stderr:
        raise Skip("no limit of inotify in a user namespace: " + done.stderr.strip())
    must(any(os.path.isfile(line) for line in done.stdout.splitlines()), "%r %s" % (done.stdout, done.stderr))


def test_signal_stdout(directory):
    """a path that cannot be printed is a failure"""
    with fake("answer", directory) as target, open("/dev/full", "w") as full:
        done = subprocess.run([TASKCORE, "signal", str(target.pid)], stdout=full, stderr=subprocess.PIPE, text=True)
        must(done.returncode == 3 and "standard output" in done.stderr, "%d %s" % (done.returncode, done.stderr))


# taskcore status and doctor

def hook_line(verb, pid):
    lines = [line for line in taskcore(verb, pid).stdout.splitlines() if re.match(r"hook |(ok|NO) +hook ", line)]
    must(len(lines) == 1, "%s says %s" % (verb, lines))
    return lines[0]


def test_status(directory):
    """status and doctor say whether the hook is there, on which signals, where to, and what is in its way"""
    rows = (("answer", "p", directory, True, ["preloaded", "SIGUSR1", "number %d" % (signal.SIGRTMAX - 5), "to " + directory]),
            ("answer", "i", directory, True, ["installed late", "SIGUSR1"]),
            ("answer", "p", "", True, ["where the kernel would write its core"]),
            ("answer", "p", "?", True, ["TASKCORE_DIR"]),
            ("answer", "p", "/nonexistent/x", False, ["that directory does not exist"]),
            ("blocked", "p", directory, False, ["every thread blocks the private signal"]),
            ("uncaught", "p", directory, False, ["taken the private signal away"]),
            ("hookless", "p", directory, True, ["no: not started with taskcore run"]))
    for mode, how, published, good, words in rows:
        with fake(mode, directory, how, published) as target:
            told = hook_line("status", target.pid), hook_line("doctor", target.pid)
            for line in told:
                must(all(word in line for word in words), "%s %s: %r" % (mode, how, line))
                must(("; but" in line) != good, line)
            must(told[1].startswith("ok" if good else "NO"), told[1])


def tests_of(names):
    return [function for name, function in names.items() if name.startswith("test_")]


if __name__ == "__main__":
    chosen = [test for test in tests_of(globals()) + tests_of(vars(cli_real)) if not sys.argv[1:] or test.__name__ in sys.argv[1:]]
    sys.exit(run(chosen))
