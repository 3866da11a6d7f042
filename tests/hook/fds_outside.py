# SPDX-License-Identifier: Apache-2.0
"""For fds.py: descriptors in dumps made from outside (taskcore dump PID), against what the program says of itself, and against its own dump."""
import ctypes
import os
import shutil
import signal
import subprocess
import sys

from hooked import HERE, LONG_S, TARGET, Hooked, Skip, await_true, must, program, report, whole

sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
sys.path.insert(0, os.path.join(HERE, ".."))
import decode  # noqa: E402
import interpreters  # noqa: E402

TASKCORE = program("taskcore")
CODE = "import sys; sys.path.insert(0, %r); from fds_target import *; " % HERE
FILTERED = os.path.join(HERE, "filtered.py")
SOCKET, PIDFD_GETFD = 41, 438  # system calls of x86-64
MAX = 16384  # docs/format.md section 8
IN_OPEN = 0x20  # sys/inotify.h
NO_KIND, NO_LOCAL, NO_PEER = 2, 4, 8  # lib/format.h: TC_FD_NO_…


def outside(pid, scratch, *options, prefix=(), tool=TASKCORE, name="outside.tcore"):
    """The path of a new dump."""
    path = os.path.join(scratch, name)
    if os.path.exists(path):
        os.unlink(path)
    done = subprocess.run([*prefix, tool, "dump", str(pid), "-o", path, *options], capture_output=True, text=True, timeout=LONG_S)
    must(done.returncode == 0, "dump: exit code %d: %s" % (done.returncode, done.stderr))
    return path


def found_in(path):
    return {one["fd"]: one for one in decode.read(path)["descriptors"]}


def quiet(target, work):
    """What work gives, done while the program says the same before and after: TCP acknowledges late what it has taken."""
    after = target.ask("account()")
    for _ in range(100):
        told, result, after = after, work(), target.ask("account()")
        if told == after:
            return {one["fd"]: one for one in told}, result
    must(False, "it was never quiet: %s" % after)


def must_be_same(told, found):
    must(sorted(found) == sorted(told), "the program has %s, the dump %s" % (sorted(told), sorted(found)))
    for fd, one in found.items():
        must(one == told[fd], "descriptor %d: the program says %s, the dump %s" % (fd, told[fd], one))


def compare(target, scratch, *options, **more):
    told, path = quiet(target, lambda: outside(target.pid, scratch, *options, **more))
    must_be_same(told, found_in(path))
    return path


def need_root(what):
    if os.getuid() != 0:
        raise Skip("no right to " + what)


def test_every_kind(scratch):
    """from outside every descriptor is in the dump as the program itself says it is, with --stop too; page and JSON say so"""
    with Hooked(scratch, scratch, CODE + "open_all(%r)" % scratch) as target:
        compare(target, scratch)
        found = whole(compare(target, scratch, "--stop"))
        by_fd, roles = {one["fd"]: one for one in found["descriptors"]}, target.ask("roles")
        must(by_fd[roles["tcp4"]]["peer"].startswith("127.0.0.1:"), "the report: %s" % by_fd[roles["tcp4"]])
        must(not [one for one in by_fd.values() if "not_known" in one], "not known: %s" % by_fd)


def test_control(scratch):
    """a control: one byte that the program sends is a difference to the account before, and found by the comparison"""
    with Hooked(scratch, scratch, CODE + "open_all(%r)" % scratch) as target:
        before, _ = quiet(target, lambda: None)
        roles = target.ask("roles")
        target.ask("os.write(roles['pair-other'], b'!')")
        told, path = quiet(target, lambda: outside(target.pid, scratch))
        found = found_in(path)
        must_be_same(told, found)
        must(found[roles["pair"]]["unread"] == before[roles["pair"]]["unread"] + 1, "the byte: %s" % found[roles["pair"]])
        try:
            must_be_same(before, found)
        except AssertionError:
            return
        must(False, "the comparison finds no difference")


def test_as_by_signal(scratch):
    """of one quiet process the records of a dump by signal and of one from outside are the same"""
    with Hooked(scratch, scratch, CODE + "open_all(%r)" % scratch) as target:
        _, (ours, its) = quiet(target, lambda: (outside(target.pid, scratch), target.dump()))
        must_be_same(found_in(its), found_in(ours))


def test_uvloop(scratch):
    """the same of a program on uvloop, in every interpreter that has it"""
    found = [one for one in interpreters.find() if not one.root and one.has_uvloop()]
    if not found:
        raise Skip("no interpreter with uvloop")
    for one in found:
        directory = os.path.join(scratch, one.name)
        os.makedirs(directory, exist_ok=True)
        code = CODE + "import uvloop; uvloop.install(); open_all(%r)" % os.path.join(directory, "open")
        os.makedirs(os.path.join(directory, "open"), exist_ok=True)
        path = one.environment(True).get("PYTHONPATH")
        with Hooked(directory, directory, command=[*one.command, TARGET, "1", code], env={"PYTHONPATH": path}) as target:
            must("uvloop" in target.ask("type(loop).__module__"), "it runs on another loop")
            compare(target, directory)


def test_streams(scratch):
    """transports of asyncio are joined with their descriptors from outside too, and show says whom they are connected with"""
    with Hooked(scratch, scratch, command=[sys.executable, TARGET, "1", CODE + "after_ready = start_streams"]) as target:
        await_true(lambda: {"reads", "drains", "reads-pipe"} <= set(target.ask("roles")), "the streams")
        await_true(lambda: target.ask("all(t._fut_waiter is not None or t is asyncio.current_task() for t in asyncio.all_tasks(loop))"), "all waits")
        path = outside(target.pid, scratch)
        found = report(path)
        by_fd, roles = {one["fd"]: one for one in found["objects"] if "fd" in one}, target.ask("roles")
        for role in ("reads", "drains", "reads-pipe"):
            fd, peer = roles[role]
            must(fd in by_fd and by_fd[fd].get("peer", "") == peer, "%s: %s is not connected with %s" % (role, by_fd.get(fd), peer))
        fd, peer = roles["reads"]
        done = subprocess.run([program("taskcore-analyze"), "show", path, by_fd[fd]["id"]], capture_output=True, text=True, timeout=LONG_S)
        must("descriptor %d: tcp " % fd in done.stdout and " -> %s, 0 bytes to read, 0 not yet sent\n" % peer in done.stdout, done.stdout)


def own_namespace(scratch):
    if subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode:
        raise Skip("no right to make a network namespace")
    return Hooked(scratch, scratch, CODE + "lo_up(); open_all(%r)" % scratch, prefix=["unshare", "-n"])


def test_other_namespace(scratch):
    """of a process in another network namespace they are asked in that one"""
    with own_namespace(scratch) as target:
        compare(target, scratch)
        # Of duplicates alone nothing would be known then.
        path = outside(target.pid, scratch, prefix=[sys.executable, FILTERED, "--deny", str(PIDFD_GETFD)])
        one = found_in(path)[target.ask("roles")["tcp4"]]
        must(one["peer"].startswith("127.0.0.1:"), "it was not asked there: %s" % one)


def test_other_namespace_without_right(scratch):
    """of a process in another network namespace that we may not enter, by duplicates"""
    without = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
    need_root("lay down a capability")
    if subprocess.run([*without, "true"], capture_output=True).returncode:
        raise Skip("no setpriv")
    with own_namespace(scratch) as target:
        compare(target, scratch, prefix=without)


def test_unprivileged(scratch):
    """a user without any right is told the same of a process of his own"""
    need_root("become another user")
    as_nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    mine, python = os.path.join(scratch, "mine"), "/usr/bin/python3"
    if subprocess.run([*as_nobody, python, "-c", "open(%r)" % TARGET], capture_output=True).returncode:
        raise Skip("user 65534 may not read this tree, or has no " + python)
    os.chmod(scratch, 0o711)
    os.mkdir(mine)
    tool = shutil.copy(TASKCORE, mine)
    os.chown(mine, 65534, 65534)
    options = dict(env={"LD_PRELOAD": None}, command=[*as_nobody, python, TARGET, "1", CODE + "open_all(%r)" % mine])
    with Hooked(mine, mine, **options) as target:
        compare(target, mine, prefix=as_nobody, tool=tool)


def nothing_false(told, found):
    """Each fact is what the program says, or said to be unknown; the number of facts that are."""
    unknown = 0
    must(sorted(found) == sorted(told), "the program has %s, the dump %s" % (sorted(told), sorted(found)))
    for fd, one in found.items():
        missing = one["missing"]
        known = {"local": not missing & NO_LOCAL, "peer": not missing & NO_PEER, "family": not missing & NO_KIND, "socket_type": not missing & NO_KIND,
                 "name": not missing & NO_KIND, "missing": False, "unread": one["unread"] is not None, "unsent": one["unsent"] is not None,
                 "state": one["state"] != 0}
        for word in one:
            must(one[word] == told[fd][word] or not known.get(word, True), "descriptor %d: %s is %s, the dump says %s" % (fd, word, told[fd], one))
            unknown += one[word] != told[fd][word] and word != "missing"
    return unknown


def test_refused(scratch):
    """where netlink or duplicates are refused, or both, what could not be asked is said to be unknown, and nothing is false"""
    with Hooked(scratch, scratch, CODE + "open_all(%r)" % scratch) as target:
        roles, unknown = target.ask("roles"), {}
        for denied in ((SOCKET,), (PIDFD_GETFD,), (SOCKET, PIDFD_GETFD)):
            prefix = [sys.executable, FILTERED, "--deny", ",".join(map(str, denied))]
            told, path = quiet(target, lambda prefix=prefix: outside(target.pid, scratch, prefix=prefix))
            unknown[denied] = nothing_false(told, found_in(path))
        must(unknown[SOCKET,] == 0, "duplicates alone tell all: %s" % unknown)
        must(0 < unknown[PIDFD_GETFD,] < unknown[SOCKET, PIDFD_GETFD], "unknown: %s" % unknown)
        one = found_in(path)[roles["tcp4"]]
        must(one["family"] == 2 and one["missing"] == NO_LOCAL | NO_PEER and one["state"] == 0 and one["unread"] is None, "a connection: %s" % one)
        found = {one["fd"]: one for one in whole(path)["descriptors"]}
        must(found[roles["tcp4"]]["not_known"] == ["local", "peer"], "the report: %s" % found[roles["tcp4"]])
        must(found[roles["netlink"]]["not_known"] == ["family", "local", "peer"], "the report: %s" % found[roles["netlink"]])
        must(found[roles["netlink"]]["name"].startswith("socket:["), "the report: %s" % found[roles["netlink"]])


def test_nothing_is_opened(scratch):
    """no file of the program is opened: a FIFO or a device might wait, or do something"""
    directory = os.path.join(scratch, "open")
    os.mkdir(directory)
    libc = ctypes.CDLL(None, use_errno=True)
    with Hooked(scratch, scratch, CODE + "open_all(%r)" % directory) as target:
        watch = libc.inotify_init1(os.O_NONBLOCK)
        for path in (directory, os.path.join(directory, "fifo"), os.path.join(directory, "a socket")):
            must(libc.inotify_add_watch(watch, os.fsencode(path), IN_OPEN) > 0, "inotify_add_watch")
        compare(target, scratch)
        try:
            must(False, "opened: %r" % os.read(watch, 4096))
        except BlockingIOError:
            pass
        os.close(os.open(os.path.join(directory, "fifo"), os.O_RDWR))  # a control
        must(os.read(watch, 4096), "an open is not seen")
        os.close(watch)


def many(n):
    return "from resource import *; setrlimit(RLIMIT_NOFILE, (%d, getrlimit(RLIMIT_NOFILE)[1]))\nno_stdin = True\n" % (n + 64)


def test_beyond_bound(scratch):
    """of very many descriptors the first 16,384 are recorded from outside, and the rest is counted"""
    code = CODE + many(MAX + 500) + "def before_ready():\n while not kept or kept[-1] < %d: kept.append(os.dup(0))\n" % (MAX + 500 - 1)
    try:
        target = Hooked(scratch, scratch, code).__enter__()
    except AssertionError:
        raise Skip("no more than 16,384 descriptors are allowed here")
    try:
        said = "descriptors: the first 16384 are recorded, 500 more are not"
        for _ in range(20):  # a busy machine may take longer than the time that there is
            found = whole(outside(target.pid, scratch))
            if said in found["dump"]["truncated"]:
                break
        must(said in found["dump"]["truncated"], "it says %s" % found["dump"]["truncated"])
        must([one["fd"] for one in found["descriptors"]] == list(range(MAX)), "%d recorded" % len(found["descriptors"]))
    finally:
        target.__exit__()


def children(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
            return [int(child) for child in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def is_alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def grandchild(dumper):
    """The process that asks, while there is one."""
    for child in children(dumper.pid):
        for found in children(child):
            return child, found
    return None


def test_asker_dies_with_its_parent(scratch):
    """the process that holds duplicates ends when the dumper is killed"""
    code = CODE + many(8000) + "def before_ready():\n while len(kept) < 7000: kept.extend(os.pipe())\n"
    with Hooked(scratch, scratch, code) as target:
        for _ in range(10):
            path, seen = os.path.join(scratch, "killed.tcore"), []
            dumper = subprocess.Popen([TASKCORE, "dump", str(target.pid), "-o", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            await_true(lambda: seen.append(grandchild(dumper)) or seen[-1] or dumper.poll() is not None, "the process that asks")
            if seen[-1]:
                os.kill(seen[-1][0], signal.SIGKILL)
                await_true(lambda: not is_alive(seen[-1][1]), "the end of the process that asks")
            dumper.wait()
            if os.path.exists(path):
                os.unlink(path)
        must(any(seen), "it was never met")


def pipes(pid):
    """Numbers of the pipes that the process has open."""
    found = set()
    try:
        for fd in os.listdir("/proc/%d/fd" % pid):
            found.add(os.readlink("/proc/%d/fd/%s" % (pid, fd)))
    except (FileNotFoundError, ProcessLookupError):
        pass
    return {link for link in found if link.startswith("pipe:[")}


def test_asker_holds_nothing_of_the_dumper(scratch):
    """the process that asks holds no pipe of the dumper: the end of one tells the tracer of --stop to let the program go"""
    code = CODE + many(8000) + "def before_ready():\n while len(kept) < 6000: kept.extend(socket.socketpair())\n"
    with Hooked(scratch, scratch, code) as target:
        its, path = pipes(target.pid), os.path.join(scratch, "held.tcore")
        looks = 0
        for _ in range(5):
            dumper = subprocess.Popen([TASKCORE, "dump", "--stop", str(target.pid), "-o", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            while dumper.poll() is None:
                for asker in [one for child in children(dumper.pid) for one in children(child)]:
                    try:
                        asks = os.readlink("/proc/%d/cwd" % asker) == "/proc/%d/fd" % target.pid
                    except OSError:
                        continue
                    if asks:
                        held = pipes(asker) - its
                        must(not held or not is_alive(asker), "it holds %s" % held)
                        looks += 1
            dumper.communicate()
            os.unlink(path)
        must(looks, "it was never met")


def test_time_is_bounded(scratch):
    """where the asking comes to no end, the dump is made all the same, says so, and what was not asked is not known"""
    code = CODE + many(8000) + "def before_ready():\n while len(kept) < 7000: kept.extend(os.pipe())\n"
    path = os.path.join(scratch, "late.tcore")
    with Hooked(scratch, scratch, code) as target:
        for _ in range(100):
            seen = []
            dumper = subprocess.Popen([TASKCORE, "dump", str(target.pid), "-o", path], stdout=subprocess.DEVNULL)
            await_true(lambda: seen.append(grandchild(dumper)) or seen[-1] or dumper.poll() is not None, "the process that asks")
            if seen[-1]:
                try:
                    os.kill(seen[-1][1], signal.SIGSTOP)
                except ProcessLookupError:
                    pass
            must(dumper.wait(timeout=LONG_S) == 0, "the dump: exit code %d" % dumper.returncode)
            found = report(path)
            if found["dump"]["truncated"]:
                break
            os.unlink(path)
        must("descriptors: not all could be asked in 2000 ms" in found["dump"]["truncated"][0], "it says %s" % found["dump"]["truncated"])
        whole(path)
        must(not is_alive(seen[-1][1]), "the process that asks is still there")
        for one in found["descriptors"]:
            must(one["kind"] != "pipe" or "unread" not in one or one["unread"] == 0, "a pipe: %s" % one)
