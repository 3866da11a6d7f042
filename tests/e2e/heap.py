#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the dump says of the program's functions, against what is known of heap_target.py: which can be called without being named."""
import os

import decode
import lab

TARGET = os.path.join(lab.HERE, "heap_target.py")
KEPT, FOREIGN, CONSTRUCTOR = 1, 2, 4
DUMPS_MAX = 20
# by the function's own name: its flags
FLAGS = {
    "only_named": 0,
    "in_a_list": KEPT,
    "in_a_partial": KEPT,
    "weakly": KEPT,
    "late": 0,
    "quite_own": 0,
    "write": FOREIGN,
    "shown": 0,
    "alone": 0,
    "bound_later": KEPT,
    "made": 0,
    "mixed": FOREIGN,
    "of_both": FOREIGN,
    "of_mapping": FOREIGN,
}


def text(string):
    return string["text"] if string else ""


def functions(dump):
    """{its names, or that of its code: the record}"""
    found = {}
    for one in dump.records["function"]:
        if one["code"] and text(one["code"]["file"]).endswith("heap_target.py"):
            for name in [text(key) for key in one["keys"]] or ["code " + text(one["code"]["name"])]:
                found[name] = one
    return found


def must(true, what):
    if not true:
        raise lab.Failed(what)


def test_functions(one, *options):
    with lab.Target(one, TARGET) as target, lab.Scratch() as scratch:
        # the target may still be on its way to rest: then its lists change while they are read
        for _ in range(DUMPS_MAX):
            lab.dumped(target.pid, scratch.file(), *options)
            dump = decode.load(scratch.file())
            if dump.records["heap"]:
                break
        objects = int([line.split()[1] for line in target.lines if line.startswith("OBJECTS")][0])
    heap = dump.records["heap"]
    must(len(heap) == 1 and heap[0]["flags"] == 1, "the heap was not seen whole: %r" % heap)
    must(abs(heap[0]["objects"] - objects) < 200, "%d objects; it says %d" % (heap[0]["objects"], objects))
    found = functions(dump)
    for name, flags in FLAGS.items():
        must(name in found, "no record of %s" % name)
        must(found[name]["flags"] & 3 == flags, "%s: flags %d" % (name, found[name]["flags"]))
    must(found["code running"]["flags"] & KEPT, "a suspended generator is not said to run on")
    # a static method may be a class method, which may call the class
    for name, flags in ("Quiet", CONSTRUCTOR), ("Plain", CONSTRUCTOR | KEPT), ("Makes", CONSTRUCTOR | KEPT):
        must(found[name]["flags"] & 7 == flags, "%s: flags %d" % (name, found[name]["flags"]))
    must("__import__" in map(text, found["late"]["names"]), "a module that is not loaded is not told")
    must("release" in map(text, found["matched"]["nested"]), "the strings of a tuple are not told")
    return "%d objects, %d functions" % (objects, len(dump.records["function"]))


def test_alias(one):
    """The control: with getattr under another name nobody knows what code may use."""
    with lab.Target(one, TARGET, "alias") as target, lab.Scratch() as scratch:
        lab.dumped(target.pid, scratch.file(), "--stop")
        must(not decode.load(scratch.file()).records["heap"], "the heap counts as seen")


def tests(one):
    yield "%s: functions, who keeps them and what they name" % one.name, test_functions, (one,)
    yield "%s: the same with --stop" % one.name, test_functions, (one, "--stop")
    yield "%s: functions, and getattr under another name" % one.name, test_alias, (one,)
