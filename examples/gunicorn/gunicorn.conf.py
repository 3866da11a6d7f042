# SPDX-License-Identifier: Apache-2.0
"""gunicorn with UvicornWorkers under taskcore: a worker that hangs is dumped before gunicorn kills it.

gunicorn ends such a worker by SIGABRT, and taskcore makes a dump of that: "abrt" in its name. Nothing needs to be set here.

Start it, from this directory:

    taskcore run --dir /var/lib/taskcore -- gunicorn app:app

A dump at any time, of any worker; the worker lives on, in all its connections:

    kill -USR1 WORKER           or: taskcore signal WORKER, which waits for the file and prints its path
    taskcore status MASTER      lists the workers: children with event loops

gunicorn itself uses SIGUSR1, to have master and workers reopen their log files. That goes on working, and a log rotation
("kill -USR1 MASTER") makes a dump of each of them, at most one in 10 seconds. Whoever does not want these dumps gives
taskcore another signal: "taskcore run --signal RTMIN+5 --dir ... -- gunicorn ...", and uses taskcore signal, or kill -RTMIN+5.

Tested by tests/hook/examples.py with gunicorn 20.1 and uvicorn 0.17.6 (Debian 12) and with gunicorn 23 and uvicorn-worker 0.3."""
try:
    import uvicorn_worker  # noqa: F401  the worker's package since uvicorn 0.30

    worker_class = "uvicorn_worker.UvicornWorker"
except ImportError:
    worker_class = "uvicorn.workers.UvicornWorker"

bind = "127.0.0.1:8000"
workers = 4
timeout = 30  # a worker whose loop does not turn for so long is killed
