# SPDX-License-Identifier: Apache-2.0
"""Watchdogs that end a process that hangs by SIGABRT: gunicorn's time-out of workers (SIGKILL comes a second later)."""
import os
import re
import signal
import socket
import tempfile

import crash_lab
from crash_lab import must
from service import HERE, Service, alive, await_true, children, needs

APP = os.path.join(HERE, "crash_app.py")
TIMEOUT_S = 1
# What differs from run to run, or says how fast it went: a worker that does not end within a second is killed.
NOT_COMPARED = re.compile(r"^\[.*?\] \[\d+\] |pid:? ?\d+|\(\d+\)|^taskcore: .*", re.M)


def gunicorn(directory, app, worker, hook):
    command = needs("gunicorn", *(["uvicorn"] if worker != "sync" else []))
    return Service(directory, *command, "-m", "gunicorn", "-w", 1, "-k", worker, "-t", TIMEOUT_S, "-b", "127.0.0.1:PORT", "--worker-tmp-dir", "/dev/shm",
                   "crash_app:" + app, hook=hook, PYTHONPATH=HERE)


def hang(directory, app, worker, hook):
    """Let the worker hang until the master has another one. The worker, the master's log, the dumps: (pid, reason, path)."""
    os.makedirs(directory)
    with gunicorn(directory, app, worker, hook) as service:
        first = [pid for pid in children(service.pid) if alive(pid)]
        must(len(first) == 1, "workers: %s", first)
        with socket.create_connection(("127.0.0.1", service.port)) as client:
            client.sendall(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
            await_true(lambda: not alive(first[0]), "the end of the worker that hangs")
            await_true(lambda: any(alive(pid) for pid in children(service.pid) if pid != first[0]), "another worker")
        await_true(service.is_ready, "an answer of the new worker")
        await_true(lambda: not any(name.endswith(".tmp") for name in os.listdir(service.dumps)), "the end of the dump")
        return first[0], service.pid, service.text(), service.found()


def said(log):
    """Those of the master's lines that tell of the worker's end."""
    lines = [NOT_COMPARED.sub("", line) for line in log.split("\n")]
    return [line for line in lines if re.search("WORKER TIMEOUT|terminated due to|SIGKILL|SIGABRT", line)]


def ends_alike(directory, app, worker):
    pid, master, log, dumps = hang(os.path.join(directory, "hook"), app, worker, True)
    _, _, plain, none = hang(os.path.join(directory, "plain"), app, worker, False)
    must("WORKER TIMEOUT" in plain and not none, "without the hook: %s %s", plain[-300:], none)
    must(said(log) == said(plain), "gunicorn said %s, without the hook %s", said(log), said(plain))
    must([row[:2] for row in dumps] == [(pid, "abrt")], "dumps: %s %s", dumps, log[-400:])
    found = crash_lab.sealed(dumps[0][2])
    crash_lab.head_is(found, dumps[0][2], signal.SIGABRT, pid)
    must(found["dump"]["sender"]["pid"] == master, "the sender is %s, not %d", found["dump"]["sender"], master)
    return found


def test_gunicorn_sync(directory):
    """a sync worker of gunicorn that hangs leaves a sealed dump with the line where it hangs"""
    found = ends_alike(directory, "hung_wsgi", "sync")
    at = crash_lab.links(found["threads"][0].get("python") or [])
    must(at[:1] == [("hang", crash_lab.line_of("here: hang", APP))], "it is at %s", at[:3])


def test_gunicorn_uvicorn(directory):
    """a UvicornWorker that hangs leaves a sealed dump with the task that hangs and its line"""
    found = ends_alike(directory, "hung_asgi", "uvicorn.workers.UvicornWorker")
    running = [task for task in found["tasks"] if task["state"] == "running"]
    must([task["name"] for task in running] == ["crasher"], "running: %s", [task["name"] for task in running])
    at = crash_lab.links(running[0]["chain"])
    must(("hang", crash_lab.line_of("here: hang", APP)) in at, "the task is at %s", at)
    must(sum(task["name"].startswith("waiter-") for task in found["tasks"]) == 20, "tasks: %s", [task["name"] for task in found["tasks"]])


def tests():
    for function in (test_gunicorn_sync, test_gunicorn_uvicorn):
        yield function.__doc__, in_directory, (function,)


def in_directory(function):
    with tempfile.TemporaryDirectory() as directory:
        return function(directory)
