#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Dumps an aiohttp server under load: no request may fail, on asyncio and on uvloop.

  soak_server.py [--dumps N]

Uses the interpreter 3.11-debian with Debian's aiohttp and uvloop. Half of the dumps are taken with --stop. Prints TAP."""
import argparse
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
import lab  # noqa: E402
from lab import interpreters  # noqa: E402


class Client:
    """The load on a port, in a process of its own."""

    def __init__(self, port, *more):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "client.py"), str(port)] + [str(x) for x in more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def ask(self):
        self.process.stdin.write("\n")
        return json.loads(self.process.stdout.readline())

    def warm(self, requests=500):
        """Wait until the load flows."""
        done = 0
        while done < requests:
            done += self.ask()["requests"]


def test_loop(one, loop, dumps):
    with lab.Target(one, os.path.join(HERE, "server.py"), loop) as target, lab.Scratch() as scratch:
        with Client(int(target.lines[0])) as client:
            client.warm()
            for number in range(dumps):
                lab.dumped(target.pid, scratch.file(), *(["--stop"] if number % 2 else []))
                counts = (
                    lab.report(scratch.file())["dump"]["counts"]
                    if number % 20 == 0
                    else {"tasks": 501}
                )
                if counts["tasks"] < 501:
                    raise lab.Failed("dump %d holds %d tasks" % (number, counts["tasks"]))
            told = client.ask()
    if told["failed"] or not told["requests"]:
        raise lab.Failed("%(failed)d of %(requests)d requests failed" % told)
    return "%(requests)d requests, %(failed)d failed, p99 %(p99_ms)s ms" % told


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dumps", type=int, default=200)
    args = parser.parse_args()
    found = interpreters.find(["3.11-debian"])
    failed = 0
    for number, loop in enumerate(("asyncio", "uvloop"), 1):
        what = "an aiohttp server on %s, dumped %d times, no failed request" % (loop, args.dumps)
        needs = "import aiohttp" + (", uvloop" if loop == "uvloop" else "") + "; print(1)"
        if not found or not found[0].ask(needs):
            print(
                "ok %d - %s # SKIP no interpreter 3.11-debian with aiohttp and %s"
                % (number, what, loop)
            )
            continue
        try:
            print(
                "ok %d - %s (%s)" % (number, what, test_loop(found[0], loop, args.dumps)),
                flush=True,
            )
        except (lab.Failed, subprocess.TimeoutExpired) as e:
            failed += 1
            print("not ok %d - %s\n  # %s" % (number, what, e), flush=True)
    print("1..2")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
