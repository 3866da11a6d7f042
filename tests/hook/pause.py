#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the hook leaves out for the sake of TASKCORE_PAUSE_MS, and how little memory it maps meanwhile: thousands of threads, thousands of mappings,
a limit on the address space. Nothing here measures time: the pause is so short, or so long, that every machine is on the same side of it.
Prints TAP; names of tests as arguments run only these."""
import os
import re
import sys

from fault_files import sub
from hooked import Hooked, await_true, must, report, run, taskcore, whole

N_LOOPS = 3
THREADS = """
import threading
threading.stack_size(65536)
parked_for_ever = threading.Event()
loop_ids = []
def side():
    async def wait():
        loop_ids.append(threading.get_native_id())
        await asyncio.get_running_loop().create_future()
    asyncio.run(wait())
def before_ready():
    for i in range(%d):
        threading.Thread(target=parked_for_ever.wait, daemon=True).start()
    for i in range(%d):
        threading.Thread(target=side, daemon=True).start()
"""
UNKNOWN = re.compile(r"of (\d+) threads the state is unknown: the pause \(TASKCORE_PAUSE_MS\) had no time for it")


def with_threads(directory, here, n, **env):
    return Hooked(directory, here, code=THREADS % (n, N_LOOPS), env=env)


def asleep(target):
    """Wait until the loops of the other threads have gone to sleep."""
    def all_asleep():
        ids = target.ask("loop_ids")
        states = []
        for tid in ids:
            with open("/proc/%d/task/%d/stat" % (target.pid, tid)) as stat:
                states.append(stat.read().rpartition(")")[2].split()[0])
        return states == ["S"] * N_LOOPS

    await_true(all_asleep, "loops that sleep")


def side_loops(found, target):
    """The loops of the other threads: idle, and each one's thread is known to the kernel and to the interpreter."""
    tids = {t["tid"]: t for t in found["threads"]}
    for tid in target.ask("loop_ids"):
        thread = tids[tid]
        must(thread.get("state") == "S" and thread["python"] and "loop" in thread, "thread of a loop: %s" % thread)
        state = [loop["state"] for loop in found["loops"] if loop["id"] == thread["loop"]]
        must(state == ["idle"], "its loop is %s" % state)


def joined(found, n):
    """All threads are there once, each with its name and its Python frames."""
    threads = found["threads"]
    must(len(threads) == n, "%d threads of %d" % (len(threads), n))
    bare = [t for t in threads if not t.get("name") or not t["python"]]
    must(not bare, "%d threads are not joined: %s" % (len(bare), bare[:2]))


def stateless(found):
    return sum(t.get("state", "?") == "?" for t in found["threads"])


def test_threads_within_the_pause(directory):
    """5,000 threads and a pause of 1 ms: the loops' threads are read, the others listed; how many is said. With time, and from outside, all are"""
    n = 5000
    for pause, freeze in (("1", "snapshot"), ("600000", "snapshot"), ("600000", "place")):
        here = sub(directory, pause + freeze)
        with with_threads(directory, here, n, TASKCORE_PAUSE_MS=pause, TASKCORE_FREEZE=freeze) as target:
            asleep(target)
            found = whole(target.dump(), 4 + N_LOOPS, complete=None)
            joined(found, n + N_LOOPS + 1)
            side_loops(found, target)
            said = UNKNOWN.search(" ".join(found["dump"]["truncated"]))
            must(stateless(found) == (int(said.group(1)) if said else 0), "%d without a state, said: %s" % (stateless(found), said))
            must(not said if pause != "1" else said and int(said.group(1)) > n // 2, "said: %s" % found["dump"]["truncated"])
            if pause == "1":
                path = os.path.join(here, "outside.tcore")
                done = taskcore("dump", str(target.pid), "-o", path)
                must(done.returncode == 0, done.stderr)
                found = report(path)
                joined(found, n + N_LOOPS + 1)
                side_loops(found, target)
            target.lives()


def test_few_threads_are_always_read(directory):
    """a pause of 0 ms, which is over before anything is read, as it is on a busy machine: where there are few threads all have their state"""
    with with_threads(directory, directory, 8, TASKCORE_PAUSE_MS="0", TASKCORE_FREEZE="snapshot") as target:
        asleep(target)
        found = whole(target.dump(), 4 + N_LOOPS, complete=None)
        side_loops(found, target)
        must(stateless(found) == 0 and not UNKNOWN.search(" ".join(found["dump"]["truncated"])), found["dump"]["truncated"])
        target.lives()


def test_threads_in_place(directory):
    """1,000 threads, 1 ms and no copy: loops that run are not called stopped, and what was left out is said"""
    n = 1000
    with with_threads(directory, directory, n, TASKCORE_PAUSE_MS="1", TASKCORE_FREEZE="place") as target:
        asleep(target)
        found = whole(target.dump(), complete=None)
        must([loop["state"] for loop in found["loops"]].count("stopped") == 0, "loops: %s" % found["loops"])
        must("threads that run no loop: there was no time" in " ".join(found["dump"]["truncated"]), found["dump"]["truncated"])
        target.lives()


MAPS = """
import mmap
maps = []
def before_ready():
    for i in range(%d):
        maps.append(mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=(3, 1)[i & 1]))
"""
TOO_LONG = "a copy takes longer than TASKCORE_PAUSE_MS"


def test_mappings_count(directory):
    """30,000 mappings: a copy of them takes longer than 20 ms, so none is made, which is said; with time there is one"""
    for pause in ("20", "600000"):
        here = sub(directory, pause)
        with Hooked(directory, here, code=MAPS % 30000, env={"TASKCORE_PAUSE_MS": pause}) as target:
            for _ in range(2):  # the first counts them, the second knows
                found = whole(target.dump(), complete=None)
                told = TOO_LONG in " ".join(found["dump"]["truncated"])
                must(told == (pause == "20"), found["dump"]["truncated"])
            target.lives()


def test_all_tasks_are_worth_a_longer_pause(directory):
    """A copy that takes longer than the pause, but not twice: made for 40,000 tasks, which could not be read in place, not for 4, nor with half the pause"""
    for tasks, pause, copied in ((40000, "40", True), (4, "40", False), (40000, "20", False)):
        here = sub(directory, "%d-%s" % (tasks, pause))
        with Hooked(directory, here, MAPS % 30000, tasks, env={"TASKCORE_PAUSE_MS": pause}) as target:
            target.dump()  # which counts the mappings, where there is time for that
            found = whole(target.dump(), tasks if copied or tasks == 4 else None, complete=None)
            told = TOO_LONG in " ".join(found["dump"]["truncated"])
            must(told != copied, "%d tasks, %s ms: %s" % (tasks, pause, found["dump"]["truncated"]))
            target.lives()


ADDRESS_SPACE = """
import mmap, resource, threading
ballast = bytearray(b"x" * (100 << 20))
def before_ready():
    global limit
    limit = int(open('/proc/self/statm').read().split()[0]) * 4096 + (1200 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
maps, stop = [0, 0], []
def map_all_the_time():
    while not stop:
        try:
            mmap.mmap(-1, 600 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
            maps[0] += 1
        except (OSError, MemoryError):
            maps[1] += 1
def after_ready():
    global worker
    worker = threading.Thread(target=map_all_the_time)
    worker.start()
"""


def test_address_space_is_left_alone(directory):
    """In place, with a limit that leaves 1,200 MB: a program that maps 600 MB again and again is never refused"""
    for freeze in ("auto", "place"):
        here = sub(directory, freeze)
        with Hooked(directory, here, code=ADDRESS_SPACE, env={"TASKCORE_FREEZE": freeze}) as target:
            for _ in range(10):
                whole(target.dump(), 4, complete=None)
            maps = target.ask("stop.append(1) or worker.join() or maps")
            must(maps[0] and not maps[1], "of its own mappings %d were made and %d were refused" % tuple(maps))


TESTS = [f for f in sorted((f for n, f in globals().items() if n.startswith("test_")), key=lambda f: f.__code__.co_firstlineno)]

if __name__ == "__main__":
    sys.exit(run([test for test in TESTS if not sys.argv[1:] or test.__name__ in sys.argv[1:]]))
