# SPDX-License-Identifier: Apache-2.0
"""Starts target programs, dumps them and reads the reports: what all tests that use real interpreters share.

The two programs under test are taken from $TASKCORE and $TASKCORE_ANALYZE, else from $TASKCORE_BUILD or the current directory,
else from the top of this tree."""
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))
import interpreters  # noqa: E402

WAIT_S = 120  # the longest that anything may take before it counts as hung


class Failed(Exception):
    """A program under test, or a target, did not do what it must."""


class Missing(Exception):
    """The test cannot run here; the text says why."""


def program(name):
    told = os.environ.get(name.upper().replace("-", "_"))
    if told:
        return told
    for place in (os.environ.get("TASKCORE_BUILD"), os.getcwd(), TOP):
        if place and os.access(os.path.join(place, name), os.X_OK):
            return os.path.abspath(os.path.join(place, name))
    raise Failed("%s is not built (set TASKCORE_BUILD)" % name)


class Target:
    """A program that runs until the end of a with block. lines: what it printed before READY."""

    stdin = subprocess.DEVNULL

    def __init__(self, one, path, *options, uvloop=False, helpers=()):
        for helper in helpers:
            one.place(helper)
        self.command = one.command + [one.place(path)] + list(options)
        self.env = one.environment(uvloop)
        self.lines = []

    def __enter__(self):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            self.command,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            stdin=self.stdin,
            env=self.env,
            cwd="/tmp",
            start_new_session=True,
        )
        try:
            self.read_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def read_until_ready(self):
        end, buffer = time.monotonic() + WAIT_S, b""
        while b"READY" not in buffer or not buffer.endswith(b"\n"):
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise Failed("no READY from " + " ".join(self.command))
            more = os.read(self.process.stdout.fileno(), 1 << 20)
            if not more:
                self.errors.seek(0)
                raise Failed(
                    "ended before READY: "
                    + self.errors.read().decode(errors="replace").strip()[-400:]
                )
            buffer += more
        self.lines = [line for line in buffer.decode().split("\n") if line]
        last = self.lines.pop()
        self.pid = int(last.partition("pid=")[2] or self.process.pid)

    def thread_state(self, tid):
        with open("/proc/%d/task/%s/stat" % (self.pid, tid)) as stat, open(
            "/proc/%d/task/%s/schedstat" % (self.pid, tid)
        ) as sched:
            return tid, stat.read().rpartition(")")[2].split()[0], sched.read()

    def settle(self):
        """Wait until the process sleeps: it said READY a moment before it did."""
        end, before = time.monotonic() + WAIT_S, None
        while time.monotonic() < end:
            try:
                now = [self.thread_state(tid) for tid in os.listdir("/proc/%d/task" % self.pid)]
            except (FileNotFoundError, ProcessLookupError):
                continue  # a thread ended between two looks
            if now == before and all(state in "SDTtZ" for _, state, _ in now):
                return
            before = now
            time.sleep(0.05)
        raise Failed("the target does not come to rest")

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except OSError:
            pass
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


class Scratch:
    """A directory for dumps that is gone after the with block."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="taskcore-e2e.")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def file(self, name="dump.tcore"):
        return os.path.join(self.path, name)


def dump(pid, path, *options):
    """taskcore dump; returns (exit code, stderr). A file of an earlier dump is removed first."""
    if os.path.exists(path):
        os.unlink(path)
    done = subprocess.run(
        [program("taskcore"), "dump", str(pid), "-o", path] + list(options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=WAIT_S,
    )
    return done.returncode, done.stderr.decode(errors="replace").strip()


def dumped(pid, path, *options):
    """As dump, but anything but success is a failure."""
    code, text = dump(pid, path, *options)
    if code != 0:
        raise Failed("taskcore dump: exit code %d: %s" % (code, text))


def report(path, form="json"):
    """taskcore-analyze FILE --format FORM; the JSON decoded, everything else as bytes."""
    done = subprocess.run(
        [program("taskcore-analyze"), path, "--format", form],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=WAIT_S,
    )
    if done.returncode != 0:
        raise Failed(
            "taskcore-analyze --format %s: exit code %d: %s"
            % (form, done.returncode, done.stderr.decode(errors="replace").strip()[-400:])
        )
    return json.loads(done.stdout) if form == "json" else done.stdout


def schema_errors(found):
    """What of a JSON report is against its schema, one text each; nothing where jsonschema 4 is not installed."""
    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        return []
    with open(os.path.join(TOP, "docs", "report.schema.json")) as f:
        validator = Draft202012Validator(json.load(f))
    return [
        "schema: %s: %s" % ("/".join(str(x) for x in e.absolute_path), e.message[:300])
        for e in validator.iter_errors(found)
    ]
