#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A snapshot that contradicts itself is taken once more, once, and never lost.

The program falsifies the interpreter's own count of registered tasks (the used field of the set behind asyncio's WeakSet, at 24 in
PySetObject), which is what a snapshot in the middle of a change looks like. Prints TAP."""
import json
import os
import re
import subprocess
import sys
import time
from datetime import datetime, timezone

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from hooked import ANALYZE, Hooked, files, must, run  # noqa: E402

FALSIFY = """
def falsify(by):
    import asyncio.tasks, ctypes
    registry = getattr(asyncio.tasks, "_all_tasks", None) or asyncio.tasks._scheduled_tasks
    ctypes.c_ssize_t.from_address(id(registry.data) + 24).value += by
    return True

def block():
    import signal, threading
    global eaten
    private, eaten = {signal.SIGRTMAX - 3}, []
    signal.pthread_sigmask(signal.SIG_BLOCK, private)
    threading.Thread(target=lambda: eaten.append(signal.sigwait(private)), daemon=True).start()
    return True
"""
DISAGREED = "own counts of tasks did not match"


def named_at(path):
    """The moment in the name of a dump, in s since 1970."""
    stamp = re.search(r"\.(\d{8}T\d{6}\.\d{3})\.", path).group(1)
    return datetime.strptime(stamp, "%Y%m%dT%H%M%S.%f").replace(tzinfo=timezone.utc).timestamp()


def report(path):
    done = subprocess.run([ANALYZE, "report", "--format", "json", path], stdout=subprocess.PIPE, check=True, timeout=60)
    return json.loads(done.stdout)


def disagreed(path):
    return any(DISAGREED in text for text in report(path)["dump"]["truncated"])


def test_again(scratch):
    """A dump that disagrees is dropped for a second one, which stays whatever it finds"""
    dumps = os.path.join(scratch, "dumps")
    os.mkdir(dumps)
    with Hooked(scratch, dumps, code=FALSIFY) as target:
        control = target.dump()
        must(not disagreed(control), "control: an honest process disagrees with itself")
        target.ask("falsify(1)")
        before = time.time()
        path = target.dump()
        target.idle()
        target.ask("falsify(-1)")
        must(disagreed(path), "the second dump does not say that it disagrees")
        # The child waits 5 ms before it asks; the name is that of the second snapshot.
        must(named_at(path) >= before + 0.004, "it was taken at once: there was no second snapshot")
        must(sorted([control, path]) == [os.path.join(dumps, f) for f in files(dumps)], "files: %r" % files(dumps))
        counts = report(path)["dump"]["counts"]
        must(counts["tasks"] == counts["read"] == target.tasks, "counts %r" % counts)
        must(len(target.children()) <= 1, "children: %r" % target.children())
        must(not disagreed(target.dump()), "afterwards it still disagrees")
        target.lives()


def test_blocked(scratch):
    """Where the second one cannot be had, the first is kept, and a thread in sigwait is handed no signal of ours"""
    dumps = os.path.join(scratch, "dumps")
    os.mkdir(dumps)
    with Hooked(scratch, dumps, code=FALSIFY) as target:
        target.ask("block()")
        target.ask("falsify(1)")
        path = target.dump()
        target.ask("falsify(-1)")
        must(disagreed(path), "the dump does not say that it disagrees")
        must(target.ask("eaten") == [], "a thread in sigwait was handed the private signal")
        must(files(dumps) == [os.path.basename(path)], "files: %r" % files(dumps))
        target.lives()


if __name__ == "__main__":
    sys.exit(run([test_again, test_blocked]))
