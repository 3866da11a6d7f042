# SPDX-License-Identifier: Apache-2.0
"""Surroundings in which little can be done, or in which signals mean something else: the program's fate is as without us, and what could be
written is readable."""
import collections
import errno
import os
import re
import subprocess

import crash_lab
from crash_cases import case, crashed, end_of, tasks_said
from crash_lab import lab, must, status_text
from fault_seccomp import CALLS, DENY

# prepare: what the program does before it crashes. prefix: what runs it. dump: whether there must be one (yes, maybe, no) if it crashes;
# cut: the dump may be without its end, or without some tasks.
Place = collections.namedtuple("Place", "text prepare prefix dump cut env")


def place(text, prepare="", prefix=(), dump="yes", cut=False, **env):
    return Place(text, prepare, prefix, dump, cut, env)


MOUNTS = ["unshare", "--mount", "--propagation", "private", "sh"]


def in_mounts(script):
    """A prefix: the command in mounts of its own."""
    return MOUNTS + ["-e", "-c", script + '\nexec "$@"', "sh"]


LIMIT = "import resource; resource.setrlimit(resource.RLIMIT_%s, (%s, %s))"
TAKE_ALL = LIMIT % ("NOFILE", 64, 64) + """
taken = []
try:
    while True:
        taken.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
"""
CHROOT = """
os.makedirs("jail" + os.environ["TASKCORE_DIR"])
os.chroot("jail")
os.chdir("/")
"""
AS = """
import resource
with open("/proc/self/statm") as f:
    size = int(f.read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (size + (%d << 20),) * 2)
"""


CALLS = dict(CALLS, tgkill=234)


def denied(*names, error="EPERM"):
    return DENY + "assert deny(%r, %d)" % ([CALLS[name] for name in names], getattr(errno, error))


INNER = ["unshare", "--pid", "--fork", "--kill-child"]
PID_1 = ["env"]
CHILD = ["sh", "-c", '"$@"; exit $?', "sh"]  # as another than PID 1; its status is an exit code

PLACES_HERE = [
    place("dumps are off", TASKCORE_CRASH="off", dump="no"),
    place("no core is wanted", LIMIT % ("CORE", 0, 0)),
    place("files of no byte at all", LIMIT % ("FSIZE", 0, 0), dump="maybe", cut=True),
    place("files of 5,000 bytes", LIMIT % ("FSIZE", 5000, 5000), dump="maybe", cut=True),
    place("files of 100,000 bytes", LIMIT % ("FSIZE", 100000, 100000), dump="maybe", cut=True),
    place("a directory that is not there", TASKCORE_DIR="/nowhere/at/all", dump="maybe"),
    place("a directory that nobody can write to", TASKCORE_DIR="/proc/self", dump="maybe"),
    place("no descriptor left", TAKE_ALL),
    place("no descriptor for anybody", LIMIT % ("NOFILE", 0, 0), dump="maybe"),
    place("no address space left", AS % 0, dump="maybe", cut=True),
    place("1 MB of address space left", AS % 1, dump="maybe", cut=True),
    place("no /proc", prefix=in_mounts("mount -t tmpfs none /proc"), dump="maybe", cut=True),
    place("a chroot without /proc", CHROOT, dump="maybe", cut=True),
    place("no core by prctl", "ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)", cut=True),
    place("process_vm_readv denied", denied("process_vm_readv"), cut=True),
    place("clone denied", denied("clone", "clone3"), dump="maybe", cut=True),
    place("clone unknown", denied("clone", "clone3", error="ENOSYS"), dump="maybe", cut=True),
    place("openat denied", denied("openat"), dump="maybe", cut=True),
    place("signals with data denied", denied("rt_sigqueueinfo", "rt_tgsigqueueinfo"), dump="maybe", cut=True),
    place("mmap denied", denied("mmap"), dump="maybe", cut=True),
    place("futex denied", denied("futex"), dump="maybe", cut=True),
    place("clocks denied", denied("clock_gettime"), dump="maybe", cut=True),
    place("PID 1 of a pid namespace, with the /proc of outside", prefix=INNER + PID_1),
    place("PID 1 of a pid namespace", prefix=INNER + ["--mount-proc"] + PID_1),
    place("a pid namespace with the /proc of outside", prefix=INNER + CHILD),
    place("a pid namespace", prefix=INNER + ["--mount-proc"] + CHILD),
    place("signals ignored", "for n in (4, 6, 7, 8, 11): signal.signal(n, signal.SIG_IGN)"),
    place("signals handled by Python", "for n in (6, 8): signal.signal(n, lambda n, _: print('handled', n, flush=True) or os._exit(3))"),
    place("signals blocked", "signal.pthread_sigmask(signal.SIG_BLOCK, [4, 6, 7, 8, 11])", dump="maybe"),
]
ALL_KINDS = ("null", "abort", "python-kill", "raised-segv")


def may(prefix):
    """Whether what the prefix does may be done here."""
    if not prefix:
        return
    done = subprocess.run(list(prefix) + ["true"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode:
        raise lab.Missing("not possible here: " + done.stderr.decode(errors="replace").strip()[-100:])


def test_place(built, one, it, here):
    may(here.prefix)
    plain = crashed(built, one, it, [], here.prefix, here.prepare, **here.env)
    hooked = crashed(built, one, it, [built.hook], here.prefix, here.prepare, **here.env)
    must(hooked.status == plain.status, "it ended with %s, without the hook %s: %s", status_text(hooked.status), status_text(plain.status), hooked.lines())
    crash_lab.same_output(hooked.told(), plain.told())
    must(len(hooked.cores) == len(plain.cores), "%d cores of the kernel, without the hook %d", len(hooked.cores), len(plain.cores))
    must(not hooked.others, "left behind: %s", hooked.others)
    ended = end_of(plain) & 0x7F or max(0, (plain.status >> 8) - 128)
    if not ended:
        must(here.dump != "no" or not hooked.reports, "a dump all the same")
        return "it lives on, %d dumps" % len(hooked.reports)
    must(here.dump != "no" or not hooked.reports, "a dump all the same")
    must(here.dump != "yes" or len(hooked.reports) == 1, "%d dumps: %s", len(hooked.reports), hooked.lines())
    must(len(hooked.reports) <= 1, "%d dumps: %s", len(hooked.reports), hooked.lines())
    for path, _, found in hooked.reports:
        must(re.search(r"\.(%s)\.tcore$" % "|".join(crash_lab.SIGNALS.values()), path), "its name: %s", path)
        if not here.cut:
            tasks_said(found, it)
    return "" if hooked.reports else "no dump: %s" % "".join(hooked.lines()).strip()[:100]


def test_mounted(built, one, it, options, made):
    """A file system of its own for the dumps, mounted where we can look at it afterwards."""
    may(in_mounts("true"))
    script = 'cd "$0"; mount -t tmpfs -o %s none dumps; "$@"; status=$?; cp -r dumps copy; exit $status' % options
    runs = []
    for preload in ([], [built.hook]):
        with crash_lab.laboratory(built, one) as at:
            ran = at.run(at.target(it.kind, it.place, it.way, it.loop), preload, prefix=MOUNTS + ["-c", script, at.inside])
            copy = os.path.join(at.directory, "copy")
            ran.left = sorted(os.listdir(copy)) if os.path.isdir(copy) else None
            ran.found = [crash_lab.sealed(os.path.join(copy, name)) for name in ran.left or () if name.endswith(".tcore")]
            ran.elsewhere = [crash_lab.sealed(path) for path in ran.saved()]
            runs.append(ran)
    plain, hooked = runs
    must(hooked.status == plain.status, "it ended with %s, without the hook %s", status_text(hooked.status), status_text(plain.status))
    must(plain.status >> 8 > 128, "it did not crash: %s %s", status_text(plain.status), plain.told())
    must(all(name.endswith(".tcore") for name in hooked.left), "left behind: %s", hooked.left)
    must(len(hooked.found) == made, "%d dumps there: %s", len(hooked.found), hooked.lines())
    return "%d elsewhere; %s" % (len(hooked.elsewhere), "".join(hooked.lines()).strip()[-100:])


def tests(built, one, full):
    for here in PLACES_HERE:
        for kind in ALL_KINDS if full else ALL_KINDS[:2]:
            yield "%s: %s, %s" % (one.name, here.text, kind), test_place, (built, one, case(kind), here)
    for text, options, made in (("a full disk", "size=8k", 0), ("a small disk", "size=64k", 0), ("a disk with room", "size=4m", 1),
                                ("a directory that is read-only", "ro", 0), ("no inode left", "nr_inodes=1", 0)):
        yield "%s: %s" % (one.name, text), test_mounted, (built, one, case("null"), options, made)
    if full:
        for name in sorted(CALLS):
            for error in ("EPERM", "ENOSYS"):
                here = place("%s: %s" % (name, error), denied(name, error=error), dump="maybe", cut=True)
                for kind in ALL_KINDS[:2]:
                    yield "%s: %s, %s" % (one.name, here.text, kind), test_place, (built, one, case(kind), here)
