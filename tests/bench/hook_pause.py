# SPDX-License-Identifier: Apache-2.0
"""The hook's dumps by signal: how long the target stands still, when the file is complete, what comes after."""
import os
import signal
import statistics
import time

from hook_lab import HookTarget, dump_child, own_memory
from table import HERE, duration, lab, python

TARGET = os.path.join(HERE, "hook_target.py")
# Tasks, how much shorter the pause is to be than the classic handler, dumps, runs of the handler.
SIZES = ((1000, 100, 21, 5), (10000, 400, 15, 3), (100000, 2000, 7, 1))
COMPLETE_BAR = 75  # at 100,000 tasks
PER_THREAD_NS = 10000


def spread(values):
    return "%s (least %s)" % (duration(statistics.median(values)), duration(min(values)))


class Series:
    """Dumps of one target, in seconds; seen is the pause from outside, own what the dump says."""

    def __init__(self, dumps):
        self.seen = [d.seen / 1e9 for d in dumps]
        self.cpu = statistics.median(d.cpu / 1e9 for d in dumps)
        self.own = [d.pause / 1e9 for d in dumps if d.pause]
        self.complete = statistics.median(d.complete / 1e9 for d in dumps)
        self.pause = statistics.median(self.seen)


def pauses(target, runs):
    target.dump()  # the first one touches memory that later ones find touched
    return Series([target.dump() for _ in range(runs)])


class Completion:
    """How long until the file is there, and what the child works for it; the target waits meanwhile."""

    def __init__(self, target, runs):
        target.idle_dump()
        dumps = [target.idle_dump() for _ in range(runs)]
        self.all = [d.complete / 1e9 for d in dumps]
        self.complete = statistics.median(self.all)
        self.work = statistics.median(d.work / 1e9 for d in dumps)
        self.size = dumps[-1].size


def against_handler(bench, one, n, least, ours, done, classic):
    what = "{:,} tasks ({})".format(n, one.minor)
    allowed = classic.pause / least + PER_THREAD_NS / 1e9
    bench.row(
        "%s, pause by SIGUSR1 against the classic handler; %s of it processor time; the dump itself says %s"
        % (what, duration(ours.cpu), duration(statistics.median(ours.own))),
        spread(ours.seen),
        duration(classic.pause),
        classic.pause / ours.pause,
        "≥ {:,}× and 10 µs".format(least),
        ours.pause <= allowed,
    )
    bar = COMPLETE_BAR if n == 100000 else None
    bench.row(
        "%s, signal to file complete; of processor time %s against %s: %.0f×"
        % (what, duration(done.work), duration(classic.cpu), classic.cpu / done.work),
        spread(done.all),
        duration(classic.complete),
        classic.complete / done.complete,
        "≥ %d×" % bar if bar else "",
        classic.complete >= bar * done.complete if bar else None,
    )


def bench_pause(bench):
    """1k, 10k, 100k tasks against the classic handler in the same process."""
    for name in ("3.11-debian", "3.14-forky"):
        one = python(name)
        if not one:
            bench.missing("pause on " + name, "no such interpreter")
            continue
        for n, least, runs, classic_runs in SIZES:
            with HookTarget(one, TARGET, str(n)) as target:
                ours, done = pauses(target, runs), Completion(target, runs)
                classic = Series([target.classic(True) for _ in range(classic_runs)])
                bare = Series([target.classic(False) for _ in range(classic_runs)])
            against_handler(bench, one, n, least, ours, done, classic)
            bench.row(
                "{:,} tasks ({}), pause against the handler without locals".format(n, one.minor),
                duration(ours.pause),
                duration(bare.pause),
                bare.pause / ours.pause,
            )


def excess(column, begin, end, n_groups):
    """What the beats from begin to end took more than their group of tasks takes at other times (ns); a fault takes 500 or more."""
    normal = [statistics.median(column[group::n_groups]) for group in range(n_groups)]
    more = (column[i] - normal[i % n_groups] for i in range(begin, end))
    return sum(x for x in more if x > 2000)


def stolen(target, n, dump):
    """Beats over n tasks for 6 s, with a dump in the first: what those of the 5 s after it took beyond their normal time: in all
    and of the processor (s), page faults, and the pause."""
    target.order("beats %d 6" % n)
    time.sleep(0.5)
    start, pause = time.perf_counter_ns(), 0
    if dump:
        os.kill(target.pid, signal.SIGUSR1)
        pause = target.take().pause
    ends, wall, cpu, faults = target.answer()
    begin = next(i for i, at in enumerate(ends) if at > start and wall[i] >= pause)
    end = max(i for i, at in enumerate(ends) if at < ends[begin] + 5e9)
    lost = [excess(column, begin, end, n // 100) - pause for column in (wall, cpu)]
    return lost[0] / 1e9, lost[1] / 1e9, faults[end] - faults[begin], pause / 1e9


def bench_stolen(bench):
    """The 5 s after a dump: what a busy loop loses to copies of the pages it writes to and to the child."""
    one, n = python("3.11-debian"), 100000
    if not one:
        return bench.missing("time stolen after a dump", "no interpreter 3.11-debian")
    with HookTarget(one, TARGET, str(n)) as target:
        for touched, barred in ((1000, True), (n, False)):
            stolen(target, touched, True)
            pairs = [(stolen(target, touched, True), stolen(target, touched, False)) for _ in range(3)]
            more = [statistics.median(a[i] - b[i] for a, b in pairs) for i in range(3)]
            pause = statistics.median(a[3] for a, _ in pairs)
            bench.row(
                "{:,} tasks (3.11), stolen in the 5 s after a dump from a loop that touches {:,} of them all the time; "
                "{:,.0f} page faults, {} of it processor time; against the pause".format(
                    n, touched, more[2], duration(more[1])
                ),
                duration(more[0]),
                duration(pause),
                None,
                "≤ 2 × the pause" if barred else "",
                more[0] <= 2 * pause if barred else None,
            )


def bench_hook_million(bench):
    one, n = python("3.11-debian"), 1000000
    if not one:
        return bench.missing("1,000,000 tasks by signal", "no interpreter 3.11-debian")
    with HookTarget(one, TARGET, str(n)) as target:
        ours, done = pauses(target, 3), Completion(target, 3)
        os.kill(target.pid, signal.SIGUSR1)
        while not dump_child(target.pid):
            pass
        memory = own_memory(dump_child(target.pid), target.pid, target.watch)
        target.take()
    bench.row(
        "1,000,000 tasks (3.11), pause by SIGUSR1",
        spread(ours.seen),
        "the handler: 10 times its 100,000, at least",
        None,
        "≤ 100 ms",
        ours.pause <= 0.1,
    )
    bench.row(
        "1,000,000 tasks (3.11), signal to file complete, {:.0f} bytes a task; processor time {}".format(
            done.size / n, duration(done.work)
        ),
        spread(done.all),
        "",
        None,
        "≤ 2 s",
        done.complete <= 2,
    )
    above = memory["own"] - memory["bitmap"]
    bench.row(
        "1,000,000 tasks (3.11), memory of the dumping child above its page tables ({:.1f} MiB) and the bitmap of what was seen "
        "(at most {:.1f} MiB)".format(memory["tables"] / 2**20, memory["bitmap"] / 2**20),
        "%.1f MiB" % (above / 2**20),
        "",
        None,
        "≤ 64 MB",
        above <= 64e6,
    )


def bench_threads(bench):
    """8, 64, 512 threads that wait, beside 1,000 tasks: what each adds to the pause."""
    one, tasks, least = python("3.11-debian"), SIZES[0][0], SIZES[0][1]
    if not one:
        return bench.missing("threads", "no interpreter 3.11-debian")
    with HookTarget(one, TARGET, str(tasks)) as target:
        base = pauses(target, 21)
        classic = Series([target.classic(True) for _ in range(5)])
    for n in (8, 64, 512):
        with HookTarget(one, TARGET, str(tasks), str(n)) as target:
            ours = pauses(target, 21)
        more, cpu = (ours.pause - base.pause) / n, (ours.cpu - base.cpu) / n
        allowed = classic.pause / least + n * PER_THREAD_NS / 1e9
        bench.row(
            "1,000 tasks (3.11) and %d more threads: the pause; each thread adds %.1f µs (processor time %.1f µs)"
            % (n, 1e6 * more, 1e6 * cpu),
            spread(ours.seen),
            "handler / %d and 10 µs a thread: %s" % (least, duration(allowed)),
            None,
            "≤ that",
            ours.pause <= allowed,
        )


def bench_bound(bench):
    """3,000 and 10,000 threads that wait, beside 1,000 tasks: the pause against its bound, TASKCORE_PAUSE_MS."""
    one = python("3.11-debian")
    if not one:
        return bench.missing("pause against its bound", "no interpreter 3.11-debian")
    for n, bound in ((3000, 100), (3000, 20), (10000, 100)):
        settings = {"TASKCORE_PAUSE_MS": str(bound)}
        with HookTarget(one, TARGET, "1000", str(n), "65536", settings=settings) as target:
            ours = pauses(target, 9)
        bench.row(
            "1,000 tasks (3.11) and {:,} more threads, TASKCORE_PAUSE_MS={}: the pause; {} of it processor time".format(
                n, bound, duration(ours.cpu)
            ),
            spread(ours.seen),
            "",
            None,
            "≤ %d ms" % bound,
            ours.pause <= bound / 1e3,
        )
