# SPDX-License-Identifier: Apache-2.0
"""Where a dump goes, and what stands in its way there."""
import datetime
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time

from hooked import LONG_S, SAID, TARGET, Hooked, Skip, await_true, dumps_in, environment, files, full_pipe, must, taskcore, whole
from common import TASKCORE, parked  # where hooked.py finds it


def sub(directory, *names, mode=0o755):
    """A new directory below; its path."""
    path = os.path.join(directory, *names)
    os.makedirs(path)
    os.chmod(path, mode)
    return path


def mounted(script, *args):
    """A prefix that runs the script in a mount namespace of its own, then the command."""
    if os.geteuid() or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        raise Skip("no right to make a mount namespace")
    return ["unshare", "-m", "--propagation", "private", "sh", "-e", "-c", script + '\nshift %d; exec "$@"' % len(args), "sh", *args]


def goes_to(scratch, wanted, dumps=None, **options):
    with Hooked(scratch, dumps, **options) as target:
        path = target.dump()
        must(os.path.dirname(path) == wanted, "%s is not in %s" % (path, wanted))
        name = r"taskcore\.python3[.0-9]*\.%d\.\d{8}T\d{6}\.\d{3}\.usr1\.tcore" % target.pid
        must(re.fullmatch(name, os.path.basename(path)), "its name: " + path)
        target.lives()
        must(target.said().count("\n") == 1, "more than one line: " + target.said())
    whole(path, target.tasks)
    return path


def test_place_dir(directory):
    """TASKCORE_DIR comes first; a relative one is meant from where the program started"""
    wanted, elsewhere = sub(directory, "wanted"), sub(directory, "elsewhere")
    goes_to(directory, wanted, wanted, env={"TMPDIR": elsewhere})
    goes_to(directory, wanted, "wanted", code="import os; os.chdir(%r)" % elsewhere)
    must(not files(elsewhere), files(elsewhere))


def test_place_core(directory):
    """the directory of core_pattern comes next, when it is a path; one that the crash decides is none"""
    cores, here = sub(directory, "cores"), sub(directory, "here")
    for pattern, wanted in ((cores + "/core.%p", cores), (cores + "/%e/core", here), ("|/bin/true %p", here), ("core", here),
                            (os.path.join(directory, "missing", "core"), here)):
        text = os.path.join(directory, "pattern")
        with open(text, "w") as file:
            file.write(pattern + "\n")
        prefix = mounted('mount --bind "$1" /proc/sys/kernel/core_pattern', text)
        goes_to(directory, wanted, prefix=prefix, cwd=here)


def test_place_cwd_tmp_shm(directory):
    """then its working directory as it is now, then TMPDIR, then /dev/shm"""
    first, second, tmp = sub(directory, "first"), sub(directory, "second"), sub(directory, "tmp")
    goes_to(directory, second, cwd=first, code="import os; os.chdir(%r)" % second)
    unsafe = sub(directory, "unsafe", mode=0o777)
    goes_to(directory, tmp, cwd=unsafe, env={"TMPDIR": tmp})
    path = goes_to(directory, "/dev/shm", cwd=unsafe)
    os.unlink(path)
    must(not files(unsafe) and not files(first), "left behind: %s %s" % (files(unsafe), files(first)))


def test_place_none(directory):
    """no place left: one line that names the one somebody wanted, and the program runs on"""
    unsafe = sub(directory, "unsafe", mode=0o777)
    prefix = mounted("mount -t tmpfs -o mode=0777 none /dev/shm")
    with Hooked(directory, os.path.join(directory, "missing"), cwd=unsafe, prefix=prefix) as target:
        target.refused("no dump (usr1)", "missing: no such directory")
        os.mkdir(os.path.join(directory, "missing"))
        whole(target.dump(), target.tasks)  # the next one finds it
        must(target.said().count("\n") == 2, target.said())
    must(not files(unsafe), files(unsafe))


def test_place_bad(directory):
    """a missing directory, a file, a FIFO, a symbolic link, one that everybody may write to, one nobody may: the next place is used"""
    here = sub(directory, "here")
    real = sub(directory, "real")
    file, fifo, link = (os.path.join(directory, name) for name in ("file", "fifo", "link"))
    open(file, "w").close()
    os.mkfifo(fifo)
    os.symlink(real, link)
    for place in (os.path.join(directory, "missing"), file, fifo, link, link + "/", link + "//", link + "/./",
                  sub(directory, "unsafe", mode=0o777), file + "/below"):
        goes_to(directory, here, place, cwd=here)
    must(not files(real), "written through a link: %s" % files(real))
    goes_to(directory, sub(directory, "sticky", mode=0o1777), os.path.join(directory, "sticky"), cwd=here)
    goes_to(directory, real, real + "//", cwd=here)


def test_place_elsewhere_said(directory):
    """where TASKCORE_DIR cannot be used the line and the file say why; status and doctor name the place before the dump"""
    unsafe, here, later = sub(directory, "unsafe", mode=0o777), sub(directory, "here"), sub(directory, "later")
    with Hooked(directory, unsafe, cwd=here) as target:
        for verb in ("status", "doctor"):
            told = next(line for line in taskcore(verb, target.pid).stdout.splitlines() if "dumps on" in line)
            must("to %s; but not to TASKCORE_DIR (%s): everybody may write there" % (here, unsafe) in told, told)
        target.kick()
        line = target.line()
        must(line.endswith("; not in TASKCORE_DIR: %s: everybody may write there" % unsafe), line)
        path = SAID.match(line).group(1)
        must(os.path.dirname(path) == here, path)
        whole(path, target.tasks, said="the dump is not in TASKCORE_DIR: " + unsafe)
        os.chmod(unsafe, 0o755)
        must("to %s" % unsafe in taskcore("status", target.pid).stdout and "; but" not in taskcore("status", target.pid).stdout, "after chmod")
        target.kick()
        line = target.line()
        must("not in" not in line and os.path.dirname(SAID.match(line).group(1)) == unsafe, line)
        os.rename(unsafe, unsafe + ".gone")
        must("that directory does not exist" in taskcore("status", target.pid).stdout, "gone")
    with Hooked(directory, None, cwd=here, code="import os; os.chdir(%r)" % later) as target:
        must("would write its core: now to %s\n" % later in taskcore("status", target.pid).stdout, taskcore("status", target.pid).stdout)


def test_place_other_user(directory):
    """a program that has become another user: status names the place that this one can write, and the dump is there"""
    if os.geteuid() != 0:
        raise Skip("needs root")
    os.chmod(directory, 0o755)
    roots, here = sub(directory, "roots", mode=0o755), sub(directory, "here", mode=0o700)
    os.chown(here, 65534, 65534)
    code = "def before_ready():\n import os\n os.setgroups([]); os.setgid(65534); os.setuid(65534)"
    with Hooked(directory, roots, cwd=here, code=code) as target:
        told = taskcore("status", target.pid).stdout
        must("to %s; but not to TASKCORE_DIR (%s): permission denied" % (here, roots) in told, told)
        target.kick()
        line = target.line()
        must(line.endswith("; not in TASKCORE_DIR: %s: permission denied" % roots), line)
        must(os.path.dirname(SAID.match(line).group(1)) == here, line)


def test_place_replaced(directory):
    """a directory that becomes a symbolic link between two dumps is not followed"""
    dumps, victim, here = sub(directory, "dumps"), sub(directory, "victim"), sub(directory, "here")
    with Hooked(directory, dumps, cwd=here) as target:
        must(os.path.dirname(target.dump()) == dumps, "the first")
        os.rename(dumps, dumps + ".old")
        os.symlink(victim, dumps)
        must(os.path.dirname(target.dump()) == here, "the second")
        target.lives()
    must(not files(victim), files(victim))




def test_place_too_long(directory):
    """a TASKCORE_DIR that is too long for a path is named in one line, and not used shortened: the next place is"""
    here, deepest = sub(directory, "here"), directory
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    while len(deepest) < 4095:  # the longest path
        name = "d" * min(200, 4095 - len(deepest) - 1)
        if len(deepest) + len(name) + 1 == 4094:  # the next name would be empty
            name = name[:-1]
        os.mkdir(name, dir_fd=fd)
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd, deepest = inner, deepest + "/" + name
    os.close(fd)
    for place in (deepest + "/", deepest + "x"):
        with Hooked(directory, place, cwd=here) as target:
            line = target.line()
            must("TASKCORE_DIR" in line and len(line) < 300, "its line: ...%s" % line[-300:])
            target.kick()
            line = target.line()
            must(line.startswith("taskcore: %s/taskcore." % here), "not here: ...%s" % line[-300:])
            must(files(deepest) == [], "in the directory: %s" % files(deepest))
            target.lives()


def at_ms(path):
    """The time in the name of a dump, in milliseconds."""
    at, ms = re.search(r"\.(\d{8}T\d{6})\.(\d{3})\.usr1\.tcore$", path).groups()
    return int(datetime.datetime.strptime(at + "+0000", "%Y%m%dT%H%M%S%z").timestamp()) * 1000 + int(ms)


def squat(target, dumps, leave, make, seconds):
    """Take the names that a dump of the next seconds would get, by make(path), but every 8th if leave; the first time that is not taken."""
    begin = int(time.time() * 1000)
    exe = os.path.basename(os.readlink("/proc/%d/exe" % target.pid))
    for ms in range(begin, begin + 1000 * seconds):
        if not leave or ms % 8:
            at = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc).strftime("%Y%m%dT%H%M%S")
            make(os.path.join(dumps, "taskcore.%s.%d.%s.%03d.usr1.tcore" % (exe, target.pid, at, ms % 1000)))
    return begin + 1000 * seconds


NAME_TRIES = 1000  # of hook_file.c: a dump looks so many milliseconds ahead for a free name


def dumped_among(directory, here, leave, make):
    """(directory, what was taken there, path) of a dump whose names were taken when it was made. On a busy machine the first seconds may be
    over before it is: then its time tells, and more are taken."""
    for seconds in (5, 20, 80, 320):
        dumps = sub(directory, "dumps%d" % len(os.listdir(directory)))
        with Hooked(directory, dumps, cwd=here, env={"TASKCORE_MAX_FILES": "1000000"}) as target:
            end = squat(target, dumps, leave, make, seconds)
            taken = set(files(dumps))
            path = target.dump()
            target.lives()
        if at_ms(path) + NAME_TRIES < end:
            whole(path, target.tasks)
            return dumps, taken, path
        print("# it was dumped %d ms too late" % (at_ms(path) + NAME_TRIES - end))
    must(False, "each dump came after the names that were taken for it")


def test_victim_files(directory):
    """files and symbolic links that stand where the next dump would, under every name it may take, are left as they are"""
    here, victim = sub(directory, "here"), os.path.join(directory, "victim")

    def write(path):
        with open(path, "w") as file:
            file.write("mine")

    write(victim)
    for leave, make in ((True, write), (True, lambda path: os.symlink(victim, path)), (False, write),
                        (True, lambda path: os.symlink(os.path.join(directory, "dangling"), path))):
        dumps, taken, path = dumped_among(directory, here, leave, make)
        must(os.path.dirname(path) == (dumps if leave else here), "not the next free name: " + path)
        must(path not in {os.path.join(dumps, name) for name in taken} and not os.path.islink(path), path)
        must(set(files(dumps)) - taken <= {os.path.basename(path)}, "left behind")
        with open(victim) as file:
            must(file.read() == "mine", "the victim was written to")
        for name in taken:
            if not os.path.islink(os.path.join(dumps, name)):
                with open(os.path.join(dumps, name)) as file:
                    must(file.read() == "mine", "overwritten: " + name)
    must(not os.path.lexists(os.path.join(directory, "dangling")), "written through a dangling link")


def test_modes(directory):
    """mode 0600 and the process's own uid, whatever its umask is, under the temporary name too"""
    for umask in (0, 0o777, 0o277):
        dumps = sub(directory, "%o" % umask)
        with Hooked(directory, dumps, code="import os; os.umask(%d)" % umask) as target:
            path = target.dump()
            whole(path, target.tasks)
            must(os.stat(path).st_uid == os.geteuid() and os.stat(path).st_nlink == 1, "its owner and links")
            must(target.ask("os.umask(0o22)") == umask, "the umask of the program was changed")


ODD = ["with space", "tab\tand\nnewline", "esc\x1b[31m\x07", "ünïcödé", "x" * 240, "-rf *", "back\\slash'\"$(x)`", "\udcff\udcfe", ".tcore", "a.b"]


def test_odd_names(directory):
    """an executable and a directory with control characters, blanks, 255 bytes: the file's name is plain, the line one line"""
    for at, name in enumerate(ODD):
        dumps, bin = sub(directory, "d%d" % at, name), sub(directory, "b%d" % at)
        exe = os.path.join(bin, name)
        shutil.copy(os.path.realpath(sys.executable), exe)
        command = [exe, TARGET, "3"]
        env = {"PYTHONHOME": "%s:%s" % (sys.base_prefix, sys.base_exec_prefix), "LD_LIBRARY_PATH": sysconfig.get_config_var("LIBDIR")}
        with Hooked(directory, dumps, command=command, env=env, tasks=3) as target:
            target.kick()
            line = target.line()
            target.lives()
            must(target.said().count("\n") == 1 and all(c >= " " for c in line), "not one plain line: %r" % target.said())
        paths = dumps_in(dumps)
        must(len(paths) == 1 and re.fullmatch(r"taskcore\.[A-Za-z0-9._-]+\.%d\.[0-9T.]+\.usr1\.tcore" % target.pid, os.path.basename(paths[0])),
             "its name: %r" % paths)
        whole(paths[0], 3)


def test_limits(directory):
    """TASKCORE_MAX_FILES and TASKCORE_MAX_BYTES refuse the next dump with one line, elsewhere too; what is there stays"""
    here = sub(directory, "here")
    for at, (env, fits) in enumerate((({"TASKCORE_MAX_FILES": "2"}, 2), ({"TASKCORE_MAX_BYTES": "500000"}, None), ({"TASKCORE_MAX_FILES": "0"}, 0))):
        dumps = sub(directory, "dumps%d" % at)
        for other in ("core.1", "taskcore.log", "x.tcore"):
            with open(os.path.join(dumps, other), "w") as file:
                file.truncate(1 << 20)
        with Hooked(directory, dumps, cwd=here, env=env) as target:
            made = []
            while fits is None and sum(map(os.path.getsize, made)) < 500000 or fits is not None and len(made) < fits:
                made.append(target.dump())
            line = target.refused("full", "TASKCORE_MAX_FILES", "TASKCORE_MAX_BYTES", dumps)
            must(dumps in line and not files(here), "%s; %s" % (line, files(here)))
            must(len(files(dumps)) == len(made) + 3, "%s" % files(dumps))
            for path in made:
                whole(path, target.tasks)
            if made:
                os.unlink(made[0])
                made.append(target.dump())


def test_swept(directory):
    """a taskcore dump that is at work in the same directory keeps its file; one that nobody is at work on is removed"""
    dumps = sub(directory, "dumps")
    left = ".taskcore.1.2.tmp"
    open(os.path.join(dumps, left), "w").close()
    with parked(20000) as other, Hooked(directory, dumps) as target:
        tool = subprocess.Popen([TASKCORE, "dump", str(other.pid)], cwd=dumps, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        try:
            await_true(lambda: any(os.path.getsize(os.path.join(dumps, name)) for name in files(dumps)), "what it writes")  # its lock comes before that
            os.killpg(tool.pid, signal.SIGSTOP)
            at_work = [name for name in files(dumps) if name != left]
            must(at_work[0].endswith(".tmp"), "control: it is at work no more: %s" % at_work)
            path = target.dump()
            must(sorted(files(dumps)) == sorted([os.path.basename(path)] + at_work), "%s, not %s and the dump" % (files(dumps), at_work))
        finally:
            os.killpg(tool.pid, signal.SIGCONT)
            said = tool.communicate(timeout=LONG_S)
        must(tool.returncode == 0, "taskcore dump: %d %s" % (tool.returncode, said))
        must(len(dumps_in(dumps)) == 2 == len(files(dumps)), "%s" % files(dumps))
        for made in dumps_in(dumps):
            whole(made, target.tasks if made == path else 20001)


def test_keep_newest(directory):
    """TASKCORE_KEEP_NEWEST=1 deletes our oldest dumps, and nothing else: no directory, link, other file, or file of another user"""
    dumps = sub(directory, "dumps")
    others = []
    for name in ("core.1", "taskcore.log", "x.tcore", "taskcore.x.tcore.bak", ".taskcore.hidden", "taskcore.tcore.d"):
        others.append(name)
        open(os.path.join(dumps, name), "w").close()
    os.mkdir(os.path.join(dumps, "taskcore.dir.1.20200101T000000.000.usr1.tcore"))
    os.symlink("/nonexistent", os.path.join(dumps, "taskcore.link.1.20200101T000000.000.usr1.tcore"))
    others += ["taskcore.dir.1.20200101T000000.000.usr1.tcore", "taskcore.link.1.20200101T000000.000.usr1.tcore"]
    if os.geteuid() == 0:
        foreign = "taskcore.foreign.1.20200101T000000.000.usr1.tcore"
        others.append(foreign)
        open(os.path.join(dumps, foreign), "w").close()
        os.chown(os.path.join(dumps, foreign), 12345, 12345)
    for name in others:
        os.utime(os.path.join(dumps, name), (1, 1), follow_symlinks=False)
    with Hooked(directory, dumps, env={"TASKCORE_KEEP_NEWEST": "1", "TASKCORE_MAX_FILES": "3"}) as target:
        made = [target.dump() for _ in range(6)]
        must(set(dumps_in(dumps)) - {os.path.join(dumps, name) for name in others} == set(made[-3:]), "kept: %s of %s" % (files(dumps), made))
        for path in made[-3:]:
            whole(path, target.tasks)
        must(set(others) <= set(files(dumps)), "deleted: %s" % (set(others) - set(files(dumps))))
        target.lives()


def test_no_space(directory):
    """a file system that is full: the next place is used, or one line; nothing is left behind on it"""
    here = sub(directory, "here")
    for shm, size in (("", "64k"), ("mount -t tmpfs -o mode=0777 none /dev/shm", "256k"), ("", "4k")):
        full = os.path.join(directory, "full")
        os.makedirs(full, exist_ok=True)
        prefix = mounted('mount -t tmpfs -o size=%s none "$1"\n%s' % (size, shm), full)
        with Hooked(directory, full, cwd=full if shm else here, prefix=prefix, tasks=3000) as target:
            if shm:
                target.refused("no dump (usr1)", "full: no space left")
            else:
                path = target.dump()
                must(os.path.dirname(path) == here, path)
                whole(path, 3000)
            target.lives()
            must(target.ask("os.listdir(%r)" % full) == [], "left behind")


def test_read_only(directory):
    """a read-only root: /dev/shm takes the dump; where that is read-only too, one line"""
    for script in ("mount -o remount,bind,ro /dev/shm", "mount -t tmpfs none /dev/shm"):
        prefix = mounted('mount --bind "$1" "$1"; %s; mount -o remount,bind,ro "$1"; mount -o remount,ro,bind /'
                         % script.replace("/dev/shm;", "/dev/shm"), directory)
        with Hooked(directory, os.path.join(directory, "x"), prefix=prefix, cwd=directory) as target:
            target.kick()
            line = target.line()
            if "tmpfs" in script:
                must(line.startswith("taskcore: /dev/shm/"), line)
            else:
                must(line.startswith("taskcore: no dump (usr1): "), line)
            target.lives()


def test_deleted_directory(directory):
    """a deleted working directory: the next place; a TASKCORE_DIR that is deleted is missing"""
    here, tmp, dumps = sub(directory, "here"), sub(directory, "tmp"), sub(directory, "dumps")
    with Hooked(directory, dumps, cwd=here, env={"TMPDIR": tmp}) as target:
        target.dump()
        shutil.rmtree(dumps)
        must(os.path.dirname(target.dump()) == here, "not here")
        shutil.rmtree(here)
        path = target.dump()
        must(os.path.dirname(path) == tmp, path)
        whole(path, target.tasks)
        target.lives()


def test_environment(directory):
    """each key of the environment with a value that cannot be understood, or that does nothing yet: one line that names it, once; the program runs on and dumps"""
    bad = {"SIGNAL": ["", "KILL", "RTMIN", "RTMIN+31", "RTMIN+-1", "USR3", "10", "sigusr1"], "TIMING": ["", "maybe", "1", "on"], "VALUES": ["", "string", "ALL"],
           "STACK_BYTES": ["", "x", "256K", "8388609"], "AT_EXIT": ["1"], "MAX_FILES": ["", "x", "-1", "1.5", " 5", "99999999999999999999"],
           "MAX_BYTES": ["", "1T", "0x10"], "PAUSE_MS": ["", "1s", "18446744073709551615"], "BUDGET_MS": ["", "-5", "18446744073709551616"],
           "MIN_INTERVAL_S": ["soon", "18446744073709551615"], "KEEP_NEWEST": ["yes", "2"], "NONDUMPABLE": ["half", "1"], "DISABLE": ["true"], "FREEZE": ["", "now"],
           "DIR": ["z" * 5000]}
    dumps = sub(directory, "dumps")
    for key, values in bad.items():
        for value in values:
            key_env = {"TASKCORE_MIN_INTERVAL_S": "0", "TASKCORE_DIR": dumps, "TASKCORE_" + key: value}
            done = subprocess.run(["/bin/true"], env=dict(environment(), **key_env), stderr=subprocess.PIPE, timeout=LONG_S)
            lines = done.stderr.decode(errors="replace").splitlines()
            must(done.returncode == 0 and len(lines) == 1 and "TASKCORE_" + key in lines[0] and len(lines[0]) < 300,
                 "%s=%r: %d %r" % (key, value[:30], done.returncode, lines))
    for key, value in (("SIGNAL", "KILL"), ("BUDGET_MS", "99999999999999999999"), ("PAUSE_MS", "x\x1b[31m\ny"), ("VALUES", "all\x80")):
        with Hooked(directory, dumps, env={"TASKCORE_" + key: value}) as target:
            line = target.line()
            must("TASKCORE_" + key in line and all(" " <= c for c in line), "not plain: %r" % line)
            whole(target.dump(), target.tasks)
            must(target.said().count("\n") == 2, target.said())


def test_environment_good(directory):
    """no line for values that are right, or for variables that are not ours"""
    good = {"SIGNAL": "SIGRTMIN+3", "TIMING": "off", "VALUES": "none", "MAX_FILES": "5", "MAX_BYTES": "5000000000", "PAUSE_MS": "10",
            "BUDGET_MS": "100", "MIN_INTERVAL_S": "86400", "STACK_BYTES": "0", "KEEP_NEWEST": "0", "NONDUMPABLE": "full", "DISABLE": "0", "FREEZE": "place", "DIR": "", "SOMETHING": "x"}
    env = environment(**{"TASKCORE_" + k: v for k, v in good.items()})
    done = subprocess.run(["/bin/true"], env=env, stderr=subprocess.PIPE, timeout=LONG_S)
    must(done.returncode == 0 and done.stderr == b"", done.stderr)


def test_full_stderr_at_start(directory):
    """a full pipe as stderr holds up no start with a wrong value"""
    read, write = full_pipe()
    process = subprocess.Popen(["/bin/true"], env=environment(TASKCORE_SIGNAL="x"), stderr=write)
    try:
        must(process.wait(LONG_S) == 0, "%d" % process.returncode)
    finally:
        process.kill()
        os.close(read)
        os.close(write)


def test_disable(directory):
    """TASKCORE_DISABLE=1: as if there were no hook: the signal kills, nothing is interposed or published, nothing printed"""
    dumps = sub(directory, "dumps")
    for value, gone in (("1", True), ("0", False)):
        with Hooked(directory, dumps, env={"TASKCORE_DISABLE": value}) as target:
            with open("/proc/%d/maps" % target.pid) as maps:
                must(("memfd:taskcore" in maps.read()) != gone, "published: %s" % gone)
            target.kick()
            if gone:
                must(target.process.wait(LONG_S) == -signal.SIGUSR1, "ended with %d" % target.process.returncode)
                must(target.said() == "" and not files(dumps), target.said())
            else:
                target.dumped()


def secrets(found):
    return re.findall(r"secret-\d", str(found))


def test_values(directory):
    """TASKCORE_VALUES: none gives no value, strings gives those of strings, the default none of strings; tasks are whole in all"""
    for value, seen in (("none", False), ("strings", True), (None, False)):
        for freeze in ("place", "snapshot"):
            dumps = sub(directory, "%s-%s" % (value, freeze))
            with Hooked(directory, dumps, env={"TASKCORE_VALUES": value, "TASKCORE_FREEZE": freeze}) as target:
                path = target.dump()
                found = whole(path, target.tasks)
                must(bool(secrets(found)) == seen, "%s %s: %s" % (value, freeze, secrets(found)))
                with open(path, "rb") as file:
                    raw = file.read()
                stacks = raw.count(b"secret-")
                must(seen or not stacks or value != "none", "%s: the text stands in the file" % value)
