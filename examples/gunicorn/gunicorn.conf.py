# SPDX-License-Identifier: Apache-2.0
"""gunicorn with UvicornWorkers under taskcore: a worker that hangs is dumped before gunicorn kills it.

Start it, from this directory:

    taskcore run --dir /var/lib/taskcore -- gunicorn app:app

A dump at any time, of any worker; the worker lives on, in all its connections:

    kill -USR1 WORKER           or: taskcore signal WORKER, which waits for the file and prints its path
    taskcore status MASTER      lists the workers: children with event loops

gunicorn itself uses SIGUSR1, to have master and workers reopen their log files. That goes on working, and a log rotation
("kill -USR1 MASTER") makes a dump of each of them, at most one in 10 seconds. Whoever does not want these dumps gives
taskcore another signal: "taskcore run --signal RTMIN+5 --dir ... -- gunicorn ...", and uses taskcore signal, or kill -RTMIN+5.

Tested by tests/hook/examples.py with gunicorn 20.1 and uvicorn 0.17.6 (Debian 12) and with gunicorn 23 and uvicorn-worker 0.3."""
import glob
import os
import signal
import time

try:
    import uvicorn_worker  # noqa: F401  the worker's package since uvicorn 0.30

    worker_class = "uvicorn_worker.UvicornWorker"
except ImportError:
    worker_class = "uvicorn.workers.UvicornWorker"

bind = "127.0.0.1:8000"
workers = 4
timeout = 30  # a worker whose loop does not turn for so long is killed

DUMP_S = 5  # how long the master waits for a dump at most; it serves no requests itself


def dump(pid):
    """Have a worker dumped, and wait: whoever is killed in the middle of it leaves no whole dump. No subprocess here: gunicorn would
    take the exit code of taskcore signal for that of a worker."""
    pattern = os.path.join(glob.escape(os.environ["TASKCORE_DIR"]), "taskcore.*.%d.*.tcore" % pid)
    before, end = set(glob.glob(pattern)), time.monotonic() + DUMP_S
    os.kill(pid, signal.SIGUSR1)
    while set(glob.glob(pattern)) == before and time.monotonic() < end:
        time.sleep(0.01)


def when_ready(arbiter):
    """gunicorn ends a worker that is silent for too long by SIGABRT; just before that, dump it."""
    kill_worker = arbiter.kill_worker

    def dump_and_kill(pid, sig):
        if sig == signal.SIGABRT and os.environ.get("TASKCORE_DIR"):
            try:
                dump(pid)
            except OSError as why:
                arbiter.log.warning("no dump of worker %d: %s", pid, why)
        kill_worker(pid, sig)

    arbiter.kill_worker = dump_and_kill
