# SPDX-License-Identifier: Apache-2.0
"""Tests of `taskcore dump` on processes in odd states: what it answers, and that it leaves them as they were. run.py runs them."""
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402

ODD = os.path.join(lab.HERE, "odd.py")
SEIZE = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
assert libc.ptrace(0x4206, int(sys.argv[1]), None, None) == 0, ctypes.get_errno()
print("seized", flush=True)
sys.stdin.read()
"""


def must(true, text):
    if not true:
        raise lab.Failed(text)


def state(pid):
    with open("/proc/%d/stat" % pid) as f:
        return f.read().rpartition(")")[2].split()[0]


def wait_for_state(pid, letters):
    end = time.monotonic() + 10
    while state(pid) not in letters:
        must(time.monotonic() < end, "the target is in state %s, not %s" % (state(pid), letters))
        time.sleep(0.01)


def holds_lonely(path):
    """The dump is whole and holds the one task; returns the report."""
    report = lab.report(path)
    must(
        [t["name"] for t in report["tasks"]] == ["lonely"],
        "tasks: %r" % [t["name"] for t in report["tasks"]],
    )
    must(
        report["tasks"][0]["chain"][-1]["function"].endswith("wait"),
        "chain: %r" % report["tasks"][0]["chain"],
    )
    must(report["dump"]["complete"] is True, "the dump is not complete")
    return report


def refused(pid, code, *options):
    """dump ends with this exit code, one line on stderr, and no file."""
    with lab.Scratch() as scratch:
        seen, text = lab.dump(pid, scratch.file(), *options)
        must(seen == code, "exit code %d, must be %d: %s" % (seen, code, text))
        must(len(text.split("\n")) == 1 and len(text) > 10, "not one line: %r" % text)
        must(not os.listdir(scratch.path), "a file is left: %r" % os.listdir(scratch.path))
    return text


def test_no_leader(one):
    with lab.Target(one, ODD, "no-leader") as target, lab.Scratch() as scratch:
        wait_for_state(target.pid, "Z")
        lab.dumped(target.pid, scratch.file())
        holds_lonely(scratch.file())


def test_uninterruptible(one):
    with lab.Target(one, ODD, "uninterruptible") as target, lab.Scratch() as scratch:
        wait_for_state(target.pid, "D")
        lab.dumped(target.pid, scratch.file())
        report = holds_lonely(scratch.file())
        must("D" in [t["state"] for t in report["threads"]], "no thread in state D")


def test_stopped(one):
    """A process that was stopped stays stopped, with and without --stop."""
    with lab.Target(one, ODD, "plain") as target, lab.Scratch() as scratch:
        os.kill(target.pid, signal.SIGSTOP)
        wait_for_state(target.pid, "T")
        for options in ([], ["--stop"]):
            lab.dumped(target.pid, scratch.file(), *options)
            holds_lonely(scratch.file())
            wait_for_state(target.pid, "T")
        os.kill(target.pid, signal.SIGCONT)
        wait_for_state(target.pid, "S")


def test_traced(one):
    """Traced by another: read without --stop, refused with it."""
    with lab.Target(one, ODD, "plain") as target, lab.Scratch() as scratch:
        tracer = subprocess.Popen(
            [sys.executable, "-c", SEIZE, str(target.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            must(tracer.stdout.readline() == b"seized\n", "could not trace the target")
            lab.dumped(target.pid, scratch.file())
            holds_lonely(scratch.file())
            refused(target.pid, 4, "--stop")
        finally:
            tracer.kill()
            tracer.communicate()


def test_no_asyncio(one):
    with lab.Target(one, ODD, "no-asyncio") as target, lab.Scratch() as scratch:
        target.settle()
        lab.dumped(target.pid, scratch.file())
        report = lab.report(scratch.file())
    must(
        report["tasks"] == [] and report["dump"]["counts"]["tasks"] == 0,
        "tasks: %r" % report["tasks"],
    )
    must(
        any(
            f.get("function", "").endswith("wait")
            for t in report["threads"]
            for f in t.get("python") or []
        ),
        "no thread with its frames: %r" % report["threads"],
    )


def test_no_python():
    process = subprocess.Popen(["sleep", "1000"])
    try:
        time.sleep(0.1)
        return refused(process.pid, 3)
    finally:
        process.kill()
        process.wait()


def test_zombie():
    process = subprocess.Popen(["true"])
    try:
        wait_for_state(process.pid, "Z")
        return refused(process.pid, 5)
    finally:
        process.wait()


def test_gone():
    process = subprocess.Popen(["true"])
    process.wait()
    return refused(process.pid, 5)


def test_other_user(one):
    """Another user's dumper is refused with the cause."""
    if os.geteuid() != 0:
        raise lab.Missing("only root can become another user")
    with lab.Target(one, ODD, "plain") as target, lab.Scratch() as scratch:
        os.chmod(scratch.path, 0o777)
        with open(lab.program("taskcore"), "rb") as f, open(scratch.file("taskcore"), "wb") as copy:
            copy.write(f.read())
        os.chmod(scratch.file("taskcore"), 0o755)

        def become_nobody():
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

        done = subprocess.run(
            [scratch.file("taskcore"), "dump", str(target.pid), "-o", scratch.file()],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=become_nobody,
            cwd=scratch.path,
        )
        text = done.stderr.decode().strip()
        must(done.returncode == 4, "exit code %d, must be 4: %s" % (done.returncode, text))
        must(len(text.split("\n")) == 1 and len(text) > 10, "not one line: %r" % text)
        must(not os.path.exists(scratch.file()), "a file is left")
    return text


def footprint(pid):
    """What must not change when a process is read: page tables, swap, faults."""
    with open("/proc/%d/status" % pid) as f:
        found = dict(re.findall(r"^(VmPTE|VmSwap|VmRSS):\s*(\d+)", f.read(), re.M))
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rpartition(")")[2].split()
    return dict(found, minor=fields[7], major=fields[9])


def test_no_trace(one):
    """64 GiB reserved and 1 MiB used: nothing becomes present by our reading."""
    with lab.Target(one, ODD, "reserved") as target, lab.Scratch() as scratch:
        target.settle()
        before = footprint(target.pid)
        for _ in range(3):
            lab.dumped(target.pid, scratch.file())
        after = footprint(target.pid)
        holds_lonely(scratch.file())
    must(before == after, "before %r, after %r" % (before, after))
    return "%(VmPTE)s KiB of page tables, %(minor)s faults" % after


def tests(one):
    """(name, function, arguments) as in run.py."""
    yield "leader thread gone: read through a living one", test_no_leader, (one,)
    yield "in uninterruptible sleep: a full dump", test_uninterruptible, (one,)
    yield "stopped: a full dump, and it stays stopped", test_stopped, (one,)
    yield "traced: a full dump without --stop, exit code 4 with it", test_traced, (one,)
    yield "Python without asyncio: a dump with threads", test_no_asyncio, (one,)
    yield "no Python: exit code 3, one line, no file", test_no_python, ()
    yield "zombie: exit code 5, one line, no file", test_zombie, ()
    yield "process gone: exit code 5, one line, no file", test_gone, ()
    yield "process of another user: exit code 4, one line, no file", test_other_user, (one,)
    yield "64 GiB reserved: page tables, swap and fault counters stay as they were", test_no_trace, (
        one,
    )
