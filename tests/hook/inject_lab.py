# SPDX-License-Identifier: Apache-2.0
"""Starts work.py under the hook, sends it signals and keeps the books: every signal sent is a sealed file or a refusal that was told."""
import collections
import ctypes
import os
import re
import select
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import inside  # noqa: E402
import lab  # noqa: E402
from lab import interpreters  # noqa: E402,F401

WORK = os.path.join(HERE, "work.py")
PARKED = 70
DISAGREED = "own counts of tasks did not match"
SEALED = re.compile(r"taskcore: (/.*\.tcore): (\d+) tasks?, \d+ bytes, paused [0-9.]+ ms$")
REFUSED = re.compile(r"taskcore: (?:refused|no dump) \([^)]*\): .*?(?:; (\d+) requests since the last such line)?$")
COOKIE = 0x7443 << 48 | 1 << 40
SYS_TGKILL, SYS_RT_SIGQUEUEINFO, SYS_RT_TGSIGQUEUEINFO = 234, 129, 297  # x86-64
libc = ctypes.CDLL(None, use_errno=True)


class SigInfo(ctypes.Structure):
    """siginfo_t of a queued signal."""

    _fields_ = [
        ("signo", ctypes.c_int),
        ("errno", ctypes.c_int),
        ("code", ctypes.c_int),
        ("pad", ctypes.c_int),
        ("pid", ctypes.c_int),
        ("uid", ctypes.c_uint),
        ("value", ctypes.c_ulong),
        ("rest", ctypes.c_char * 96),
    ]


def queued(sig, cookie):
    return SigInfo(signo=sig, code=-1, pid=os.getpid(), uid=os.getuid(), value=cookie)


def says_disagreed(path):
    """Whether the dump itself says that tasks may be missing: the set of tasks was just being resized, at the second try too."""
    return os.path.exists(path) and any(DISAGREED in text for text in lab.report(path)["dump"]["truncated"])


class Work(inside.Target):
    """work.py with preloaded libraries. unsafe: what unsafe.so, in place of the hook, does in its handler."""

    stdin = subprocess.PIPE

    def __init__(self, one, dumps, *options, freeze="auto", unsafe=None, program=WORK):
        self.libraries = {}
        for name in ("inject.so", "inject_module.so", "unsafe.so"):
            shutil.copy(lab.program(name), dumps.top)
            self.libraries[name] = dumps.inside(name)
        settings = {"TASKCORE_MAX_FILES": "1000000", "TASKCORE_MAX_BYTES": "1000000000000"}
        options += ("--module", self.libraries["inject_module.so"])
        super().__init__(one, program, *options, dumps=dumps, freeze=freeze, settings=settings)
        preload = [self.libraries["inject.so"]]
        at = self.command.index(dumps.inside("taskcore"))
        if unsafe:
            preload.insert(0, self.libraries["unsafe.so"])
            self.env["UNSAFE"] = unsafe
            del self.command[at : self.command.index("--", at) + 1]
        # Not in env: what stands before the command may be in another tree.
        self.command[at:at] = ["/usr/bin/env", "LD_PRELOAD=" + ":".join(preload)]
        # "rep stosb" would be as many steps as it fills bytes (step.c).
        self.env["GLIBC_TUNABLES"] = "glibc.cpu.x86_rep_stosb_threshold=1000000"
        self.seen_bytes, self.part = 0, b""
        self.sealed = self.refused = self.sent = self.unsure = self.checked = 0
        self.strange, self.tasks, self.told_short = [], collections.Counter(), 0
        self.check_every = 1

    def new_lines(self):
        """Whole lines of standard error since the last look; by pread, since the file's offset is the target's too."""
        more = os.pread(self.errors.fileno(), 1 << 20, self.seen_bytes)
        self.seen_bytes += len(more)
        *lines, self.part = (self.part + more).split(b"\n")
        return [line.decode(errors="replace") for line in lines]

    def said(self):
        return os.pread(self.errors.fileno(), 1 << 26, 0).decode(errors="replace")

    def collect(self):
        """Read what the hook said; check and delete the files. Returns how many answers that were."""
        before = self.sealed + self.refused
        for line in self.new_lines():
            sealed, refused = SEALED.match(line), REFUSED.match(line)
            if sealed:
                self.sealed += 1
                self.last_tasks = int(sealed.group(2))
                path = self.dumps.one.root + sealed.group(1)
                if ".%d." % self.pid in sealed.group(1):  # not a forked child, which may have none
                    if self.last_tasks < PARKED and says_disagreed(path):
                        self.told_short += 1
                    else:
                        self.tasks[self.last_tasks] += 1
                if os.path.dirname(path) != self.dumps.path:
                    self.strange.append("not in TASKCORE_DIR: " + line)
                self.retire(path)
            elif refused:
                self.refused += int(refused.group(1) or 1)
            elif not line.startswith("inject: ") or "calls" in line:
                self.strange.append(line)
            else:
                self.note(line)
        return self.sealed + self.refused - before

    def note(self, line):
        """Something that the injector says."""

    def retire(self, path):
        if not os.path.exists(path):
            self.strange.append("said, and not there: " + path)
            return
        if self.sealed % self.check_every == 0:
            done = subprocess.run(
                [lab.program("taskcore-analyze"), "check", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=lab.WAIT_S
            )
            self.checked += 1
            if done.returncode != 0:
                self.strange.append(done.stdout.decode(errors="replace").strip())
        os.unlink(path)

    # Signals.

    def private_signal(self):
        with open("/proc/%d/maps" % self.pid) as maps:
            return int(re.search(r"/memfd:taskcore:1:\d+:(\d+):", maps.read()).group(1))

    def pending(self, tid, sig, field="SigPnd"):
        """Whether the signal waits for this thread (or, field ShdPnd, for any); None: the thread is gone."""
        try:
            with open("/proc/%d/task/%d/status" % (self.pid, tid)) as status:
                mask = int(re.search(field + r":\s*([0-9a-f]+)", status.read()).group(1), 16)
        except (FileNotFoundError, ProcessLookupError, AttributeError):
            return None
        return bool(mask >> (sig - 1) & 1)

    def await_taken(self, tid, sig, field="SigPnd"):
        """Until the signal was delivered: a standard signal that is pending swallows the next. False: the thread ended first."""
        end = time.monotonic() + lab.WAIT_S
        while time.monotonic() < end:
            self.lives()
            waits = self.pending(tid, sig, field)
            if not waits:
                return waits is False
        raise lab.Failed("the signal was not taken by thread %d" % tid)

    def lives(self):
        if self.process.poll() is not None:
            raise lab.Failed("the target ended with %d: %s" % (self.process.returncode, self.said()[-600:]))

    def send_thread(self, tid, sig):
        """USR1, to one thread. One that ends may take the signal with it: then we cannot know."""
        if libc.syscall(SYS_TGKILL, self.pid, tid, sig) != 0:
            return
        self.sent += 1
        self.unsure += not self.await_taken(tid, sig)

    def send_process(self, sig):
        os.kill(self.pid, sig)
        self.sent += 1
        self.await_taken(self.pid, sig, "ShdPnd")

    def send_private(self, sig, cookie, tid=None):
        info = queued(sig, cookie)
        if tid is None:
            r = libc.syscall(SYS_RT_SIGQUEUEINFO, self.pid, sig, ctypes.byref(info))
        else:
            r = libc.syscall(SYS_RT_TGSIGQUEUEINFO, self.pid, tid, sig, ctypes.byref(info))
        if r == 0:
            self.sent += 1

    def balance(self, private):
        """Wait until all signals sent are answered for. Refusals are told once a second at most: a new one, of
        the second of two signals at once, brings out the rest."""
        end = time.monotonic() + lab.WAIT_S
        quiet = time.monotonic()
        while not self.sent - self.unsure <= self.sealed + self.refused <= self.sent:
            self.lives()
            if self.collect():
                quiet = time.monotonic()
            elif time.monotonic() > end:
                raise lab.Failed(
                    "%d signals sent, %d sealed, %d refused, %d not to be known" % (self.sent, self.sealed, self.refused, self.unsure)
                )
            elif time.monotonic() > quiet + 1.5:
                self.send_private(private, COOKIE | self.sent)
                self.send_private(private, COOKIE | self.sent)
                quiet = time.monotonic()
            time.sleep(0.005)

    # The end.

    def tell(self):
        """Let it end its rounds."""
        try:
            self.process.stdin.write(b"end\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, which whoever waits for its rounds will find

    def follow(self, pattern, wait_s=lab.WAIT_S):
        """What it prints until the pattern comes; the hook's lines are read meanwhile."""
        text, end = b"", time.monotonic() + wait_s
        while not re.search(pattern, text):
            if select.select([self.process.stdout], [], [], 0.02)[0]:
                more = os.read(self.process.stdout.fileno(), 1 << 16)
                if not more:
                    self.process.wait(lab.WAIT_S)
                    raise lab.Failed("the target ended with %d: %s" % (self.process.returncode, self.said()[-600:]))
                text, end = text + more, time.monotonic() + wait_s
            elif time.monotonic() > end:
                raise lab.Failed("hangs: " + self.where())
            self.collect()
        return text.decode()

    def await_rounds(self, wait_s=lab.WAIT_S):
        """(rounds, wrong ones). Books where the injector raised the signal; of a forked child's refusals the last may stay untold."""
        text = self.follow(rb"ROUNDS \d+ WRONG \d+\n", wait_s)
        places = re.search(r"PLACES (\d+) (\d+)", text)
        if places:
            self.sent, self.unsure = map(int, places.groups())
        return tuple(map(int, re.search(r"ROUNDS (\d+) WRONG (\d+)", text).groups()))

    def end(self):
        """The end of the interpreter, too."""
        self.process.stdin.close()
        try:
            code = self.process.wait(lab.WAIT_S)
        except subprocess.TimeoutExpired:
            raise lab.Failed("hangs in its end: " + self.where())
        self.collect()
        if code != 0:
            raise lab.Failed("it ended with %d: %s" % (code, self.said()[-600:]))
        if self.dumps.unfinished():
            raise lab.Failed("left behind: %s" % self.dumps.unfinished()[:5])
        if self.strange:
            raise lab.Failed("\n".join(self.strange[:10]))

    def where(self):
        """What its threads do, for whoever reads of a hang."""
        text = []
        for tid in os.listdir("/proc/%d/task" % self.pid):
            for name in ("syscall", "wchan", "status"):
                try:
                    with open("/proc/%d/task/%s/%s" % (self.pid, tid, name)) as file:
                        text.append(tid + " " + " ".join(x for x in file.read().split("\n") if name != "status" or x[:3] in ("Sig", "Sta")))
                except (FileNotFoundError, ProcessLookupError):
                    pass
        return "\n".join(text)

    def __exit__(self, *_):
        if not self.process.stdin.closed:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass
        super().__exit__()


