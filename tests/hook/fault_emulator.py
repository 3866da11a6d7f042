# SPDX-License-Identifier: Apache-2.0
"""Programs under valgrind and qemu-user, where a clone would end them: the dump is refused; in gVisor, where it is made."""
import os
import shutil
import signal
import subprocess
import sys

from fault_files import sub
from hooked import LIBRARY, Hooked, Skip, dumps_in, environment, must, program, report, taskcore, whole

HANDLER = "import signal; got = []; signal.signal(signal.SIGUSR1, lambda *a: got.append('handler'))"
IGNORED = "import signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN)"
PYTHON = "/usr/bin/python3"  # these tools know no shell scripts in its place


def emulator(name, *options):
    if not shutil.which(name):
        raise Skip("no " + name)
    if not os.access(PYTHON, os.X_OK):
        raise Skip("no " + PYTHON)
    return [shutil.which(name), *options]


def target_under(tool, directory, code="", **options):
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hooked_target.py")
    return Hooked(directory, sub(directory, "dumps"), command=[*tool, PYTHON, "-S", here, "4", code], **options)


def refuses(tool, name, directory, **options):
    """By SIGUSR1, whatever the program does with that, by taskcore signal and by the API: no dump, one line, and it lives on."""
    for code in ("", HANDLER, IGNORED):
        scratch = sub(directory, "of%d" % len(os.listdir(directory)))
        with target_under(tool, scratch, code, **options) as target:
            target.refused("under " + name)
            must(code != HANDLER or target.ask("got") == ["handler"], "its handler did not run")
            done = taskcore("signal", target.pid)
            must(done.returncode == 3 and name in done.stderr and "taskcore dump %d" % target.pid in done.stderr, done.stderr)
            must(name in taskcore("status", target.pid).stdout, "status")
            target.lives()
            must(target.said().count("taskcore:") == 1, target.said())
            must(dumps_in(target.dumps) == [], "a dump")
            if not code:  # from outside it is read as any other process
                done = taskcore("dump", target.pid, "-o", os.path.join(scratch, "outside.tcore"))
                must(done.returncode == 0 and done.stderr == "", done.stderr)
                must(report(os.path.join(scratch, "outside.tcore"))["dump"]["counts"]["read"] == target.tasks, "tasks from outside")
                target.lives()


def test_valgrind(directory):
    """under valgrind a dump is refused in one line, the program's own disposition happens, it lives on, and memcheck finds no error"""
    tool = emulator("valgrind", "-q", "--error-exitcode=9")
    refuses(tool, "valgrind", directory)
    with target_under(tool, directory) as target:
        target.refused("under valgrind")
        must(all(line.startswith("taskcore: ") for line in target.said().splitlines()), target.said())


def test_qemu(directory):
    """under qemu-user a dump is refused in one line, the program's own disposition happens, and it lives on"""
    tool = emulator("qemu-x86_64", "-E", "LD_PRELOAD=" + LIBRARY)
    refuses(tool, "qemu-user", directory, env={"LD_PRELOAD": None})


def test_emulated_without_python(directory):
    """a program without Python under valgrind or qemu-user ends of SIGUSR1 as without us, and its handler runs"""
    tried = 0
    for name, options in (("valgrind", ["-q"]), ("qemu-x86_64", ["-E", "LD_PRELOAD=" + LIBRARY])):
        if not shutil.which(name):
            continue
        tried += 1
        env = environment(directory, **({} if name == "valgrind" else {"LD_PRELOAD": None}))
        done = subprocess.run([name, *options, "/bin/sh", "-c", "trap 'echo handler' USR1; kill -USR1 $$; trap - USR1; kill -USR1 $$; echo lives"],
                              env=env, capture_output=True, text=True, timeout=60)
        must(done.stdout == "handler\n" and done.returncode == -signal.SIGUSR1, "%s: %d %r %s" % (name, done.returncode, done.stdout, done.stderr))
    if not tried:
        raise Skip("neither valgrind nor qemu-x86_64")


GVISOR = r"""
set -e
mkdir /tmp/dumps
mkfifo /tmp/says
TASKCORE_DIR=/tmp/dumps LD_PRELOAD="$1" "$2" "$3" 4 "no_stdin = True" >/tmp/says 2>/tmp/err &
read ready </tmp/says
kill -USR1 $!
until grep -q '^taskcore: .*[a-z]$' /tmp/err; do sleep 0.1; done
cat /tmp/err >&2
kill -0 $!
cat /tmp/dumps/*.tcore
kill -KILL $!
"""


def test_gvisor(directory):
    """in gVisor (runsc, ptrace platform) a whole dump is made, and the program lives on"""
    if not shutil.which("runsc"):
        raise Skip("no runsc")
    base = ["runsc", "--platform=ptrace", "--network=none", "do"]
    if subprocess.run([*base, "/bin/true"], capture_output=True, timeout=60).returncode != 0:
        raise Skip("runsc cannot run here")
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hooked_target.py")
    done = subprocess.run([*base, "/bin/sh", "-c", GVISOR, "sh", LIBRARY, sys.executable, here], capture_output=True, timeout=120)
    must(done.returncode == 0, "%d: %s" % (done.returncode, done.stderr.decode(errors="replace")))
    path = os.path.join(directory, "dump.tcore")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
        file.write(done.stdout)
    whole(path, 4)
    must(program("taskcore-analyze") and b"4 tasks" in done.stderr, done.stderr)
