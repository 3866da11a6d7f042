# SPDX-License-Identifier: Apache-2.0
"""Chains through suspended greenlets: what a dump says against what the program says of itself, by signal and from outside. run.py runs
these tests. Each release is fetched once, into the cache of interpreters.py."""
import json
import os
import threading

import inside
import lab
from lab import interpreters
from odd_targets import must

TARGET = os.path.join(lab.HERE, "greenlet_target.py")
HELPERS = [os.path.join(lab.HERE, "account.py")]
# The three layouts (lib/python/pygreenlet.c), and 3.0.1, which leaves entries from C among the frames of Python 3.12.
RELEASES = {
    "3.8-pyenv": ["1.1.3", "2.0.2", "3.1.1"],
    "3.9-pyenv": ["1.1.3", "3.2.4"],
    "3.10-pyenv": ["1.1.3", "2.0.2", "3.2.4"],
    "3.11-debian": ["2.0.2", "3.2.4"],
    "3.12-pyenv": ["3.0.1", "3.0.3", "3.2.4"],
    "3.13-pyenv": ["3.1.1", "3.5.3"],
    "3.14-forky": ["3.3.2", "3.5.3"],
    "3.15-forky": ["3.5.6"],
}
SQLALCHEMY = {"3.8-pyenv": "3.1.1", "3.11-debian": "3.2.4", "3.13-pyenv": "3.5.3", "3.14-forky": "3.5.3"}
lock = threading.Lock()
# A hook that is built with ASan cannot be preloaded: then only dumps from outside are looked at.
HOOKED = not os.environ.get("TASKCORE_SANITIZED")


def target_of(one, mode, directory, **hooked):
    """A lab.Target, or with `dumps` one that has the hook."""
    target = (inside if hooked else lab).Target(one, TARGET, mode, helpers=HELPERS, **hooked)
    target.env = dict(target.env, PYTHONPATH=directory[len(one.root) :])
    return target


def chains(path):
    """{name of the task: [[function, line], …]} of a dump, and the counts."""
    report = lab.report(path)
    found = {
        task["name"]: [[link["function"].rpartition(".")[2], link.get("line")] for link in task["chain"]]
        for task in report["tasks"]
        if task["name"] != "main"
    }
    return found, report["dump"]["counts"]


def check(target, path, how):
    found, counts = chains(path)
    truth = json.loads(target.lines[0])
    must(found.keys() == truth.keys(), "%s: tasks: %r" % (how, sorted(found)))
    for name in truth:
        must(found[name] == truth[name], "%s: %s: %r, not %r" % (how, name, found[name], truth[name]))
    must(counts["read"] == counts["tasks"] and not counts["torn"], "%s: counts: %r" % (how, counts))


def packages_for(one, packages):
    with lock:
        directory = interpreters.packages(one, packages)
    if not directory:
        raise lab.Missing("no %s for %s" % (", ".join(packages), one.name))
    return directory


def check_running(mode, path):
    """The one task runs: its coroutines, a greenlet that waits for one of them, and the greenlet that runs."""
    runs = ["running", "through", "greenlet_spawn", "block"]
    want = runs if mode == "running" else ["nested", "through", "greenlet_spawn", "query", "execute", "await_only"] + runs
    report = lab.report(path)
    task = report["tasks"][0]
    names = [link["function"].rpartition(".")[2] for link in task["chain"]]
    must(names == want, "%s: %r" % (mode, names))
    must(task["state"] == "running" and not report["dump"]["counts"]["torn"], "%s: %s" % (mode, task["state"]))


def test_running(one, packages):
    directory = packages_for(one, packages)
    for mode in ("running", "nested"):
        with target_of(one, mode, directory) as target, lab.Scratch() as scratch:
            target.settle()
            lab.dumped(target.pid, scratch.file())
            check_running(mode, scratch.file())
        if not HOOKED:
            continue
        with inside.Dumps(one) as dumps, target_of(one, mode, directory, dumps=dumps) as target:
            target.settle()
            check_running(mode, target.ask())


def test(one, mode, packages):
    directory = packages_for(one, packages)
    with target_of(one, mode, directory) as target, lab.Scratch() as scratch:
        target.settle()
        for option in ([], ["--stop"]):
            lab.dumped(target.pid, scratch.file(), *option)
            check(target, scratch.file(), " ".join(["from outside"] + option))
    for freeze in ("snapshot", "place") if HOOKED else ():
        with inside.Dumps(one) as dumps, target_of(one, mode, directory, dumps=dumps, freeze=freeze) as target:
            target.settle()
            check(target, target.ask(), freeze)


def tests(one):
    """(name, function, arguments) as in run.py."""
    for release in RELEASES.get(one.name, []):
        yield "%s: chains through greenlet %s" % (one.name, release), test, (one, "spawn", ["greenlet==" + release])
        if release != "3.0.1":  # where that runs on 3.12, entries from C stand between the coroutines
            yield "%s: running in greenlet %s" % (one.name, release), test_running, (one, ["greenlet==" + release])
    if one.name in SQLALCHEMY:
        packages = ["SQLAlchemy==2.0.44", "aiosqlite==0.20.0", "greenlet==" + SQLALCHEMY[one.name]]
        yield "%s: a query of SQLAlchemy" % one.name, test, (one, "sqlalchemy", packages)
