# SPDX-License-Identifier: Apache-2.0
"""Servers under the hook: how tests start them, ask for dumps, put load on them and look at their processes."""
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(TOP, "tests", "dumper"), os.path.join(TOP, "tests")]
from common import LONG_S, Skip, TASKCORE, await_true, must, program, state  # noqa: E402
import interpreters  # noqa: E402

ANALYZE = program("taskcore-analyze")
PYPI = ["gunicorn==23.0.0", "uvicorn==0.35.0", "uvicorn-worker==0.3.0"]


def python():
    """Debian's own interpreter, for which the servers are packaged."""
    found = interpreters.find(["3.11-debian"])
    if not found:
        raise Skip("no interpreter 3.11-debian")
    return found[0]


def needs(*modules, path=None):
    """The command of an interpreter that has these modules; a module that is missing is a skip."""
    one = python()
    env = one.environment(False)
    if path:
        env["PYTHONPATH"] = path
    for module in modules:
        if not one.ask("import %s; print(1)" % module, env):
            raise Skip("no Python module %s (apt-get install python3-%s)" % (module, module))
    return one.command


def pypi():
    """A directory for PYTHONPATH with the servers of PYPI, fetched once by pip."""
    place = os.path.join(interpreters.cache(), "servers-" + "-".join(x.split("==")[1] for x in PYPI))
    if not os.path.isdir(place):
        pip, one = interpreters.pip_command(), python()
        if not pip:
            raise Skip("no pip for %s" % ", ".join(PYPI))
        part = "%s.%d" % (place, os.getpid())
        done = subprocess.run(
            pip + ["install", "-q", "--target", part, "--only-binary=:all:", "--implementation", "py", "--platform", "any",
                   "--python-version", one.minor, *PYPI],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise Skip("%s cannot be had: %s" % (", ".join(PYPI), done.stdout.strip().split("\n")[-1]))
        os.rename(part, place)
    return place


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def children(pid):
    """The pids of its children."""
    found = []
    for tid in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/children" % (pid, tid)) as f:
                found += [int(x) for x in f.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def comm(pid):
    with open("/proc/%d/comm" % pid) as f:
        return f.read().strip()


def phase(pid):
    """Its state; a process whose first thread has ended before another is not a zombie yet: nobody can reap it."""
    now = state(pid)
    return now if now not in "ZX" or len(os.listdir("/proc/%d/task" % pid)) == 1 else "S"


def dumpers(pid):
    """The states of the dumping children of a process: Z for one that has ended."""
    found = []
    for child in children(pid):
        try:
            if comm(child) == "taskcore-dump":
                found.append(phase(child))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def alive(pid):
    try:
        return phase(pid) not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def report(path):
    done = subprocess.run([ANALYZE, "report", path, "--format", "json"], capture_output=True, text=True, timeout=LONG_S)
    must(done.returncode == 0, "taskcore-analyze: %d: %s" % (done.returncode, done.stderr))
    return json.loads(done.stdout)


def ask(pid, text, condition, what, sig=signal.SIGUSR1):
    """Send a signal of the hook's when the last dump is over and wait for what it brings. A request may come an instant too early all
    the same, and is refused with a line (one in a second): it is made again."""
    await_true(lambda: not any(x != "Z" for x in dumpers(pid)), "the end of a dumping child")
    os.kill(pid, sig)
    sent = [time.monotonic()]

    def is_there():
        if condition():
            return True
        if time.monotonic() > sent[0] + 1.5 and not any(x != "Z" for x in dumpers(pid)):
            must("): a dump is under way" in text(), "no dump, no refusal: " + text()[-500:])
            sent[0] = time.monotonic()
            os.kill(pid, sig)
        return False

    await_true(is_there, what)


class Service:
    """A server that taskcore run starts in a session of its own; with hook=False started without.

    port: where it listens; the word PORT in its command stands for it. All that it prints goes to a file."""

    def __init__(self, directory, *command, hook=True, settings=(), ready=None, **env):
        self.dir, self.port, self.ready = directory, free_port(), ready
        self.dumps, self.log = os.path.join(directory, "dumps"), os.path.join(directory, "log")
        os.makedirs(self.dumps, exist_ok=True)
        words = [str(word).replace("PORT", str(self.port)) for word in command]
        wrap = [TASKCORE, "run", "--dir", self.dumps, "--max-files", "100000", *settings, "--"]
        self.command = (wrap if hook else []) + words
        self.env = dict(python().environment(False), PYTHONDONTWRITEBYTECODE="1", **env)

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.env,
                                            cwd=self.dir, start_new_session=True)
        self.pid = self.process.pid
        try:
            await_true(lambda: self.is_ready(), "an answer on port %d" % self.port)
        except BaseException as why:
            self.__exit__()
            raise AssertionError("%s\n%s" % (why, self.text()[-2000:]))
        return self

    def is_ready(self):
        must(self.process.poll() is None, "the server ended with %s" % self.process.returncode)
        if self.ready:
            return self.ready in self.text()
        try:
            return bool(self.ask())
        except OSError:
            return False

    def __exit__(self, *_):
        """All of its session, also who was started late or has left the group."""
        for _ in range(50):
            left = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self.is_ours(pid)]
            if not left:
                break
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.poll()
            time.sleep(0.02)
        self.process.wait()

    def is_ours(self, pid):
        try:
            with open("/proc/%d/stat" % pid) as f:
                words = f.read().rpartition(")")[2].split()
            return int(words[3]) == self.pid and words[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def ask(self, path="x"):
        with urllib.request.urlopen("http://127.0.0.1:%d/%s" % (self.port, path), timeout=LONG_S) as answer:
            return json.loads(answer.read())

    def found(self, pid=None):
        """The dumps there are: (pid, reason, path), in the order of their names."""
        rows = []
        for name in sorted(os.listdir(self.dumps)):
            words = name.split(".")
            if name.endswith(".tcore") and (pid is None or int(words[-5]) == pid):
                rows.append((int(words[-5]), words[-2], os.path.join(self.dumps, name)))
        return rows

    def kill(self, pid, sig=signal.SIGUSR1, n=1):
        """Send a signal of the hook's; wait for the n-th new dump of that process. Its path."""
        before, fresh = {row[2] for row in self.found(pid)}, []

        def is_there():
            fresh[:] = [row[2] for row in self.found(pid) if row[2] not in before]
            return len(fresh) >= n

        ask(pid, self.text, is_there, "a dump of process %d: %s" % (pid, self.text()[-500:]), sig)
        return fresh[-1]

    def signal(self, pid):
        """taskcore signal; the path of the dump."""
        done = subprocess.run([TASKCORE, "signal", str(pid)], capture_output=True, text=True, timeout=LONG_S)
        must(done.returncode == 0 and done.stdout, "taskcore signal: %d: %s" % (done.returncode, done.stderr))
        return done.stdout.strip()

    def dump(self, pid, number):
        """A dump, by one way or the other."""
        return self.kill(pid) if number % 2 else self.signal(pid)


class Load:
    """The load on a port, from a process of its own (tests/soak/client.py)."""

    def __init__(self, port, connections=20, rest_ms=5):
        client = os.path.join(TOP, "tests", "soak", "client.py")
        self.process = subprocess.Popen([sys.executable, client, str(port), str(connections), str(rest_ms)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def ask(self):
        """requests, failed, p50_ms, p99_ms, max_ms since the last time."""
        self.process.stdin.write("\n")
        return json.loads(self.process.stdout.readline())

    def flow(self, requests=500):
        """Wait until so many requests were answered; how many failed."""
        done = failed = 0
        while done < requests:
            told = self.ask()
            done, failed = done + told["requests"], failed + told["failed"]
            time.sleep(0.01)
        return failed
