# SPDX-License-Identifier: Apache-2.0
"""The C interface of a program that links the library, without preload: errors, threads, handlers; and children and targets that are killed in a dump."""
import os
import shutil
import signal
import subprocess
import time

from fault_files import sub
from fault_process import LOOP, PYTHONHOME, libpython
from fault_surroundings import TAKE_ALL
from hooked import LIBRARY, Hooked, await_true, dumps_in, environment, files, must, taskcore, whole

PROGRAM = r"""
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "taskcore.h"
#define CHECK(holds) ((holds) ? (void)0 : (void)printf("bad: line %d: %s, errno %d\n", __LINE__, #holds, errno))
static pthread_barrier_t barrier;
static _Atomic int installed, made, busy, other;
static void *many(void *unused)
{
	pthread_barrier_wait(&barrier);
	installed += taskcore_install() == 0;
	pthread_barrier_wait(&barrier);
	if (taskcore_dump("threads") == 0)
		made++;
	else if (errno == EBUSY)
		busy++;
	else
		other++;
	return unused;
}
static volatile int in_handler = 1;
static void handler(int sig) { (void)sig; in_handler = taskcore_dump("handler"); }
int main(int argc, char **argv)
{
	pthread_t threads[8];
	char path[4096] = "", small[8] = "";
	const char *bad[] = { "", "ABC", "a/b", "..", "a b", "a\n", "0123456789012345678901234567890123456789" };
	CHECK(argc == 3 && strcmp(taskcore_version(), ""));
	errno = 0;
	CHECK(taskcore_dump(NULL) == -1 && errno == EPERM);
	CHECK(taskcore_wait(10, NULL, 0) == -1 && errno == ENOENT);
	pthread_barrier_init(&barrier, NULL, 8);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, many, NULL);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	CHECK(installed == 8 && made == 0);
	CHECK(taskcore_dump(NULL) == -1 && errno == ENOEXEC);
	made = busy = other = 0;
	void *lib = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
	((void (*)(int))dlsym(lib, "Py_InitializeEx"))(0);
	CHECK(((int (*)(const char *))dlsym(lib, "PyRun_SimpleString"))(argv[2]) == 0);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, many, NULL);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	CHECK(made >= 1 && made + busy == 8 && other == 0);
	CHECK(taskcore_wait(60000, path, sizeof(path)) == 0 && strstr(path, ".threads.tcore"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(taskcore_dump(bad[i]) == -1 && errno == EINVAL);
	errno = 4321;
	CHECK(taskcore_dump(NULL) == 0 && errno == 4321);
	CHECK(taskcore_wait(60000, small, sizeof(small)) == 0 && strlen(small) == 7);
	CHECK(taskcore_wait(60000, NULL, 0) == 0);
	signal(SIGUSR2, handler);
	raise(SIGUSR2);
	CHECK(in_handler == 0 && taskcore_wait(60000, path, sizeof(path)) == 0 && strstr(path, ".handler.tcore"));
	raise(SIGUSR1);
	CHECK(taskcore_wait(60000, path, sizeof(path)) == 0 && strstr(path, ".usr1.tcore"));
	puts("READY");
	fflush(stdout);
	getchar();
	return 0;
}
"""


def test_c_interface(directory):
    """linked: EPERM before taskcore_install, ENOEXEC without Python, EINVAL, ENOENT, 8 threads at once, in a handler, errno kept, paths cut; then SIGUSR1"""
    dumps = sub(directory, "dumps")
    shutil.copy(LIBRARY, os.path.join(directory, "libtaskcore.so.0"))
    program = os.path.join(directory, "program")
    with open(program + ".c", "w") as file:
        file.write(PROGRAM)
    here = os.path.dirname(os.path.abspath(__file__))
    subprocess.run(["cc", "-O1", "-pthread", "-I", os.path.join(here, "..", "..", "lib"), "-o", program, program + ".c", os.path.join(directory, "libtaskcore.so.0"),
                    "-Wl,-rpath," + directory], check=True)
    with Hooked(directory, dumps, command=[program, libpython(), LOOP], env=dict(PYTHONHOME, LD_PRELOAD=None)) as target:
        status = taskcore("status", target.pid).stdout
        must("installed late" in status, status)
        for path in dumps_in(dumps):
            whole(path, 3)
        must(len(dumps_in(dumps)) >= 4, "%s" % files(dumps))


def working_child(target):
    """Stopped as soon as it is seen, so that its dump is not made before it is looked at."""
    found = []

    def look():
        for pid in target.children():
            try:
                with open("/proc/%d/stat" % pid) as file:
                    if file.read().rpartition(")")[2].split()[0] not in "ZX":
                        os.kill(pid, signal.SIGSTOP)
                        found.append(pid)
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    await_true(look, "its child")
    return found[0]


def step_to_file(child, dumps):
    """Let the stopped child go on, a little at a time, till it has its file."""
    while not any(name.endswith(".tmp") for name in files(dumps)):
        os.kill(child, signal.SIGCONT)
        time.sleep(0.0005)
        os.kill(child, signal.SIGSTOP)


def test_offered_child(directory):
    """a child offers itself to the OOM killer, also where every descriptor is taken; the target does not"""
    for code, expression in (("", "0"), (TAKE_ALL, "take()")):
        dumps = sub(directory, expression.strip("()"))
        with Hooked(directory, dumps, code, tasks=20000, env={"TASKCORE_FREEZE": "snapshot"}) as target:
            must(not code or target.ask(expression) > 20, "they are not taken")
            target.kick()
            child = working_child(target)
            step_to_file(child, dumps)
            scores = []
            for pid in (child, target.pid, os.getpid()):
                with open("/proc/%d/oom_score_adj" % pid) as file:
                    scores.append(int(file.read()))
            os.kill(child, signal.SIGCONT)
            whole(target.dumped(), target.tasks)
            must(scores[0] == 1000 and scores[1] == scores[2], "oom_score_adj %d, of the target %d, here %d" % tuple(scores))


def test_killed_child(directory):
    """a child that is killed in its dump: no file with a final name; the next request says so, and its dump removes what was left"""
    dumps = sub(directory, "dumps")
    with Hooked(directory, dumps, tasks=30000, env={"TASKCORE_FREEZE": "snapshot"}) as target:
        for _ in range(3):
            target.kick()
            child = working_child(target)
            step_to_file(child, dumps)
            os.kill(child, signal.SIGKILL)
            target.idle()
            must(len(files(dumps)) == 1 and not dumps_in(dumps), "%s" % files(dumps))
            target.kick()
            lines = {target.line()[:24] for _ in range(2)}
            must("taskcore: no dump (usr1):" [:24] in lines, target.said())
            await_true(lambda: dumps_in(dumps), "the next dump")
            target.idle()
            must(files(dumps) == [os.path.basename(path) for path in dumps_in(dumps)], "left behind: %s" % files(dumps))
            whole(dumps_in(dumps)[0], said="the process that made the dump before was killed", complete=None)
            os.unlink(dumps_in(dumps)[0])
            target.lives()
            target.seen = len(target.said())
            target.dump()  # from a copy again
            whole(dumps_in(dumps)[0], target.tasks)
            os.unlink(dumps_in(dumps)[0])


def test_killed_target(directory):
    """a target that is killed in its dump: the child ends soon, nothing half is left"""
    dumps = sub(directory, "dumps")
    for freeze in ("snapshot", "place"):
        with Hooked(directory, dumps, tasks=50000, env={"TASKCORE_FREEZE": freeze, "TASKCORE_PAUSE_MS": "5000"}) as target:
            target.kick()
            child = working_child(target)
            os.kill(target.pid, signal.SIGKILL)
            os.kill(child, signal.SIGCONT)
            target.process.wait()

            def ended():
                try:
                    with open("/proc/%d/stat" % child) as file:
                        return file.read().rpartition(")")[2].split()[0] in "ZX"
                except (FileNotFoundError, ProcessLookupError):
                    return True

            await_true(ended, "the end of the child")
            must(not [name for name in files(dumps) if name.endswith(".tmp")], "left behind: %s" % files(dumps))
        for path in dumps_in(dumps):
            whole(path, complete=None)
            os.unlink(path)
