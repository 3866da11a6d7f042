# SPDX-License-Identifier: Apache-2.0
"""Programs that crash, with the hook and without it: how they ended, what the kernel's core holds, what the dump says."""
import contextlib
import glob
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "e2e")]
import interpreters  # noqa: E402
import lab  # noqa: E402

CC = os.environ.get("CC", "cc").split()
FLAGS = "-std=gnu11 -Wall -Wextra -Werror -O1 -g -pthread".split()
LIBRARY = FLAGS + "-shared -fPIC -fstack-protector-all".split()
TARGET = os.path.join(HERE, "crash_target.py")
WAITERS = 20
SIGNALS = {signal.SIGSEGV: "segv", signal.SIGABRT: "abrt", signal.SIGBUS: "bus", signal.SIGFPE: "fpe", signal.SIGILL: "ill"}
SAID = re.compile(r"^taskcore: .*\n?", re.M)

# arch/x86/include/asm/user_64.h: user_regs_struct; include/linux/elfcore.h: elf_prstatus.
REGISTERS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs").split()
SAME = "rip rsp rbp rbx r12 r13 r14 r15".split()  # what must be as without us
PRSTATUS_PID, PRSTATUS_REGISTERS = 32, 112
SLEEPS = "34 232 281".split()  # pause, epoll_wait, epoll_pwait: arch/x86/entry/syscalls/syscall_64.tbl
NT_PRSTATUS, NT_FILE, NT_SIGINFO = 1, 0x46494C45, 0x53494749
KNOWN = {"rbx": 0xB0, "rbp": 0xB1, "r12": 0xB2, "r13": 0xB3, "r14": 0xB4, "r15": 0xB5}  # each byte of it (crash_module.c)


def must(true, text, *args):
    if not true:
        raise lab.Failed(text % args if args else text)


# Programs and libraries of C.


class Built:
    """What is compiled once for all tests, in a directory that any interpreter's tree gets copies of."""

    def __init__(self, directory):
        self.directory = directory
        self.hook = lab.program("libtaskcore.so")
        self.lock = threading.Lock()
        self.module = self.build("crash_module.so", "crash_module.c", LIBRARY)

    def build(self, name, source, options, more=()):
        path = os.path.join(self.directory, name)
        if not shutil.which(CC[0]):
            raise lab.Missing("no C compiler")
        with self.lock:
            if not os.path.exists(path):
                subprocess.run(CC + list(options) + ["-o", path, os.path.join(HERE, source)] + list(more), check=True)
        return path


# ELF cores.


class Core:
    """The notes of an ELF core: registers of each thread (the one that crashed is the kernel's first), the signal, the mapped files."""

    def __init__(self, path):
        self.threads, self.files, self.siginfo = [], [], None
        with open(path, "rb") as f:
            head = f.read(64)
            must(head[:4] == b"\x7fELF", "no ELF file: %s", path)
            at, n = struct.unpack_from("<Q", head, 32)[0], struct.unpack_from("<H", head, 56)[0]
            f.seek(at)
            rows = f.read(56 * n)
            for i in range(n):
                kind, _, offset, _, _, size = struct.unpack_from("<IIQQQQ", rows, 56 * i)
                if kind == 4:
                    f.seek(offset)
                    self.notes(f.read(size))

    def notes(self, data):
        at = 0
        while at + 12 <= len(data):
            name_size, size, kind = struct.unpack_from("<III", data, at)
            name = data[at + 12 : at + 12 + name_size].rstrip(b"\0")
            at += 12 + (name_size + 3 & ~3)
            if name == b"CORE":
                self.note(kind, data[at : at + size])
            at += size + 3 & ~3

    def note(self, kind, data):
        if kind == NT_PRSTATUS:
            tid = struct.unpack_from("<i", data, PRSTATUS_PID)[0]
            self.threads.append((tid, dict(zip(REGISTERS, struct.unpack_from("<27Q", data, PRSTATUS_REGISTERS)))))
        elif kind == NT_SIGINFO:
            self.siginfo = struct.unpack_from("<iii4xQ", data)  # number, errno, code; address or sender
        elif kind == NT_FILE:
            n = struct.unpack_from("<Q", data)[0]
            names = data[16 + 24 * n :].split(b"\0")
            for i in range(n):
                start, end, page = struct.unpack_from("<QQQ", data, 16 + 24 * i)
                self.files.append((start, end, page, os.path.basename(names[i]).decode()))

    def where(self, value):
        """The value as one that can be compared with that of another run: what is no pointer itself, a place in a file by name."""
        for start, end, page, name in self.files:
            if start <= value < end:
                return "%s+%#x" % (name, value - start + page * 4096)
        return "a pointer" if 1 << 40 < value < 1 << 47 and value != 0x6A6A6A6A6A00 else hex(value)

    def registers(self):
        """Of the thread that crashed."""
        return self.threads[0][1]


def known_registers(core):
    """Those of the words that crash_module.c loads which are not there."""
    found = core.registers()
    return ["%s=%#x" % (name, found[name]) for name, byte in KNOWN.items() if found[name] != int.from_bytes(bytes([byte] * 8), "little")]


def cores_possible():
    """Why no core can be looked at here, or nothing."""
    with open("/proc/sys/kernel/core_pattern") as f:
        pattern = f.read().strip()
    return "" if re.match(r"[^|/%@]", pattern) else "core_pattern is " + pattern


# Runs.


def await_true(condition, what, session_to_end=None):
    """Wait for an event that has no other sign."""
    end = time.monotonic() + lab.WAIT_S
    while not condition():
        if time.monotonic() > end:
            for pid in session(session_to_end) if session_to_end else ():
                os.kill(pid, signal.SIGKILL)
            raise lab.Failed("waited in vain for " + what)
        time.sleep(0.002)


def session(leader):
    """The processes of a session that live."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid, errors="replace") as f:
                words = f.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(words[3]) == leader and words[0] not in "ZX":
            found.append(int(pid))
    return found


def sleeps(pid):
    """Whether its first thread is in pause(), which by_others() of crash_module.c calls, or in a loop's wait."""
    with open("/proc/%d/syscall" % pid) as f:
        return f.read().split()[0] in SLEEPS


class Ran:
    """One run of a program that has ended. directory: what it left."""

    def __init__(self, directory, pid, status, out, err):
        self.directory, self.pid, self.status = directory, pid, status
        self.out, self.err = out, err
        self.dumps = sorted(glob.glob(os.path.join(glob.escape(directory), "dumps", "*.tcore")))
        self.others = sorted(set(os.listdir(os.path.join(directory, "dumps"))) - {os.path.basename(path) for path in self.dumps})
        self.cores = glob.glob(os.path.join(glob.escape(directory), "core*"))

        self.core = None
        with contextlib.suppress(struct.error, lab.Failed):  # one that is cut has what it has
            self.core = Core(self.cores[0]) if self.cores else None

    def saved(self):
        """All dumps, also those that the hook made elsewhere, by its lines. Those must be moved before they can be forgotten."""
        for path in re.findall(r"^taskcore: (/dev/shm/.*\.tcore): ", self.err, re.M):
            if os.path.exists(path):
                shutil.move(path, self.directory)
        here = glob.escape(self.directory)
        return self.dumps + sorted(glob.glob(here + "/*.tcore") + glob.glob(here + "/jail/**/*.tcore", recursive=True))

    def signal(self):
        return self.status & 0x7F

    def lines(self):
        """The hook's."""
        return SAID.findall(self.err)[-5:]

    def told(self):
        """Its output without the hook's lines and without what is another one in each run."""
        err = SAID.sub("", self.err)
        return [re.sub(r"0x[0-9a-f]+|CHILD \d+|\d{3,}", "N", text.replace(os.path.basename(self.directory), "HERE")) for text in (self.out, err)]


@contextlib.contextmanager
def place_for(one):
    """A directory that the interpreter can see: its path from here, and from there."""
    root = one.root if one else ""
    with tempfile.TemporaryDirectory(dir=root + "/tmp", prefix="taskcore-crash.") as directory:
        os.chmod(directory, 0o755)
        os.mkdir(os.path.join(directory, "dumps"), 0o777)
        yield directory, directory[len(root) :]


# Cores as small as they can be: notes only (core(5), coredump_filter).
SHELL = ["sh", "-c", 'ulimit -c unlimited; echo 0 >/proc/self/coredump_filter; exec "$@"', "sh"]


class Lab:
    """One interpreter and a directory in it."""

    def __init__(self, built, one, directory, inside):
        self.built, self.one, self.directory, self.inside = built, one, directory, inside

    def copy(self, path):
        """The path of a library as the program sees it."""
        target = os.path.join(self.directory, os.path.basename(path))
        if not os.path.exists(target):
            shutil.copy(path, target)
        return os.path.join(self.inside, os.path.basename(path))

    def python(self, *words, options=()):
        return self.one.command[2 if self.one.root else 0 :] + list(options) + [self.one.place(TARGET)] + [str(word) for word in words]

    def target(self, kind, place, *more):
        return self.python(self.copy(self.built.module), kind, place, *more)

    def run(self, command, preload=(), uvloop=False, on_ready=None, prefix=(), wait_s=lab.WAIT_S, **env):
        """Run it to its end. preload: libraries, by their paths here; on_ready: called with the pid when it says READY; prefix: a command that
        runs it."""
        settings = {"TASKCORE_DIR": os.path.join(self.inside, "dumps"), "TASKCORE_MIN_INTERVAL_S": "0", "TASKCORE_MAX_FILES": "99999"}
        settings.update(PYTHONDONTWRITEBYTECODE="1", LIBC_FATAL_STDERR_="1", LD_PRELOAD=":".join(self.copy(path) for path in preload), **env)
        whole = ["env", "-C", self.inside] + ["%s=%s" % pair for pair in settings.items() if pair[1] is not None] + list(command)
        whole = SHELL + list(prefix) + whole
        if self.one and self.one.root:
            whole = interpreters.in_tree(self.one.root, whole)
        outside = self.one.environment(uvloop) if self.one else dict(os.environ)
        outside = {k: v for k, v in outside.items() if not k.startswith("TASKCORE_") and k != "LD_PRELOAD"}
        return self.follow(whole, outside, on_ready, wait_s)

    def follow(self, command, env, on_ready, wait_s):
        with open(os.path.join(self.directory, "stderr"), "w+b") as err, open(os.path.join(self.directory, "stdout"), "w+b") as out:
            process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if on_ready else out, stderr=err,
                                       cwd="/", start_new_session=True)
            try:
                text = b""
                if on_ready:
                    text = process.stdout.readline()
                    must(text == b"READY\n", "no READY: %r", text)
                    on_ready(process.pid)
                status = self.end_of(process, wait_s)
            finally:
                if process.returncode is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                await_true(lambda: not session(process.pid), "the end of those that it left", process.pid)
                if on_ready:
                    process.stdout.close()
            out.seek(0)
            err.seek(0)
            texts = [(text + out.read()).decode(errors="replace"), err.read().decode(errors="replace")]
        return Ran(self.directory, process.pid, status, *texts)

    @staticmethod
    def end_of(process, wait_s):
        """Its wait status, with the bit that says whether there is a core."""
        end = time.monotonic() + wait_s
        while True:
            pid, status = os.waitpid(process.pid, os.WNOHANG)
            if pid:
                process.returncode = status
                return status
            must(time.monotonic() < end, "it hangs")
            time.sleep(0.002)


@contextlib.contextmanager
def laboratory(built, one):
    with place_for(one) as (directory, inside):
        yield Lab(built, one, directory, inside)


def same_output(here, there):
    """What two runs told is the same, line by line."""
    for ours, plain in zip(here, there):
        ours, plain = ours.split("\n"), plain.split("\n")
        for n in range(max(len(ours), len(plain))):
            one, other = [lines[n] if n < len(lines) else None for lines in (ours, plain)]
            must(one == other, "it said, in line %d, %r, without the hook %r", n + 1, one, other)


def status_text(status):
    if status & 0x7F:
        return "%s%s" % (signal.Signals(status & 0x7F).name, " (core)" if status & 0x80 else "")
    return "exit %d" % (status >> 8)


# What the dump says.


def line_of(marker, path=TARGET):
    with open(path) as f:
        found = [n for n, line in enumerate(f, 1) if line.rstrip().endswith("# " + marker)]
    must(len(found) == 1, "%d lines with '# %s'", len(found), marker)
    return found[0]


def sealed(path):
    """The report of a dump that is whole: sealed, all sums right."""
    done = subprocess.run([lab.program("taskcore-analyze"), "check", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=lab.WAIT_S)
    must(done.returncode == 0, "check: %d: %s", done.returncode, done.stdout.decode(errors="replace")[-400:])
    found = lab.report(path)
    wrong = lab.schema_errors(found)
    must(not wrong, "the report is against its schema: %s", wrong[:3])
    counts = found["dump"]["counts"]
    must(counts["tasks"] == counts["read"] + counts["torn"] + counts["cut"], "sums: %s", counts)
    return found


def head_is(found, path, number, pid=None):
    """Name, reason and signal."""
    reason = SIGNALS[number]
    must(os.path.basename(path).endswith(".%s.tcore" % reason), "its name: %s", os.path.basename(path))
    head = found["dump"]
    must(head["reason"] == reason and head["signal"] == number, "reason %s, signal %s", head["reason"], head["signal"])
    must(pid is None or head["pid"] == pid, "process %s, not %s", head["pid"], pid)


def links(chain):
    return [(link["function"], link["line"]) for link in chain]


def waiters_are(found):
    """Each of the 20 tasks is there, waiting at its line."""
    line = line_of("the waiter")
    names = {task["name"]: links(task["chain"])[:1] for task in found["tasks"] if task["name"].startswith("waiter-")}
    wrong = {name: at for name, at in names.items() if at != [("wait", line)]}
    must(len(names) == WAITERS and not wrong, "%d of %d waiters; elsewhere: %s", len(names), WAITERS, wrong)


def crasher_is(found, place, function):
    """The task "crasher" runs, at its line, and below it the function where it crashed."""
    running = [task for task in found["tasks"] if task["state"] == "running"]
    must([task["name"] for task in running] == ["crasher"], "running: %s", [task["name"] for task in running])
    at = links(running[0]["chain"])
    must(at[0] == ("crash", line_of("the crasher")), "the task is at %s", at)
    must((function, line_of("here: " + place)) in at, "no %s, line %d, in %s", function, line_of("here: " + place), at)
    return running[0]
