#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what a dump says of varied.py with what varied.py says of itself.

  compare.py INTERPRETER… [--loop uvloop] [--thread] [--subinterpreter] [--running lock|sleep] [--stop] [--break] [--keep DIR]

Prints one line per difference. --break spoils the account in several ways and expects each to be found: the positive control.
--keep DIR leaves the dump, the report and the account there. Exit code 0: all as expected."""
import argparse
import copy
import json
import os
import re
import shutil
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import decode  # noqa: E402
import inside  # noqa: E402
import lab  # noqa: E402
from lab import interpreters  # noqa: E402

PROGRAM = os.path.join(lab.HERE, "varied.py")
HELPERS = [os.path.join(lab.HERE, "account.py")]


def plain(name):
    """A name as any JSON can carry it: a lone surrogate becomes one replacement character."""
    return re.sub("[\ud800-\udfff\ufffd]+", "\ufffd", name) if name is not None else None


def same_type(told, seen):
    """A type as module.qualname; the report may leave the module out."""
    return told == seen or (
        told is not None
        and seen is not None
        and (told.endswith("." + seen) or seen.endswith("." + told))
    )


def show(chain):
    return (
        " > ".join("%s:%s" % (link.get("function"), link.get("line")) for link in chain)
        or "(empty)"
    )


class Comparison:
    """One account against one report; differences are collected as lines."""

    def __init__(self, accounts, report, decoded=False):
        self.decoded = decoded
        self.tasks = [t for a in accounts for t in a["tasks"]]
        self.threads = [t for a in accounts for t in a["threads"]]
        self.loops = [loop for a in accounts for loop in a["loops"]]
        base = 0
        for a in accounts:
            for task in a["tasks"]:
                task["loop"] = task["loop"] + base if task["loop"] is not None else None
            base += len(a["loops"])
        self.version = tuple(int(x) for x in accounts[0]["python"].split(".")[:2])
        self.report = report
        self.by_id = {t["id"]: t for t in report["tasks"]}
        self.objects = {o["id"]: o for o in report.get("objects", [])}
        self.by_address = {o.get("address"): o for o in report.get("objects", [])}
        self.lines = []
        self.links = 0

    def differ(self, where, what, told, seen):
        self.lines.append(
            "%s: %s: inside %s, dump %s" % (where, what, str(told)[:600], str(seen)[:600])
        )

    def run(self):
        self.compare_counts()
        for told, seen in self.pairs():
            self.compare_task(told, seen)
        self.compare_loops()
        self.compare_threads()
        return self.lines

    # Tasks

    def likeness(self, told, seen):
        """How well two tasks of one name go together: the fewer differences the better."""
        kept, self.lines = (self.lines, self.links), []
        self.compare_task(told, seen)
        found = len(self.lines)
        self.lines, self.links = kept
        return -found

    def pairs(self):
        """Tasks of both sides matched by name; tasks of one name by likeness."""
        left = {}
        for seen in self.report["tasks"]:
            left.setdefault(plain(seen.get("name")), []).append(seen)
        found = []
        for told in self.tasks:
            name = "third-party" if told["third"] else plain(told["name"])
            rivals = left.get(name) or (told["third"] and left.get(None)) or []
            if rivals:
                best = (
                    max(rivals, key=lambda seen: self.likeness(told, seen))
                    if len(rivals) > 1
                    else rivals[0]
                )
                rivals.remove(best)
                found.append((told, best))
            elif told["state"] in ("pending", "running") or self.version < (3, 14):
                self.lines.append(
                    "task %s (%s, %s): missing in the dump"
                    % (ascii(told["name"])[:60], told["class"], told["state"])
                )
        for name, rest in left.items():
            for seen in rest:
                self.lines.append(
                    "task %s (%s, %s): only in the dump: %s"
                    % (
                        ascii(name)[:60],
                        seen["class"],
                        seen["state"],
                        show(seen.get("chain") or []),
                    )
                )
        return found

    def compare_task(self, told, seen):
        where = "task %s" % ascii(told["name"])[:40]
        if not same_type(told["class"], seen["class"]):
            self.differ(where, "class", told["class"], seen["class"])
        if told["state"] != seen["state"]:
            self.differ(where, "state", told["state"], seen["state"])
        if bool(seen.get("must_cancel")) != told["must_cancel"]:
            self.differ(where, "must_cancel", told["must_cancel"], seen.get("must_cancel"))
        if told["cancels"] is not None and (seen.get("cancels_requested") or 0) != told["cancels"]:
            self.differ(where, "cancels_requested", told["cancels"], seen.get("cancels_requested"))
        if told["exception"] and not same_type(
            told["exception"], (seen.get("exception") or {}).get("type")
        ):
            self.differ(where, "exception", told["exception"], seen.get("exception"))
        if told["state"] in ("pending", "running"):
            self.compare_chain(where, told["chain"], seen.get("chain") or [])
            self.compare_wait(where, told, seen)
            self.compare_holds(where, told["holds"], seen.get("holds") or [])
            self.compare_context(where, told, seen)

    def compare_chain(self, where, told, seen):
        if len(told) != len(seen):
            return self.differ(
                where,
                "links",
                "%d: %s" % (len(told), show(told)),
                "%d: %s" % (len(seen), show(seen)),
            )
        for i, (a, b) in enumerate(zip(told, seen)):
            self.links += 1
            self.compare_link("%s link %d" % (where, i), a, b)

    def compare_link(self, where, told, seen):
        function = seen.get("function")
        if function not in (told["function"], told.get("own")) and not same_type(
            function, told["function"]
        ):
            self.differ(where, "function", told["function"], function)
        if told["file"] != seen.get("file"):
            self.differ(where, "file", told["file"], seen.get("file"))
        started = told.get("started", True)
        if told.get("line") != seen.get("line") and (started or seen.get("line") is not None):
            self.differ(where, "line", told.get("line"), seen.get("line"))
        kinds = ("coroutine", "awaitable") if told.get("native") else (told["kind"],)
        if seen.get("kind") not in kinds:
            self.differ(where, "kind", told["kind"], seen.get("kind"))
        if (
            told.get("column") is not None
            and seen.get("column") is not None
            and told["column"] + 1 != seen["column"]
        ):
            self.differ(where, "column (from 1)", told["column"] + 1, seen["column"])
        if told.get("column") is not None and seen.get("column") is None:
            self.differ(where, "column (from 1)", told["column"] + 1, None)
        for name, value in told.get("locals", {}).items():
            self.compare_local(
                "%s local %s" % (where, name), value, (seen.get("locals") or {}).get(name)
            )

    def compare_local(self, where, told, seen):
        if seen is None:
            return self.differ(where, "value", told, "nothing")
        if "value" in told and (
            "value" not in seen
            or seen["value"] is not told["value"]
            and seen["value"] != told["value"]
        ):
            self.differ(where, "value", told["value"], seen.get("value", "nothing"))
        if not same_type(told["type"], seen.get("type")):
            self.differ(where, "type", told["type"], seen.get("type"))

    def compare_wait(self, where, told, seen):
        wait = seen.get("waits_for") or {}
        if told["kinds"] and wait.get("kind") not in told["kinds"]:
            self.differ(where, "waits_for.kind", " or ".join(told["kinds"]), wait.get("kind"))
        if told["leaf"]:
            self.compare_leaf(where, told, wait)
        if told["leaf_task"]:
            other = self.by_id.get(wait.get("task")) or {}
            if plain(told["leaf_task"]) != plain(other.get("name")):
                self.differ(where, "awaited task", told["leaf_task"], other.get("name"))
        if told["behind"]:
            ids = list(wait.get("tasks") or []) + ([wait["task"]] if wait.get("task") else [])
            names = sorted({plain(self.by_id[i].get("name")) for i in ids if i in self.by_id})
            if names != told["behind"]:
                self.differ(where, "tasks it waits for", told["behind"], names)

    def compare_leaf(self, where, told, wait):
        """The awaited object has a record of its own, and what is named as waited for is it or the object it belongs to."""
        if not told["leaf_task"]:
            leaf = self.by_address.get(told["leaf_address"]) or {}
            if not same_type(told["leaf"], leaf.get("type")):
                self.differ(where, "record of the awaited object", told["leaf"], leaf.get("type"))
        named = (
            self.objects.get(wait.get("object"))
            or self.by_id.get(wait.get("object"))
            or self.by_id.get(wait.get("task"))
            or {}
        )
        kind = named.get("type") or named.get("class") or wait.get("type")
        if told["behind"] and named.get("id", "").startswith("T"):
            return  # a task that it waits for: compared by name
        if not any(same_type(may, kind) for may in told["may_wait_for"] + [told["leaf"]]):
            self.differ(where, "type of what it waits for", " or ".join(told["may_wait_for"]), kind)

    def compare_holds(self, where, told, seen):
        """In order. The analyzer's report names those with a record, which are those with attributes; decode.py describes all."""
        if not self.decoded:
            told = [one for one in told if one["attributes"]]
            seen = [{"type": self.objects[one]["type"]} for one in seen]
        types = [[one["type"] for one in side] for side in (told, seen)]
        if len(told) != len(seen) or not all(map(same_type, *types)):
            return self.differ(where, "holds", *types)
        for i, (a, b) in enumerate(zip(told, seen) if self.decoded else ()):
            self.compare_hold("%s held %d (%s)" % (where, i, a["type"]), a, b)

    def compare_hold(self, where, told, seen):
        for word in ("async", "inside"):
            if told[word] != seen[word]:
                self.differ(where, word, told[word], seen[word])
        if told["lines"] and not told["lines"][0] <= (seen["line"] or 0) <= told["lines"][1]:
            self.differ(where, "line of its with statement", told["lines"], seen["line"])

    def compare_context(self, where, told, seen):
        if told["context"] is None:
            return
        values = {}
        for name, value in (seen.get("context") or {}).items():
            value = value.get("value") if isinstance(value, dict) else value
            if isinstance(value, int):
                values[name] = value
        if values != told["context"]:
            self.differ(where, "context", told["context"], values)

    # Everything else

    def compare_counts(self):
        counts = self.report["dump"]["counts"]
        alive = sum(t["state"] in ("pending", "running") for t in self.tasks)
        told = {"tasks": alive, "read": alive, "torn": 0, "cut": 0}
        seen = {k: counts.get(k) for k in told}
        if told != seen:
            self.differ("dump", "counts", told, seen)
        if self.report["dump"].get("complete") is not True:
            self.differ("dump", "complete", True, self.report["dump"].get("complete"))

    def compare_loops(self):
        """Loops are matched by their tasks whose names are unique."""
        names = {}
        for task in self.tasks:
            names.setdefault(plain(task["name"]), []).append(task["loop"])
        names = {
            name: loops[0]
            for name, loops in names.items()
            if len(loops) == 1 and loops[0] is not None
        }
        of = {}
        for seen in self.report["tasks"]:
            if plain(seen.get("name")) in names and seen.get("loop"):
                of.setdefault(names[plain(seen["name"])], set()).add(seen["loop"])
        by_id = {loop["id"]: loop for loop in self.report.get("loops", [])}
        for number, told in enumerate(self.loops):
            where = "loop %d (%s)" % (number, told["class"])
            ids = of.get(number, set())
            shared = {i for n, found in of.items() if n != number for i in found}
            if len(ids) != 1 or not ids <= set(by_id) or ids & shared:
                self.differ(where, "loops of its tasks", "one of its own", sorted(ids))
                continue
            self.compare_loop(where, told, by_id[ids.pop()])
        if len(by_id) != len(self.loops):
            self.differ("dump", "number of loops", len(self.loops), len(by_id))

    def compare_loop(self, where, told, seen):
        if not same_type(told["class"], seen.get("class")):
            self.differ(where, "class", told["class"], seen.get("class"))
        for key in ("state", "ready", "timers", "fds"):
            if key in told and told[key] != seen.get(key):
                self.differ(where, key, told[key], seen.get(key))
                if key == "state":  # what it was concluded from
                    self.differ(where, "its threads", "", json.dumps([seen, self.report.get("threads")]))

    def compare_threads(self):
        by_tid = {t.get("tid"): t for t in self.report.get("threads", [])}
        for told in self.threads:
            seen = by_tid.get(told["tid"])
            where = "thread %s" % told["name"]
            if seen is None:
                self.differ(where, "tid", told["tid"], "no such thread")
                continue
            frames = [
                [f.get("function"), f.get("file"), f.get("line")] for f in seen.get("python") or []
            ]
            if told["frames"] not in (frames, frames[::-1]):
                self.differ(where, "frames", told["frames"], frames)


def compare(accounts, report, decoded=False):
    """The differences, one line each, and how many links were compared. decoded: the report comes from decode.py, which
    draws no conclusions."""
    one = Comparison(copy.deepcopy(accounts), report, decoded)
    if decoded:
        for told in one.tasks:
            told.update(
                kinds=None,
                behind=[],
                leaf=None if told["leaf_task"] else told["leaf"],
                leaf_task=None,
            )
        for told in one.loops:
            told.pop("state")
    return one.run(), one.links


def spoiled(accounts, decoded):
    """Accounts that are wrong in one place each: what a comparison must notice."""

    def change(what, function):
        copied = copy.deepcopy(accounts)
        function(copied[0]["tasks"])
        return what, copied

    def by_name(tasks, name):
        return next(t for t in tasks if t["name"] == name)

    yield change("a line number", lambda tasks: by_name(tasks, "deep")["chain"][30].update(line=1))
    yield change("a dropped task", lambda tasks: tasks.remove(by_name(tasks, "queue-get")))
    yield change(
        "an added task",
        lambda tasks: tasks.append(dict(by_name(tasks, "queue-get"), name="nobody")),
    )
    yield change("a dropped link", lambda tasks: by_name(tasks, "agen-by_two")["chain"].pop(1))
    yield change("a state", lambda tasks: by_name(tasks, "lock-waiter").update(state="running"))
    yield change(
        "a local",
        lambda tasks: by_name(tasks, "many-lines")["chain"][0]["locals"].update(
            negative={"type": "int", "value": 3}
        ),
    )
    yield change(
        "a context variable",
        lambda tasks: by_name(tasks, "context-set")["context"].update(number=41),
    )
    yield change("something held", lambda tasks: by_name(tasks, "held-stack")["holds"].pop(1))
    yield change("the order of what is held", lambda tasks: by_name(tasks, "held-two")["holds"].reverse())
    if decoded:
        yield change("a with statement", lambda tasks: by_name(tasks, "held-two")["holds"][1].update(lines=[1, 2]))
        yield change("a kind of block", lambda tasks: by_name(tasks, "held-sync")["holds"][0].update({"async": True}))
        yield change("a nesting", lambda tasks: by_name(tasks, "held-stack")["holds"][1].update(inside=False))
        return
    yield change(
        "a waited-for task", lambda tasks: by_name(tasks, "task-outer").update(leaf_task="ring-0")
    )


def options_of(mode):
    """The command line of varied.py for a mode such as "uvloop+thread+running"."""
    words = set(mode.split("+")) - {"plain"}
    options = ["--loop", "uvloop"] if "uvloop" in words else []
    options += [
        x for w, x in (("thread", "--thread"), ("subinterpreter", "--subinterpreter")) if w in words
    ]
    return (
        options
        + (["--running", "lock"] if "running" in words else [])
        + (["--running", "sleep"] if "sleeping" in words else [])
    )


def examine(one, options, *dump_options, control=False, keep=None, decoded=False):
    """Run, dump, compare: (differences, tasks compared, links compared)."""
    with lab.Target(
        one, PROGRAM, *options, uvloop="uvloop" in options, helpers=HELPERS
    ) as target, lab.Scratch() as scratch:
        accounts = json.loads(target.lines[0])
        lab.dumped(target.pid, scratch.file(), *dump_options)
        report = decode.read(scratch.file()) if decoded else lab.report(scratch.file())
        if keep:
            os.makedirs(keep, exist_ok=True)
            shutil.copy(scratch.file(), keep)
            for name, value in (("account", accounts), ("report", report)):
                with open(os.path.join(keep, name + ".json"), "w") as f:
                    json.dump(value, f, indent=1)
    return judge(accounts, report, control, decoded)


def judge(accounts, report, control=False, decoded=False):
    """(differences, tasks compared, links compared) of a report; control: spoiled accounts must be noticed."""
    lines, links = compare(accounts, report, decoded)
    if not decoded:
        lines += lab.schema_errors(report)[:5]
    if control:
        for what, wrong in spoiled(accounts, decoded):
            if set(compare(wrong, report, decoded)[0]) <= set(lines):
                lines.append("control: %s was not noticed" % what)
    return lines, sum(len(a["tasks"]) for a in accounts), links


def examine_inside(one, options, freeze, control=False):
    """The same of the dump that the program makes of itself by SIGUSR1; and its canonical report, which must be that of a dump
    from outside."""
    with inside.Dumps(one) as dumps, inside.Target(
        one,
        PROGRAM,
        *options,
        dumps=dumps,
        freeze=freeze,
        uvloop="uvloop" in options,
        helpers=HELPERS
    ) as target, lab.Scratch() as scratch:
        accounts = json.loads(target.lines[0])
        target.settle()
        path = target.ask()
        lab.dumped(target.pid, scratch.file())
        report, canonical = lab.report(path), lab.report(path, "canonical")
        decoded = decode.read(path) if control else None
        outside = lab.report(scratch.file(), "canonical")
    lines, tasks, links = judge(accounts, report, control)
    if decoded:  # by docs/format.md alone
        lines += ["decoded: " + line for line in compare(accounts, decoded, True)[0]]
    if canonical != outside:
        lines.append("canonical: " + first_difference(outside, canonical))
    return lines + head_faults(report["dump"], freeze), tasks, links, canonical


def head_faults(head, freeze):
    """What the head of a dump by SIGUSR1 from this process says wrongly."""
    right = {
        "hook": True,
        "reason": "usr1",
        "signal": int(signal.SIGUSR1),
        "sender": {"pid": os.getpid(), "uid": os.getuid()},
        "frozen": True if freeze == "snapshot" else head["frozen"],
    }
    return ["head: %s: %r" % (key, head[key]) for key in right if head[key] != right[key]]


def first_difference(old, new):
    """Where two canonical reports part."""
    pairs = zip(old.decode(errors="replace").split("\n"), new.decode(errors="replace").split("\n"))
    pair = next(
        (p for p in pairs if p[0] != p[1]),
        ("%d bytes" % len(old), "%d bytes" % len(new)),
    )
    return "%r, then %r" % (pair[0][:300], pair[1][:300])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="+")
    parser.add_argument("--loop", default="asyncio")
    parser.add_argument("--thread", action="store_true")
    parser.add_argument("--subinterpreter", action="store_true")
    parser.add_argument("--running", choices=("lock", "sleep"))
    parser.add_argument("--stop", action="store_true")
    parser.add_argument("--break", dest="control", action="store_true")
    parser.add_argument(
        "--decode", action="store_true", help="read the file with decode.py instead of the analyzer"
    )
    parser.add_argument("--keep")
    args = parser.parse_args()
    options = [x for x in ("--thread", "--subinterpreter") if getattr(args, x[2:])]
    options += ["--loop", args.loop] + (["--running", args.running] if args.running else [])
    bad = False
    for one in interpreters.find(args.names):
        if args.subinterpreter and one.number() < (3, 12):
            continue
        try:
            lines, tasks, links = examine(
                one,
                options,
                *(["--stop"] if args.stop else []),
                control=args.control,
                keep=args.keep,
                decoded=args.decode
            )
        except lab.Failed as e:
            lines, tasks, links = [str(e)], 0, 0
        bad = bad or bool(lines)
        print(
            "\n".join(
                ["%s: %s" % (one.name, x) for x in lines]
                + ["%s: %d tasks, %d links, %d differences" % (one.name, tasks, links, len(lines))]
            )
        )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
