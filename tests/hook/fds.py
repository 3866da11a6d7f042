#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The descriptors in a dump, against what the program says of them itself (fds_target.py): made by the hook, and from outside
(fds_outside.py). Prints TAP."""
import os
import resource
import subprocess
import sys

from hooked import ANALYZE, HERE, LONG_S, TARGET, Hooked, Skip, await_true, must, run, tests_of, whole

sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
sys.path.insert(0, os.path.join(HERE, ".."))
import decode  # noqa: E402
import fds_outside  # noqa: E402
import interpreters  # noqa: E402

MAX = 16384  # docs/format.md section 8
CODE = "import sys; sys.path.insert(0, %r); from fds_target import *; " % HERE
STATES = [None, "established", "syn-sent", "syn-recv", "fin-wait-1", "fin-wait-2", "time-wait", "close", "close-wait", "last-ack", "listen", "closing"]
MISSING = {"kind": 1, "family": 2, "local": 4, "peer": 8}  # lib/format/format.h: TC_FD_NO_…
# What the kinds of fds_target.py must be, beside what it says: (state, bytes to be read, bytes not yet sent); None: whatever it says.
ROLES = {
    "tcp4-listen": ("listen", None, None), "tcp4": ("established", 0, 0), "tcp4-unread-accepted": ("established", 2304, 0),
    "tcp4-closed": ("close-wait", 3, 0), "tcp4-finished": ("fin-wait-2", None, 0), "tcp4-finished-accepted": ("close-wait", 0, 0),
    "tcp6": ("established", 0, 0), "tcp46-accepted": ("established", 0, 0), "tcp4-new": ("close", None, None),
    "tcp4-waits-3": ("syn-sent", None, None), "unix-listen": ("listen", None, None), "unix": ("established", 0, 0),
    "pair": ("established", 100, 0), "pair-closed": ("close-wait", 0, 0), "pair-finished": ("close-wait", 0, 0),
    "pair-datagrams": (None, 4, 0), "udp": (None, 7, 0),
    "pipe": ("established", 5, None), "pipe-closed": ("close-wait", 4, None), "pipe-unread": ("close-wait", 0, None), "epoll": (None, None, None),
}


def flat(account):
    return {one.pop("fd"): one for one in ({**one} for one in account)}


def same(told, found, where):
    """Every descriptor is what the program says; nothing is missing, nothing is there besides."""
    told, found = flat(told), flat(found)
    must(sorted(found) == sorted(told), "%s: the program has %s, the dump %s" % (where, sorted(told), sorted(found)))
    for fd, one in found.items():
        must(one == told[fd], "%s: descriptor %d: the program says %s, the dump %s" % (where, fd, told[fd], one))


def as_account(one):
    """What the report says of one descriptor, in the words of the record."""
    state = STATES.index(one.get("state"))
    told = {word: one.get(word, "") for word in ("local", "peer", "name")}
    return dict(told, fd=one["fd"], family=one.get("family", 0), socket_type=one.get("socket_type", 0), state=state or 0,
                unread=one.get("unread"), unsent=one.get("unsent"), missing=sum(MISSING[word] for word in one.get("not_known", [])))


def without_type(account):
    return [{k: v for k, v in one.items() if k != "file_type"} for one in account]


def compare(target):
    """By both readers; the report."""
    after = target.ask("account()")
    for _ in range(100):  # TCP acknowledges late what it has taken: until the queues are the same before and after a dump
        told, path, after = after, target.dump(), target.ask("account()")
        if told == after:
            break
    found = whole(path)
    same(told, decode.read(path)["descriptors"], "decode.py")
    same(without_type(told), [as_account(one) for one in found["descriptors"]], "the report")
    return found


def ipv6_kinds(by_fd, roles):
    must(by_fd[roles["udp6"]]["kind"] == "udp" and by_fd[roles["tcp6"]]["kind"] == "tcp", "kinds")
    must(by_fd[roles["udp6-fe80::1:2"]]["local"].startswith("[fe80::1:2%1]:"), "scope: %s" % by_fd[roles["udp6-fe80::1:2"]])
    must(by_fd[roles["tcp46-accepted"]]["peer"].startswith("[::ffff:127.0.0.1]:"), "mapped: %s" % by_fd[roles["tcp46-accepted"]])


def test_every_kind(scratch):
    """every descriptor is in the dump as the program itself says it is: addresses, peers, bytes that wait, states"""
    with Hooked(scratch, scratch, CODE + "open_all(%r)" % scratch) as target:
        found = compare(target)
        roles = target.ask("roles")
        by_fd = {one["fd"]: one for one in found["descriptors"]}
        if target.ask("have_ipv6()"):
            ipv6_kinds(by_fd, roles)
        for role, (state, unread, unsent) in ROLES.items():
            if role not in roles and not target.ask("have_ipv6()"):
                continue
            one = by_fd[roles[role]]
            must(one.get("state") == state, "%s is %s" % (role, one))
            must(unread is None or one["unread"] == unread, "%s is %s" % (role, one))
            must(unsent is None or one["unsent"] == unsent, "%s is %s" % (role, one))
        for role in ("tcp4-unsent", "unix-name"):
            must(by_fd[roles[role]]["unsent"] > 4096, "%s is %s" % (role, by_fd[roles[role]]))
        kinds = {role: by_fd[fd]["kind"] for role, fd in roles.items()}
        for role, kind in (("tcp4", "tcp"), ("udp", "udp"), ("unix", "unix"), ("netlink", "netlink"), ("fifo", "pipe"), ("epoll", "other"),
                           ("directory", "directory"), ("handle", "directory"), ("device", "device"), ("file", "file")):
            must(kinds[role] == kind, "%s is of kind %s" % (role, kinds[role]))


def test_in_place(scratch):
    """a walk in place, whose file a child makes, tells the same"""
    with Hooked(scratch, scratch, CODE + "open_all(%r)" % scratch, env={"TASKCORE_FREEZE": "place"}) as target:
        compare(target)


def test_all_taken(scratch):
    """a program that has no descriptor left is told of too"""
    limit = "open_all(%r); from resource import *; setrlimit(RLIMIT_NOFILE, (200, getrlimit(RLIMIT_NOFILE)[1]))\n" % scratch
    code = limit + "def after_ready():\n try:\n  while True: kept.append(os.dup(0))\n except OSError: pass\n"
    with Hooked(scratch, scratch, CODE + code) as target:
        target.lives()
        found = whole(target.dump())["descriptors"]
        must([one["fd"] for one in found] == list(range(200)), "not all: %s" % [one["fd"] for one in found])
        again = whole(target.dump())["descriptors"]
        must([one["fd"] for one in again] == list(range(200)), "not all in the next dump: %s" % again)


def test_lowest_closed(scratch):
    """where numbers 0 and 1 are free, the dump's own descriptors are not told of, and threads keep their names"""
    code = "no_stdin = True\ndef after_ready(): os.close(0); os.close(1)\n"
    with Hooked(scratch, scratch, CODE + code) as target:
        with open("/proc/%d/comm" % target.pid) as file:
            name = file.read().strip()
        for _ in range(2):
            await_true(lambda: not os.path.exists("/proc/%d/fd/1" % target.pid), "the end of its standard output")
            found = whole(target.dump())
            numbers = [one["fd"] for one in found["descriptors"]]
            must(numbers == sorted(map(int, os.listdir("/proc/%d/fd" % target.pid))), "descriptors %s" % numbers)
            must(found["threads"][0]["name"] == name, "thread %s" % found["threads"][0])


def test_beyond_bound(scratch):
    """of very many descriptors the first 16,384 are recorded, and the rest is counted"""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < MAX + 600:
        raise Skip("no more than %d descriptors are allowed here" % hard)
    code = "from resource import *; setrlimit(RLIMIT_NOFILE, (%d, %d))\n" % (MAX + 500, hard)
    code += "def after_ready():\n try:\n  while True: kept.append(os.dup(0))\n except OSError: pass\n"
    with Hooked(scratch, scratch, CODE + code) as target:
        target.lives()
        found = whole(target.dump(), said="descriptors: the first 16384 are recorded, 500 more are not")
        must([one["fd"] for one in found["descriptors"]] == list(range(MAX)), "%d recorded" % len(found["descriptors"]))


def connections(found, target, name):
    """The transports of the report against what the program says of them."""
    roles = target.ask("roles")
    by_fd = {one["fd"]: one for one in found["objects"] if "fd" in one}
    for role in ("reads", "drains", "reads-pipe"):
        fd, peer = roles[role]
        must(fd in by_fd, "%s: no object of %s has descriptor %d: %s" % (name, role, fd, by_fd))
        must(by_fd[fd].get("peer", "") == peer, "%s: %s is connected with %s, the dump says %s" % (name, role, peer, by_fd[fd]))
    kinds = {task["waits_for"]["kind"] for task in found["tasks"] if task["waits_for"]}
    must({"stream_read", "stream_drain"} <= kinds, "%s: tasks wait for %s" % (name, kinds))
    return by_fd, roles


def shown(path, one):
    done = subprocess.run([ANALYZE, "show", path, one], capture_output=True, text=True, timeout=LONG_S)
    return [line.strip() for line in done.stdout.splitlines() if line.strip().startswith("descriptor ")]


def check_streams(scratch, one):
    if os.path.exists(os.path.join(scratch, one.name)):
        return
    directory = os.path.join(scratch, one.name)
    os.mkdir(directory)
    command = [*one.command, TARGET, "1", CODE + "after_ready = start_streams"]
    with Hooked(directory, directory, command=command) as target:
        # Each is at its wait when all have said their roles and the loop has answered twice.
        await_true(lambda: {"reads", "drains", "reads-pipe"} <= set(target.ask("roles")), "the streams of " + one.name)
        await_true(lambda: target.ask("all(t._fut_waiter is not None or t is asyncio.current_task() for t in asyncio.all_tasks(loop))"), "all waits")
        path = target.dump()
        by_fd, roles = connections(whole(path), target, one.name)
        line, = shown(path, by_fd[roles["reads"][0]]["id"])
        must(line.endswith(" -> %s, 0 bytes to read, 0 not yet sent" % roles["reads"][1]), line)
        line, = shown(path, by_fd[roles["drains"][0]]["id"])
        must(line.startswith("descriptor %d: tcp 127.0.0.1:" % roles["drains"][0]) and "," in line.split(" not yet sent")[0].rsplit(" ", 1)[1], line)
        line, = shown(path, by_fd[roles["reads-pipe"][0]]["id"])
        must(line.startswith("descriptor %d: pipe:[" % roles["reads-pipe"][0]), line)


def test_streams(scratch):
    """asyncio's transports are joined with their descriptors, in every interpreter"""
    found = [one for one in interpreters.find() if not one.root]
    if not found:
        raise Skip("no interpreter")
    for one in found:
        check_streams(scratch, one)


def test_values_left_out(scratch):
    """without values an object has no descriptor, and the descriptors are there all the same"""
    command = [sys.executable, TARGET, "1", CODE + "after_ready = start_streams"]
    with Hooked(scratch, scratch, command=command, env={"TASKCORE_VALUES": "none"}) as target:
        await_true(lambda: {"reads", "drains", "reads-pipe"} <= set(target.ask("roles")), "the streams")
        found = whole(target.dump())
        must(len(found["descriptors"]) > 8, "descriptors: %s" % found["descriptors"])
        must(not [one for one in found["objects"] if "fd" in one], "an object has a descriptor")


if __name__ == "__main__":
    tests = tests_of(sys.modules[__name__]) + tests_of(fds_outside)
    sys.exit(run([test for test in tests if not sys.argv[1:] or test.__name__ in sys.argv[1:]]))
