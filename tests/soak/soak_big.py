#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Big and odd processes: everything must be in the dump, nothing dropped.

  soak_big.py [--tasks N,…] [INTERPRETER…]

A chain of 2,000 tasks, a coroutine 501 deep, a ring, and 100,000 and 1,000,000 tasks. Prints TAP."""
import argparse
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import lab  # noqa: E402
from lab import interpreters  # noqa: E402

LOAD = os.path.join(lab.HERE, "load.py")

# the one thing left out of dumps of this size, and said (docs/format.md, "references")
NO_REFS = "who could end what tasks wait for is not recorded: more than 131,072 frames and objects"


def must(true, text):
    if not true:
        raise lab.Failed(text)


def whole(counts, tasks):
    must(
        counts["tasks"] == counts["read"] == tasks and not counts["torn"] and not counts["cut"],
        "counts: %r" % counts,
    )


def dumped_report(one, shape, n):
    with lab.Target(one, LOAD, str(n), "--shape", shape) as target, lab.Scratch() as scratch:
        lab.dumped(target.pid, scratch.file())
        return lab.report(scratch.file())


def test_chain(one, n=2000, ring=False):
    report = dumped_report(one, "ring" if ring else "chain", n)
    whole(report["dump"]["counts"], n + 1)
    by_id = {t["id"]: t for t in report["tasks"]}
    links = {t["name"]: t for t in report["tasks"] if t["name"].startswith("link-")}
    must(len(links) == n, "%d tasks" % len(links))
    for i in range(n if ring else n - 1):
        other = by_id.get(links["link-%d" % i]["waits_for"].get("task")) or {}
        must(
            other.get("name") == "link-%d" % ((i + 1) % n),
            "link-%d waits for %s" % (i, other.get("name")),
        )


def test_ring(one):
    test_chain(one, 1000, True)


def test_deep(one):
    report = dumped_report(one, "deep", 501)
    chain = next(t for t in report["tasks"] if t["name"] == "deep")["chain"]
    must(
        len(chain) == 501 and all(link["function"] == "down" for link in chain),
        "%d links" % len(chain),
    )


def test_tasks(one, n, *options):
    """All of N tasks, each with its name and a chain of four or five links, read line by line."""
    names = bytearray(n)
    with lab.Target(one, LOAD, str(n)) as target, lab.Scratch() as scratch:
        lab.dumped(target.pid, scratch.file(), *options)
        reader = subprocess.Popen(
            [lab.program("taskcore-analyze"), scratch.file(), "--format", "jsonl"],
            stdout=subprocess.PIPE,
        )
        counts = notices = None
        for line in reader.stdout:
            if line.startswith(b'{"record":"dump"') or b'"record": "dump"' in line[:40]:
                counts, notices = (json.loads(line)[key] for key in ("counts", "truncated"))
            elif b'"record":"task"' in line[:40] or b'"record": "task"' in line[:40]:
                task = json.loads(line)
                if task["name"].startswith("worker-"):
                    number = int(task["name"][7:])
                    must(
                        len(task["chain"]) == (4 if number % 3 == 0 else 5),
                        "%s: %d links" % (task["name"], len(task["chain"])),
                    )
                    must(not names[number], "%s twice" % task["name"])
                    names[number] = 1
        must(reader.wait() == 0, "jsonl: exit code %d" % reader.returncode)
    must(counts is not None, "no dump record")
    whole(counts, n + 1)
    notices = [n for n in notices if n != NO_REFS]
    must(not notices, "notices: %r" % notices)
    must(sum(names) == n, "%d of %d tasks" % (sum(names), n))


def test_stopped(one, n, times):
    """The same with --stop, whose copy of the process is taken in the middle of the walk once that takes longer than 10 ms: the
    map that the copy needs must not lie where the walk goes on writing (a notice would say so)."""
    for _ in range(times):
        test_tasks(one, n, "--stop=60000")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--tasks", default="100000,1000000")
    parser.add_argument("--stop", default="100000x2", help="tasks x times of the dumps with --stop")
    args = parser.parse_args()
    number = failed = 0
    for one in interpreters.find(args.names or ["3.11-debian", "3.14-forky"]):
        jobs = [
            ("a chain of 2,000 tasks", test_chain, ()),
            ("a coroutine 501 deep", test_deep, ()),
            ("a ring of 1,000 tasks", test_ring, ()),
        ]
        jobs += [
            ("{:,} tasks".format(int(n)), test_tasks, (int(n),)) for n in args.tasks.split(",") if n
        ]
        n, _, times = args.stop.partition("x")
        jobs.append(("{:,} tasks, {} times with --stop".format(int(n), times), test_stopped, (int(n), int(times))))
        for what, function, more in jobs:
            number += 1
            try:
                function(one, *more)
                print("ok %d - %s: %s, complete" % (number, one.name, what), flush=True)
            except (lab.Failed, subprocess.TimeoutExpired) as e:
                failed += 1
                print(
                    "not ok %d - %s: %s, complete\n  # %s" % (number, one.name, what, e), flush=True
                )
    print("1..%d" % number)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
