#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nobody sees the child that makes the dump: not PID 1, not a child sub-reaper, not who is under one, not the next owner of the port.

  reapers.py [PATTERN…]

PATTERN: only tests whose name holds it. Prints TAP."""
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from service import Service, ask, Skip, alive, await_true, children, comm, dumpers, must, needs, python  # noqa: E402
from common import LONG_S, TASKCORE, field, run, state  # noqa: E402

NOW = ("--min-interval-s", "0")
ROUNDS = 8  # how often a program is killed in mid-dump
MANY = 80000  # tasks: the child works for a while


def begun(pid, text):
    """Begin a dump of a process by SIGUSR1; the pid of the child that makes it, as soon as it has its name."""
    before, found = set(children(pid)), []

    def is_there():
        found[:] = [x for x in children(pid) if x not in before and named(x)]
        return bool(found)

    ask(pid, text, is_there, "a dumping child of process %d" % pid)
    return found[0]


def named(pid):
    try:
        return comm(pid) == "taskcore-dump"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Reaped:
    """reaped_target.py under the hook, under reaper.py if wanted."""

    def __init__(self, directory, tasks, *words, freeze="snapshot", reaper=False, **env):
        self.dumps, self.errors = os.path.join(directory, "dumps"), os.path.join(directory, "errors")
        os.makedirs(self.dumps, exist_ok=True)
        one = python()
        self.command = [TASKCORE, "run", "--dir", self.dumps, "--max-files", "100000", *NOW, "--", *one.command,
                        os.path.join(HERE, "reaped_target.py"), str(tasks), *words]
        if reaper:
            self.command = one.command + [os.path.join(HERE, "reaper.py")] + self.command
        self.env = dict(one.environment(False), TASKCORE_FREEZE=freeze, **env)

    def __enter__(self):
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
                                            env=self.env, start_new_session=True)
        found = re.match(r"READY pid=(\d+) port=(\d+)", self.process.stdout.readline())
        must(found, "the target did not start: " + self.text())
        self.pid, self.port = int(found.group(1)), int(found.group(2))
        return self

    def __exit__(self, *_):
        for pid in (self.pid, self.process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.communicate()

    def text(self):
        with open(self.errors) as f:
            return f.read()

    def tell(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def seen(self):
        self.tell("seen")
        return json.loads(self.process.stdout.readline())

    def files(self):
        return [name for name in os.listdir(self.dumps) if name.endswith(".tcore")]

    def dump(self):
        """A dump by the signal, sealed."""
        n = len(self.files())
        ask(self.pid, self.text, lambda: len(self.files()) > n, "a dump: " + self.text())

    def child(self):
        """Begin a dump; the pid of the child that makes it, as soon as it can be seen."""
        return begun(self.pid, self.text)


def nobody(seen):
    looks = seen.pop("looks")
    must(looks > 0, "nobody looked")
    must(seen == {"waitpid": [], "waitpid_blocking": [], "waitid": [], "sigchld": 0}, "seen: %s" % seen)


def zombies(pid):
    """Children that have ended, of whatever name."""
    found = 0
    for child in children(pid):
        try:
            found += state(child) == "Z"
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def unseen(directory, freeze, *words):
    with Reaped(directory, 2000, *words, freeze=freeze) as target:
        for _ in range(30):
            target.dump()
            must(zombies(target.pid) <= 1, "%d zombies" % zombies(target.pid))
        nobody(target.seen())


def test_unseen_snapshot(directory):
    """a program that waits for any child sees none of a dump from a copy, and no SIGCHLD; at most one zombie is left"""
    unseen(directory, "snapshot")


def test_unseen_place(directory):
    """the same when it was read in place"""
    unseen(directory, "place")


def test_unseen_subreaper(directory):
    """the same as child sub-reaper, both ways"""
    for freeze in ("snapshot", "place"):
        unseen(os.path.join(directory, freeze), freeze, "subreaper")


def test_unseen_killed_child(directory):
    """the same when the child is killed, stopped, or hit by SIGSEGV, both ways; the program can be dumped afterwards"""
    for freeze in ("snapshot", "place"):
        with Reaped(os.path.join(directory, freeze), MANY, "subreaper", freeze=freeze) as target:
            for sig in (signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGTERM, signal.SIGKILL, signal.SIGILL):
                child = target.child()
                try:
                    os.kill(child, sig)
                except ProcessLookupError:
                    pass
                await_true(lambda: not alive(child), "the end of the child")
            target.dump()
            nobody(target.seen())
            left = [name for name in os.listdir(target.dumps) if name.endswith(".tmp")]
            must(len(left) <= 1, "left behind: %s" % left)


def refusals(directory, freeze):
    """Requests that come while a dump is made."""
    with Reaped(directory, 20000, freeze=freeze) as target:
        end, most = time.monotonic() + 3, 0
        while time.monotonic() < end:
            os.kill(target.pid, signal.SIGUSR1)
            most = max(most, zombies(target.pid))
        must("refused (usr1)" in target.text(), "no request was refused")
        for _ in range(3):  # the first may be one of the storm's, and the second meet what is left of that
            target.dump()
            await_true(lambda: not any(x != "Z" for x in dumpers(target.pid)), "the end of the children")
        must(zombies(target.pid) <= 1, "%d zombies after it" % zombies(target.pid))
        nobody(target.seen())
        return most


def test_zombies_of_refusals(directory):
    """a storm of requests, of which most are refused, leaves three zombies at most (two dumps, a refusal); the next dump reaps them"""
    counts = [refusals(os.path.join(directory, freeze), freeze) for freeze in ("snapshot", "place")]
    must(max(counts) <= 3, "%s zombies at once, from a copy and in place" % counts)


def under_reaper(directory, freeze, word):
    """What the sub-reaper above says after dumps and the end of the target."""
    with Reaped(directory, 2000, freeze=freeze, reaper=True) as target:
        for _ in range(10):
            target.dump()
        await_true(lambda: not any(x != "Z" for x in dumpers(target.pid)), "the end of the last child")
        must("REAPED" not in target.text(), target.text())
        nobody(target.seen())
        target.tell(word)
        target.process.wait(LONG_S)
        return [line for line in target.text().splitlines() if "REAPED" in line], target.pid


def test_under_subreaper(directory):
    """under a child sub-reaper: it sees the program end and nobody else, whether that ended by exit or _exit"""
    for freeze in ("snapshot", "place"):
        for word in ("exit", "_exit"):
            lines, pid = under_reaper(os.path.join(directory, freeze + word), freeze, word)
            must(lines == ["REAPED %d 0" % pid, "REAPED nobody"], "%s, %s: %s (the program was %d)" % (freeze, word, lines, pid))


def killed_in_dump(directory, freeze, rounds):
    """The program is killed at a random instant of a dump: who holds its port, and what sees its reaper?"""
    orphans = 0
    for number in range(rounds):
        with Reaped(os.path.join(directory, "%s-%d" % (freeze, number)), MANY, freeze=freeze, reaper=True) as target:
            child = target.child()
            await_true(lambda: not alive(child) or comm(child) == "taskcore-dump", "the child's name")
            time.sleep(random.random() * 0.05)
            os.kill(target.pid, signal.SIGKILL)
            await_true(lambda: "REAPED %d 9\n" % target.pid in target.text(), "the end of the program")
            with socket.socket() as successor:
                successor.bind(("127.0.0.1", target.port))
                successor.listen()
            target.process.wait(LONG_S)
            others = [line for line in target.text().splitlines() if "REAPED" in line and str(target.pid) not in line]
            must(others in (["REAPED nobody"], ["REAPED %d 0" % child, "REAPED nobody"]), "%s" % others)
            orphans += len(others) - 1
            must(not [x for x in target.files() if x.endswith(".tmp")], "left behind: %s" % target.files())
    return orphans


def test_killed_in_dump(directory):
    """killed in mid-dump: a successor binds the port at once; the orphaned child ends by itself, with status 0"""
    for freeze in ("snapshot", "place"):
        orphans = killed_in_dump(directory, freeze, ROUNDS)
        print("# %s: %d killed, their ports bound, %d orphans with status 0" % (freeze, ROUNDS, orphans), flush=True)


# gunicorn as PID 1

class PidOne(Service):
    """gunicorn 20.1 as PID 1 of a pid namespace. pid: of gunicorn as we see it. workers() the same. Its dump directory, working
    directory and /dev/shm are small file systems of their own if size is given."""

    def __init__(self, directory, *options, size=None, **env):
        if os.geteuid() != 0 or not shutil.which("unshare"):
            raise Skip("needs root and unshare")
        command = needs("gunicorn", "uvicorn")
        super().__init__(directory, *command, "-m", "gunicorn", "-w", "2", "-k", "uvicorn.workers.UvicornWorker", "-b",
                         "127.0.0.1:PORT", "-c", os.path.join(HERE, "gunicorn_conf.py"), *options, "asgi_app:app",
                         settings=NOW, PYTHONPATH=HERE, **env)
        mounts = "".join("mount -t tmpfs -o size=%s none '%s' && " % (size, x)
                         for x in (self.dumps, "/dev/shm", os.path.join(directory, "cwd")) if size)
        if size:
            os.mkdir(os.path.join(directory, "cwd"))
            mounts += "cd '%s' && " % os.path.join(directory, "cwd")
        self.command = ["unshare", "--fork", "--pid", "--mount-proc", "--kill-child", "sh", "-c", mounts + 'exec "$@"', "sh"] + self.command

    def __enter__(self):
        super().__enter__()
        self.unshare = self.pid
        self.pid = children(self.unshare)[0]
        try:
            must(field(self.pid, "NSpid").split()[-1] == "1", "not PID 1")
            await_true(lambda: self.text().count("Application startup complete") == 2, "the workers")
            self.lines = len(self.text().splitlines())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.pid = getattr(self, "unshare", self.pid)
        super().__exit__()

    def found(self, pid=None):
        """As those of Service; the name of a dump has the pid that its process has itself."""
        return super().found(pid and int(field(pid, "NSpid").split()[-1]))

    def workers(self):
        return sorted(pid for pid in children(self.pid) if alive(pid) and comm(pid) != "taskcore-dump")

    def news(self):
        """What was printed since the start and is not a line of the hook's, nor of a signal that was sent to gunicorn itself."""
        return [line for line in self.text().splitlines()[self.lines :]
                if not line.startswith("taskcore: ") and "Handling signal: usr1" not in line]

    def begin(self, pid):
        """Have a process dumped by SIGUSR1; the pid of the child."""
        return begun(pid, self.text)

    def must_be_well(self, workers):
        must(self.ask()["sum"] == 6, "no answer")
        must(self.workers() == workers, "workers %s, not %s: %s" % (self.workers(), workers, self.news()))
        must(self.news() == [], "printed: %s" % self.news())
        for pid in [self.pid] + workers:
            must(zombies(pid) <= 3, "%d zombies of process %d" % (zombies(pid), pid))  # of requests one upon the other


def injected(directory, inject, *options, **env):
    """Hit the dumping child of PID 1 and of a worker, with both ways of freezing."""
    for freeze in ("snapshot", "place"):
        place = os.path.join(directory, freeze)
        os.mkdir(place)
        with PidOne(place, TASKCORE_FREEZE=freeze, GUNICORN_TASKS=str(MANY), **env) as service:
            workers = service.workers()
            for pid in (service.pid, workers[0], service.pid, workers[1]):
                # the master forwards the signal; its workers are done soon
                child = service.begin(pid)
                inject(child)
                await_true(lambda: not alive(child), "the end of the child")
            await_true(lambda: all(x == "Z" for pid in [service.pid] + workers for x in dumpers(pid)), "the end of all children")
            service.must_be_well(workers)


def hit(sig):
    def send(child):
        try:
            os.kill(child, sig)
        except ProcessLookupError:
            pass

    return send


def test_pid1_kill(directory):
    """gunicorn 20.1 as PID 1 lives through kill -9 of the dumping child, its own and its workers', and logs nothing"""
    injected(directory, hit(signal.SIGKILL))


def test_pid1_segv(directory):
    """the same with SIGSEGV in the child"""
    injected(directory, hit(signal.SIGSEGV))


def test_pid1_kill_later(directory):
    """the same with kill -9 while the child writes its file"""
    def wait_then_kill(child):
        time.sleep(random.random() * 0.03)
        hit(signal.SIGKILL)(child)

    injected(directory, wait_then_kill)


def test_pid1_budget(directory):
    """the same when the budget of the dump is over, and when the child was stopped until its alarm rang"""
    def stop(child):
        hit(signal.SIGSTOP)(child)
        time.sleep(2.2)  # the alarm is set to the budget and 2 s
        hit(signal.SIGCONT)(child)

    injected(os.path.join(directory), stop, TASKCORE_BUDGET_MS="1")


def test_pid1_no_space(directory):
    """the same when there is no space for the dump anywhere; each refusal is one line that says so"""
    for freeze in ("snapshot", "place"):
        place = os.path.join(directory, freeze)
        os.mkdir(place)
        with PidOne(place, "--worker-tmp-dir", "/run", size="100k", TASKCORE_FREEZE=freeze, TMPDIR=os.path.join(place, "dumps")) as service:
            workers = service.workers()
            for pid in [service.pid] + workers:
                n = service.text().count("no dump (usr1)")
                os.kill(pid, signal.SIGUSR1)
                await_true(lambda: service.text().count("no dump (usr1)") > n, "a refusal: " + service.text()[-500:])
                await_true(lambda: not any(x != "Z" for x in dumpers(pid)), "the end of the child")
            must("no space left" in service.text(), service.text()[-500:])
            service.must_be_well(workers)
            left = [x for x in os.listdir("/proc/%d/root%s" % (service.pid, service.dumps))]
            must(left == [], "left behind: %s" % left)


def test_pid1_worker_killed(directory):
    """a worker that is killed in mid-dump: its orphaned child goes to PID 1, ends with status 0, and gunicorn logs the worker alone"""
    with PidOne(directory, GUNICORN_TASKS=str(MANY)) as service:
        for number in range(1, 6):
            worker = service.workers()[0]
            service.begin(worker)
            os.kill(worker, signal.SIGKILL)
            await_true(lambda: service.text().count("Application startup complete") == 2 + number, "a new worker")
            await_true(lambda: len(service.workers()) == 2, "2 workers: %s" % service.workers())
            await_true(lambda: not any(comm(x) == "taskcore-dump" for x in children(service.pid) if alive(x)), "the orphan's end")
        odd = [line for line in service.news() if "was terminated due to signal 9" in line]
        must(len(odd) == 5, "%s" % odd)
        odd = [line for line in service.news() if "[INFO]" not in line and line not in odd]
        must(odd == [], "printed: %s" % odd)
        must(service.ask()["sum"] == 6, "no answer")


def test_pid1_reload(directory):
    """workers that were dumped and end by a reload leave nothing to PID 1 that it did not start"""
    with PidOne(directory) as service:
        for number in range(1, 4):
            workers = service.workers()
            for pid in workers:
                service.kill(pid)
            os.kill(service.pid, signal.SIGHUP)
            await_true(lambda: not any(alive(pid) for pid in workers), "the end of the old workers")
            await_true(lambda: service.text().count("Application startup complete") == 2 + 2 * number, "new workers")
        # its loop closed, a worker may meet the next SIGTERM of the arbiter's: 7 of 20 do without taskcore
        odd = [line for line in service.news() if "[INFO]" not in line and "due to signal 15" not in line]
        must(odd == [], "printed: %s" % odd)


TESTS = [function for name, function in list(globals().items()) if name.startswith("test_")]

if __name__ == "__main__":
    sys.exit(run([test for test in TESTS if not sys.argv[1:] or any(p in test.__name__ for p in sys.argv[1:])]))
