#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real servers under the hook: dumped under load, and with what they do with signals themselves.

  servers.py [--dumps N] [PATTERN…]

PATTERN: only tests whose name holds it. Prints TAP; a server that is not installed is a skip that names it."""
import argparse
import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from service import Load, Service, Skip, alive, await_true, children, dumpers, must, needs, pypi, report  # noqa: E402
from common import LONG_S, field, run  # noqa: E402

DUMPS = 30
WAITING = 500  # tasks that wait in each application
NOW = ("--min-interval-s", "0")
LATER = signal.SIGRTMIN + 5


def say(text):
    print("# " + text, flush=True)


def median(values):
    return sorted(values)[len(values) // 2]


# Under load

class Block:
    """What the clients see of one stretch of time."""

    def __init__(self, load):
        self.load = load
        self.load.ask()
        self.start = time.monotonic()

    def end(self):
        self.seconds = time.monotonic() - self.start
        told = self.load.ask()
        must(told["failed"] == 0, "%(failed)d of %(requests)d requests failed" % told)
        self.requests, self.p99 = told["requests"], told["p99_ms"]


def block_of_dumps(service, load, targets, numbers):
    block = Block(load)
    for number in numbers:
        pid = targets[number // 2 % len(targets)]
        path = service.dump(pid, number)
        must(dumpers(pid).count("Z") <= 2, "zombies of process %d" % pid)  # of this dump, and of one that was just ending
        if number % 50 == 0:
            found = report(path)["dump"]
            must(found["counts"]["tasks"] >= WAITING and found["complete"], "dump %d: %s" % (number, found["counts"]))
        os.unlink(path)
    block.end()
    return block


def under_load(name, service, targets):
    """Stretches with and without dumps, in turn; no request may fail in either."""
    with Load(service.port) as load:
        must(load.flow() == 0, "failed requests before the first dump")
        quiet, dumped = [], []
        size = max(10, DUMPS // 5)
        for first in range(0, DUMPS, size):
            dumped.append(block_of_dumps(service, load, targets, range(first, min(first + size, DUMPS))))
            quiet.append(Block(load))
            time.sleep(dumped[-1].seconds)
            quiet[-1].end()
        requests = sum(block.requests for block in quiet + dumped)
    lines = service.text().count("taskcore: " + service.dumps)
    must(lines == DUMPS, "%d lines about %d dumps" % (lines, DUMPS))
    seconds = sum(block.seconds for block in dumped)
    say("%s: %d requests, 0 failed, %d dumps in %.1f s; p99 with dumps %.1f ms, without %.1f ms"
        % (name, requests, DUMPS, seconds, median([b.p99 for b in dumped]), median([b.p99 for b in quiet])))


def aiohttp_under_load(directory, loop):
    command = needs("aiohttp", *(["uvloop"] if loop == "uvloop" else []))
    app = os.path.join(HERE, "handlers_app.py")
    with Service(directory, *command, app, "PORT", loop, settings=NOW) as service:
        under_load("aiohttp on " + loop, service, [service.pid])


def test_load_asyncio(directory):
    """an aiohttp server on asyncio is dumped under load, no request fails"""
    aiohttp_under_load(directory, "asyncio")


def test_load_uvloop(directory):
    """an aiohttp server on uvloop is dumped under load, no request fails"""
    aiohttp_under_load(directory, "uvloop")


def gunicorn(directory, command, *options, workers=4, worker="uvicorn.workers.UvicornWorker", settings=NOW, **env):
    """A gunicorn with the application of asgi_app.py."""
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [env.get("PYTHONPATH"), HERE]))
    return Service(directory, *command, "-m", "gunicorn", "-w", workers, "-k", worker, "-b", "127.0.0.1:PORT",
                   "--worker-tmp-dir", "/dev/shm", *options, "asgi_app:app", settings=settings, **env)


def workers_of(service, n=4):
    """The pids of the master's workers, when they answer."""
    seen = set()

    def all_answer():
        seen.add(service.ask()["pid"])
        return len(seen) >= n or all_know()

    def all_know():
        found = [pid for pid in children(service.pid) if alive(pid)]
        return len(found) >= n and service.text().count("Application startup complete") >= n

    await_true(all_answer, "%d workers" % n)
    found = [pid for pid in children(service.pid) if alive(pid)]
    must(len(found) == n, "workers %s" % found)
    return found


def test_load_gunicorn(directory):
    """gunicorn 20.1 with 4 UvicornWorkers is dumped under load, no request fails, no worker is lost"""
    with gunicorn(directory, needs("gunicorn", "uvicorn"), "--keep-alive", "60") as service:
        workers = workers_of(service)
        under_load("gunicorn 20.1, 4 UvicornWorkers", service, workers)
        must(workers_of(service) == workers, "workers were replaced")


def test_load_gunicorn_new(directory):
    """gunicorn 23 with 4 workers of uvicorn-worker 0.3 is dumped under load, no request fails, no worker is lost"""
    path = pypi()
    command = needs("gunicorn", "uvicorn_worker", path=path)
    with gunicorn(directory, command, "--keep-alive", "60", worker="uvicorn_worker.UvicornWorker", PYTHONPATH=path) as service:
        workers = workers_of(service)
        under_load("gunicorn 23, 4 UvicornWorkers", service, workers)
        must(workers_of(service) == workers, "workers were replaced")


# Celery

class Celery(Service):
    """A worker with 4 pool children on a broker made of files."""

    def __init__(self, directory, *settings):
        self.command_of_app = needs("celery") + [os.path.join(HERE, "celery_app.py")]
        for name in ("queue", "results"):
            os.mkdir(os.path.join(directory, name))
        super().__init__(directory, *self.command_of_app[:-1], "-m", "celery", "-A", "celery_app", "worker", "-c", "4",
                         "--loglevel", "info", settings=settings, ready=" ready.", PYTHONPATH=HERE, CELERY_APP_DIR=directory,
                         C_FORCE_ROOT="1")

    def app(self, word, **options):
        """celery_app.py WORD."""
        return subprocess.Popen(self.command_of_app + [word], env=self.env, cwd=self.dir, text=True, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, **options)

    def pool(self):
        return [pid for pid in children(self.pid) if alive(pid) and field(pid, "Name") != "taskcore-dump"]


def dump_celery(service, dumps):
    """The worker by signal (for its pool children SIGUSR1 is an exception), the children by taskcore signal."""
    targets = [service.pid] + service.pool()
    for number in range(dumps):
        pid = targets[number % len(targets)]
        path = service.kill(pid) if pid == service.pid and number % 2 else service.signal(pid)
        must(dumpers(pid).count("Z") <= 2, "zombies of process %d" % pid)
        if number % 50 == 0:
            must(report(path)["dump"]["complete"], "dump %d" % number)
        os.unlink(path)


def test_load_celery(directory):
    """a celery worker and its prefork pool are dumped under load, every result arrives"""
    with Celery(directory, *NOW) as service:
        pool = service.pool()
        feeder = service.app("feed")
        start = time.monotonic()
        await_true(lambda: service.text().count("succeeded in") > 100, "the first results")
        dump_celery(service, DUMPS)
        seconds = time.monotonic() - start
        told = json.loads(feeder.communicate(timeout=120)[0])
        must(told["right"] == told["sent"], "%(right)d of %(sent)d results" % told)
        must(service.pool() == pool, "the pool changed")
        say("celery: %d tasks, %d right results, %d dumps in %.1f s" % (told["sent"], told["right"], DUMPS, seconds))


def soft_limit(directory, *settings):
    with Celery(directory, *settings) as service:
        told = service.app("limit").communicate(timeout=LONG_S)[0].strip()
        must(told == "1", "the task was told %s times: %s" % (told, service.text()[-500:]))
        await_true(lambda: "succeeded" in service.text(), "the end of the task")
        return service.found(), service.pool(), service.text()


def test_celery_soft_limit(directory):
    """celery's soft time limit is raised once in the task; SIGUSR1 being ours as well, the pool child is dumped too"""
    found, pool, text = soft_limit(directory)
    must("Soft time limit (1s) exceeded" in text, text[-500:])
    must(len(found) == 1 and found[0][0] in pool and found[0][1] == "usr1", "dumps %s" % found)


def test_celery_soft_limit_other_signal(directory):
    """with TASKCORE_SIGNAL=RTMIN+5 the soft time limit makes no dump and works the same"""
    found, _, text = soft_limit(directory, "--signal", "RTMIN+5")
    must("Soft time limit (1s) exceeded" in text, text[-500:])
    must(found == [], "dumps %s" % found)


def test_celery_stacks(directory):
    """celery's own use of SIGUSR1, to print the stacks of the worker, works beside the dump, once per signal"""
    with Celery(directory, *NOW) as service:
        for number in range(1, 6):
            service.kill(service.pid)
            await_true(lambda: service.text().split("\n").count("MainThread") >= number, "the stacks")
        must(service.app("limit").communicate(timeout=LONG_S)[0].strip() == "1", "the worker does not work on")
        must(service.text().split("\n").count("MainThread") == 5, service.text()[-3000:])


# gunicorn's and uvicorn's own signals

def open_files(pid):
    found = []
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            found.append(os.readlink("/proc/%d/fd/%s" % (pid, fd)))
        except FileNotFoundError:
            continue
    return found


def rotate(service, pids, n):
    """Move the logs away and send USR1 to the master: who has which open?"""
    for name in ("access.log", "error.log"):
        os.rename(os.path.join(service.dir, name), os.path.join(service.dir, "%s.%d" % (name, n)))
    os.kill(service.pid, signal.SIGUSR1)

    def reopened(pid):
        files = open_files(pid)
        return all(os.path.join(service.dir, name) in files for name in ("access.log", "error.log"))

    for pid in [service.pid] + pids:
        await_true(lambda: reopened(pid), "logs reopened by process %d of %s" % (pid, [service.pid] + pids))
        must(not any(x.endswith(".log.%d" % n) for x in open_files(pid)), "process %d has the old log open" % pid)


def rotation(directory, settings, expected):
    path = pypi()
    command = needs("gunicorn", "uvicorn_worker", path=path)
    with gunicorn(directory, command, "--access-logfile", "access.log", "--error-logfile", "error.log",
                  worker="uvicorn_worker.UvicornWorker", settings=settings, PYTHONPATH=path) as service:
        with open(service.log, "w"):
            pass
        own, service.log = service.log, os.path.join(directory, "error.log")
        workers = workers_of(service)
        service.log = own
        with Load(service.port) as load:
            load.flow(200)
            rotate(service, workers, 1)
            await_true(lambda: len(service.found()) == expected[0], "%d dumps" % expected[0])
            await_true(lambda: not any("Z" not in x for x in map(dumpers, [service.pid] + workers) if x), "the end of the children")
            rotate(service, workers, 2)
            await_true(lambda: len(service.found()) == expected[1], "%d dumps" % expected[1])
            must(load.flow(500) == 0, "requests failed")
        await_true(lambda: service.text().count("refused (usr1)") == expected[2], "%d refusals: %s" % (expected[2], service.text()))
        must(len(service.found()) == expected[1], "dumps %s" % service.found())
        must(sorted(children(service.pid)[:4]) == sorted(workers), "workers were replaced")
        must(os.path.getsize(os.path.join(directory, "access.log")) > 0, "nothing in the new access log")
        counts = [sum(row[0] == pid for row in service.found()) for pid in [service.pid] + workers]
        must(len(set(counts)) == 1, "dumps per process %s" % counts)


def test_gunicorn_rotation(directory):
    """log rotation by USR1: master and workers reopen both logs; each is dumped once in 10 s and says in a line what it refused"""
    rotation(directory, (), (5, 5, 5))


def test_gunicorn_rotation_unlimited(directory):
    """the same with TASKCORE_MIN_INTERVAL_S=0: one dump of each per signal"""
    rotation(directory, NOW, (5, 10, 0))


def test_gunicorn_rotation_other_signal(directory):
    """the same with TASKCORE_SIGNAL=RTMIN+5: no dump"""
    rotation(directory, ("--signal", "RTMIN+5"), (0, 0, 0))


def test_gunicorn_debian_usr1(directory):
    """USR1 to the master with uvicorn 0.17.6, whose worker sets SIGUSR1 to its default: no worker dies of it"""
    with gunicorn(directory, needs("gunicorn", "uvicorn")) as service:
        workers = workers_of(service)
        for number in range(1, 4):
            os.kill(service.pid, signal.SIGUSR1)
            await_true(lambda: len(service.found()) == 5 * number, "5 dumps: %s" % service.text()[-500:])
            await_true(lambda: all("Z" in dumpers(pid) for pid in workers), "the end of the dumping children")
        must(workers_of(service) == workers and "terminated" not in service.text(), service.text()[-500:])


def test_gunicorn_hup(directory):
    """HUP of gunicorn: new workers come and are dumped, the old ones go"""
    with gunicorn(directory, needs("gunicorn", "uvicorn")) as service:
        before = workers_of(service)
        for pid in before:
            service.kill(pid)
        os.kill(service.pid, signal.SIGHUP)
        await_true(lambda: not any(alive(pid) for pid in before), "the end of the old workers")
        await_true(lambda: service.text().count("Application startup complete") == 8, "the new workers")
        after = workers_of(service)
        must(not set(before) & set(after), "%s, %s" % (before, after))
        for pid in after:
            must(report(service.kill(pid))["dump"]["counts"]["tasks"] > WAITING, "a dump of a new worker")
        must(service.text().count("Handling signal: hup") == 1, "handled once")


def answering(service, other_than):
    await_true(lambda: service.ask()["pid"] not in other_than, "an answer of another process than %s" % other_than)
    return service.ask()["pid"]


def test_uvicorn_reload(directory):
    """uvicorn --reload replaces its process when a file changes, after dumps of both and of the supervisor"""
    with open(os.path.join(HERE, "asgi_app.py")) as f, open(os.path.join(directory, "watched_app.py"), "w") as to:
        to.write(f.read())
    with Service(directory, *needs("uvicorn"), "-m", "uvicorn", "watched_app:app", "--reload", "--reload-dir", directory,
                 "--port", "PORT", settings=NOW) as service:
        before = service.ask()["pid"]
        must(before != service.pid, "no supervisor")
        for pid in (before, service.pid, before):
            service.kill(pid)
        changed = [time.time()]

        def is_seen():  # the supervisor learns the times of files some while after its start
            changed[0] += 1
            os.utime(os.path.join(directory, "watched_app.py"), (changed[0], changed[0]))
            return not alive(before)

        await_true(is_seen, "the end of the old process")

        def is_new():
            try:
                return service.ask()["pid"] != before
            except OSError:
                return False

        await_true(is_new, "the new process")
        for pid in (service.ask()["pid"], service.pid):
            service.kill(pid)
        must("Reloading" in service.text(), service.text()[-1000:])


def test_uvicorn_hup(directory):
    """HUP of uvicorn 0.35 with 2 workers replaces both, before and after they were dumped"""
    path = pypi()
    with Service(directory, *needs("uvicorn", path=path), "-m", "uvicorn", "asgi_app:app", "--workers", "2", "--port", "PORT",
                 settings=NOW, PYTHONPATH=path + os.pathsep + HERE) as service:
        await_true(lambda: service.text().count("Application startup complete") == 2, "2 workers")
        before = {service.ask()["pid"] for _ in range(20)}
        for pid in [service.pid, *before]:
            service.kill(pid)
        os.kill(service.pid, signal.SIGHUP)
        await_true(lambda: service.text().count("Application startup complete") == 4, "2 new workers")
        await_true(lambda: not any(alive(pid) for pid in before), "the end of the old ones")
        service.kill(answering(service, before))
        service.kill(service.pid)


# What a program does with SIGUSR1 itself

def told(service):
    return service.ask("count")


def own_handlers(directory, loop, *ways, expected):
    """Each signal is a dump and one call of each handler."""
    command = needs("aiohttp", *(["uvloop"] if loop == "uvloop" else []))
    app = os.path.join(HERE, "handlers_app.py")
    signals = 20
    with Service(directory, *command, app, "PORT", loop, *ways, settings=NOW) as service, Load(service.port, 4) as load:
        load.flow(100)
        for number in range(1, signals + 1):
            service.kill(service.pid)
            await_true(lambda: all(told(service)[name] >= number for name in expected), "the handlers")
        must(load.flow(200) == 0, "requests failed")
        found, counts = len(service.found()), told(service)
        must(found == signals, "%d dumps of %d signals" % (found, signals))
        must(counts == {name: signals if name in expected else 0 for name in counts}, "calls: %s" % counts)


def test_signal_handler(directory):
    """signal.signal: the handler is called once for each signal, each makes a dump"""
    own_handlers(directory, "asyncio", "signal", expected=["signal"])


def test_signal_handler_uvloop(directory):
    """signal.signal on uvloop, the same"""
    own_handlers(directory, "uvloop", "signal", expected=["signal"])


def test_loop_handler(directory):
    """loop.add_signal_handler: the same"""
    own_handlers(directory, "asyncio", "loop", expected=["loop"])


def test_loop_handler_uvloop(directory):
    """loop.add_signal_handler of uvloop: the same"""
    own_handlers(directory, "uvloop", "loop", expected=["loop"])


def test_wakeup_fd(directory):
    """signal.set_wakeup_fd: one byte for each signal"""
    own_handlers(directory, "asyncio", "wakeup", expected=["signal", "wakeup"])


def test_faulthandler(directory):
    """faulthandler.register: one traceback for each signal"""
    own_handlers(directory, "asyncio", "faulthandler", expected=["faulthandler"])


def test_faulthandler_uvloop(directory):
    """faulthandler.register on uvloop, the same"""
    own_handlers(directory, "uvloop", "faulthandler", expected=["faulthandler"])


def test_faulthandler_chain(directory):
    """faulthandler.register with chain=True and nothing behind it: one traceback for each signal, no loop, the process lives"""
    own_handlers(directory, "asyncio", "faulthandler-chain", expected=["faulthandler"])


def test_faulthandler_chain_handler(directory):
    """faulthandler.register with chain=True before a handler: one traceback and one call for each signal, no loop"""
    own_handlers(directory, "asyncio", "signal", "faulthandler-chain", expected=["signal", "faulthandler"])


def test_faulthandler_chain_handler_uvloop(directory):
    """the same before a handler of uvloop's"""
    own_handlers(directory, "uvloop", "loop", "faulthandler-chain", expected=["loop", "faulthandler"])


def test_children(directory):
    """100 processes between two signals: the handler stays, they do not inherit it, nor an ignored signal"""
    app = os.path.join(HERE, "handlers_app.py")
    with Service(directory, *needs("aiohttp"), app, "PORT", "asyncio", "signal", settings=NOW) as service, Load(service.port, 4) as load:
        for number in range(1, 4):
            service.kill(service.pid)
            await_true(lambda: told(service)["signal"] == number, "the handler")
            must(service.ask("children") == {"ignored": [0]}, "a child that ignores SIGUSR1")
        must(load.flow(100) == 0, "requests failed")
        must(len(service.found()) == 3 and told(service)["signal"] == 3, "%s" % told(service))


TESTS = [function for name, function in list(globals().items()) if name.startswith("test_")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dumps", type=int, default=DUMPS)
    parser.add_argument("pattern", nargs="*")
    args = parser.parse_args()
    globals()["DUMPS"] = args.dumps
    return run([test for test in TESTS if not args.pattern or any(p in test.__name__ for p in args.pattern)])


if __name__ == "__main__":
    sys.exit(main())
