#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The signal chain: programs that use SIGUSR1 see of the hook nothing but its dumps. Prints TAP.

  chain.py [--quick] [--only REGEX] [--jobs N] [--signals N] [--seeds N]

C programs run with a small library that holds the chain alone (chain_entry.c) and are compared with themselves without it;
Python programs (chain_python.py) run with that library and with libtaskcore.so, on every interpreter (--quick: one). A naive
hook (chain_naive.c) is the positive control: the same tests must find it wanting. --signals: for each blocking call of the
EINTR table; --seeds: random transcripts."""
import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.dirname(HERE))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
import interpreters  # noqa: E402
import lab  # noqa: E402
import parallel  # noqa: E402

TOP = os.path.dirname(os.path.dirname(HERE))
CC = os.environ.get("CC", "cc").split()
FLAGS = "-std=gnu11 -Wall -Wextra -Werror -O2 -g".split()
CHAIN = "common/hook_process signals/hook_action signals/hook_altstack signals/hook_chain signals/hook_fault signals/hook_next signals/hook_names hook_exec".split()
CASES = "start end handler guard storm".split()
WITH_DEATH = ("die", "pid-1")  # SIG_DFL ends the process, as in one without Python
WITH_HOOK = ("exec", "long-list", "die", "entry-stack")  # need nothing of the test library
NEEDS_UVLOOP = ("uvloop",)
STEPS = 3000

# reliability-ecosystem 3.1: what SA_RESTART hides, and what it does not (signal(7)).
HIDDEN = "read recv waitpid flock pthread_cond_timedwait".split()
SHOWN = (
    "poll select epoll_wait nanosleep clock_nanosleep usleep sem_timedwait futex sigtimedwait semtimedop msgrcv "
    "recv+SO_RCVTIMEO accept+SO_RCVTIMEO"
).split()


class Built:
    """The test programs and libraries, in a directory of their own that the programs can reach by the same name."""

    def __init__(self, directory):
        self.directory = directory
        sources = [os.path.join(TOP, "dumper", "hook", name + ".c") for name in CHAIN]
        sources += [os.path.join(TOP, "lib", "sys", name) for name in ("arch_x86_64.c", "sys.c")]
        library = "-shared -fPIC -fvisibility=hidden -fno-stack-protector -ftls-model=initial-exec -Wl,-z,now".split()
        self.chain = self.build("chain_entry", library + ["-iquote", TOP], sources)
        self.naive = self.build("chain_naive", ["-shared", "-fPIC"])
        self.no_restart = self.build("chain_naive", ["-shared", "-fPIC", "-DNO_RESTART"], name="no_restart")
        self.calls, self.eintr = (self.build(name, ["-pthread"]) for name in ("chain_calls", "chain_eintr"))
        cases = [os.path.join(HERE, "chain_case_%s.c" % name) for name in CASES]
        self.cases = self.build("chain_cases", ["-pthread", "-iquote", TOP], cases)
        self.hook = lab.program("libtaskcore.so")

    def build(self, source, options, more=(), name=None):
        path = os.path.join(self.directory, name or source)
        command = CC + FLAGS + list(options) + ["-o", path, os.path.join(HERE, source + ".c")]
        subprocess.run(command + list(more) + ["-ldl"], check=True)
        return path


def run(command, preload=None, env=None, cpu_s=60, **more):
    whole = {k: v for k, v in (env or os.environ).items() if not k.startswith("TASKCORE_") and k != "LD_PRELOAD"}
    if preload:
        whole["LD_PRELOAD"] = preload
    whole.update(more)

    def limits():
        """A hook that loops must end."""
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    return subprocess.run(
        command,
        env=whole,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/tmp",
        timeout=lab.WAIT_S,
        preexec_fn=limits,
        errors="replace",
        universal_newlines=True,
    )


def must_end_with_0(done):
    if done.returncode == 77:
        raise lab.Missing("not possible here: " + done.stdout.strip()[-200:])
    if done.returncode:
        raise lab.Failed("status %d: %s" % (done.returncode, done.stdout.strip()[-2000:]))
    return done.stdout.strip()


# C programs.


def difference(built, preload, seed):
    """The first line that differs from the program without a library, or None; and how many lines there were."""
    plain = run([built.calls, str(seed), str(STEPS)])
    hooked = run([built.calls, str(seed), str(STEPS)], preload, TEST_DIE="1")
    for a, b in zip(plain.stdout.split("\n"), hooked.stdout.split("\n")):
        if a != b:
            return "%r, with the hook %r" % (a, b), 0
    if plain.returncode != hooked.returncode:
        return "status %d, with the hook %d" % (plain.returncode, hooked.returncode), 0
    return None, plain.stdout.count("\n")


def test_transcripts(built, preload, first, n):
    lines = 0
    for seed in range(first, first + n):
        found, more = difference(built, preload, seed)
        if found:
            raise lab.Failed("seed %d: %s" % (seed, found))
        lines += more
    return "%d programs, %d lines" % (n, lines)


def test_case(built, name, preload):
    death = {"TEST_DIE": "1"} if name in WITH_DEATH else {}
    with tempfile.TemporaryDirectory() as directory:
        done = run([built.cases, name], preload, TASKCORE_DIR=directory, **death)
    return must_end_with_0(done).replace("\n", ", ")


def eintr_counts(built, mode, n, preload, **env):
    done = run([built.eintr, mode, str(n)], preload, **env)
    found = dict(re.findall(r"^([\w+]+) (\d+ \d+)$", done.stdout, re.M))
    if done.returncode == 77:
        raise lab.Missing(done.stdout.strip())
    if done.returncode or len(found) != len(HIDDEN) + len(SHOWN):
        raise lab.Failed("status %d: %s" % (done.returncode, done.stdout[-1000:]))
    return {k: tuple(map(int, v.split())) for k, v in found.items()}


def wrong_eintr(counts, n):
    return [
        "%s: %d of %d in the signalled thread, %d in another" % (name, own, n, other)
        for name, (own, other) in counts.items()
        if own != (0 if name in HIDDEN else n) or other
    ]


def test_eintr(built, mode, n, preload, **env):
    wrong = wrong_eintr(eintr_counts(built, mode, n, preload, **env), n)
    if wrong:
        raise lab.Failed("\n".join(wrong))
    return "%d calls, %d signals each" % (len(HIDDEN) + len(SHOWN), n)


def test_eintr_with_dumps(built, n):
    """A C program with an interpreter in it: real dumps."""
    with tempfile.TemporaryDirectory() as directory:
        text = test_eintr(
            built, "python", n, built.hook, TASKCORE_DIR=directory, TASKCORE_MIN_INTERVAL_S="0", TASKCORE_MAX_FILES="9999"
        )
        dumps = [f for f in os.listdir(directory) if f.endswith(".tcore")]
    if len(dumps) < n * (len(HIDDEN) + len(SHOWN)):
        raise lab.Failed("only %d dumps" % len(dumps))
    return "%s, %d dumps" % (text, len(dumps))


# Python programs.


def python_case(one, case, library, cpu_s=60):
    if case in NEEDS_UVLOOP and not one.has_uvloop():
        raise lab.Missing("no uvloop for %s" % one.name)
    program = one.place(os.path.join(HERE, "chain_python.py"))
    with tempfile.TemporaryDirectory(dir=(one.root or "") + "/tmp") as directory:
        inside = directory[len(one.root) :]
        shutil.copy(library, directory)
        settings = {
            "LD_PRELOAD": os.path.join(inside, os.path.basename(library)),
            "TASKCORE_DIR": inside,
            "TASKCORE_MIN_INTERVAL_S": "0",
            "TASKCORE_MAX_FILES": "9999",
        }
        setting = ["env"] + ["%s=%s" % pair for pair in settings.items()]
        command = setting + one.command[2 if one.root else 0 :] + [program, case]
        if one.root:
            command = interpreters.in_tree(one.root, command)
        return run(command, env=one.environment(case in NEEDS_UVLOOP), cpu_s=cpu_s)


def test_python(one, case, library):
    must_end_with_0(python_case(one, case, library))


# The control.


def control_transcripts(built):
    if not any(difference(built, built.naive, seed)[0] for seed in range(1, 5)):
        raise lab.Failed("the naive hook shows in no transcript")


def control_eintr(built):
    if not wrong_eintr(eintr_counts(built, "hook", 3, built.no_restart), 3):
        raise lab.Failed("a hook without SA_RESTART shows no EINTR")


def control_python(built, one, case):
    done = python_case(one, case, built.naive, cpu_s=3)
    if done.returncode == 0:
        raise lab.Failed("the naive hook passed")
    return (done.stdout.strip().split("\n") or [""])[-1][:80]


def tests(built, args):
    case_names = run([built.cases]).stdout.split()
    python_cases = run([sys.executable, os.path.join(HERE, "chain_python.py")]).stdout.split()
    found = interpreters.find()
    if args.quick:
        found = [i for i in found if i.name == "3.11-debian"] or found[:1]
    for library in (built.chain, built.hook):
        what = "random calls of sigaction and its relatives look as without us"
        for first in range(1, args.seeds + 1, 10):
            yield "%s, seeds from %d: %s" % (what, first, os.path.basename(library)), test_transcripts, (
                built,
                library,
                first,
                min(10, args.seeds + 1 - first),
            )
        for name in case_names:
            if library == built.hook and name in WITH_HOOK or library == built.chain and name != "entry-stack":
                yield "C %s: %s" % (name, os.path.basename(library)), test_case, (built, name, library)
    for mode, preload in (("bare", None), ("bare", built.chain), ("hook", built.chain), ("bare", built.hook)):
        what = "EINTR as documented, %s, %s" % (
            "a handler of its own" if mode == "bare" else "no handler",
            os.path.basename(preload) if preload else "no hook",
        )
        yield what, test_eintr, (built, mode, args.signals, preload)
    yield "EINTR as documented, real dumps", test_eintr_with_dumps, (built, min(20, args.signals))
    for one in found:
        for library in (built.chain, built.hook):
            for case in python_cases:
                yield "%s %s: %s" % (one.name, case, os.path.basename(library)), test_python, (one, case, library)
    with_vfork = [one for one in found if one.number() >= (3, 10)]  # in subprocess
    yield "control: the naive hook shows in a transcript", control_transcripts, (built,)
    yield "control: a hook without SA_RESTART shows in the EINTR table", control_eintr, (built,)
    for case in ("faulthandler_chain", "subprocesses"):
        yield "control: the naive hook fails in %s" % case, control_python, (
            built,
            (with_vfork or found)[0],
            case,
        )
    for name in [] if args.quick else interpreters.missing(found):
        yield "%s: interpreter" % name, parallel.absent, (name,)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--signals", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=50)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        chosen = [t for t in tests(Built(directory), args) if re.search(args.only, t[0])]
        return parallel.run_all(chosen, args.jobs)


if __name__ == "__main__":
    sys.exit(main())
