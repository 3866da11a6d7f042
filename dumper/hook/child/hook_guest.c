/* SPDX-License-Identifier: Apache-2.0
 * The child of a dump as a guest. It begins with the descriptors and the directory of the process shared,
 * not copied, and leaves them at once: so it does not hold what the process closes. Then one thread of it
 * makes the file, and has nothing of the process but memory, for a file system can hang for ever; another,
 * the watcher, has stderr, says the line, and ends both in time. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/time_types.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/process/proc.h"
#include "lib/sys/sys.h"
#include "dumper/hook/common/hook.h"
#include "dumper/hook/common/hook_process.h"
#include "lib/base/safe.h"

#define NUMBERS_UNKNOWN 65536
#define STDERR 2
enum { POLICY_OTHER, POLICY_FIFO, POLICY_RR }; /* linux/sched.h, behind libc's back */
#define MS 1000000ull
/* After the budget: until the worker is asked to end, and for it to take its file away. */
#define BUDGET_MORE_MS 2000
#define TIDY_MS 500
#define LOOK_MS 20
#define GONE_MS 100 /* the target has ended: whoever reads its stderr waits for the end of it */

#define BIT(sig) (1ull << ((sig)-1))
#define FAULTS (BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGSYS)) /* SIGSYS: tc_hook_answer_traps */

bool tc_hook_die_first(void)
{
	int fd = tc_sys_open(AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY, 0);

	if (fd < 0)
		return false;
	tc_sys_write(fd, "1000", 4);
	tc_sys_close(fd);
	return true;
}

/* From number to number, one by one: Linux before 5.9, or a filter. */
static void close_each(uint32_t from, uint32_t end)
{
	for (uint32_t fd = from; fd < end; fd++)
		tc_sys_close((int)fd);
}

static void keep_stderr(void)
{
	tc_sys_close(0);
	tc_sys_close(1);
	if (!tc_hook_say_is_possible())
		tc_sys_close(STDERR);
}

/* close_range first makes a table of its own with what it does not close; only the first 64 numbers are
 * copied all the same, and closed before it returns (Linux 6.18, fs/file.c, dup_fd: NR_OPEN_DEFAULT). */
bool tc_hook_leave_files(uint32_t end)
{
	if (tc_syscall3(SYS_close_range, 3, ~0u, CLOSE_RANGE_UNSHARE) < 0) {
		if (tc_syscall1(SYS_unshare, CLONE_FILES) < 0)
			return false;
		close_each(3, end ? end : NUMBERS_UNKNOWN);
	}
	keep_stderr();
	return true;
}

/* The directory of the process, which it may want to unmount. */
static void leave_directory(void)
{
	if (tc_syscall1(SYS_unshare, CLONE_FS) == 0)
		tc_syscall1(SYS_chdir, (long)"/");
}

/* What a link of /proc says; false: it cannot be read. */
static bool read_link(const char *path, char to[64])
{
	long n = tc_syscall4(SYS_readlinkat, AT_FDCWD, (long)path, (long)to, 63);

	to[n > 0 ? n : 0] = 0;
	return n > 0;
}

/* Of two links in /proc/self/ns. Where there are none, no other namespace can be told. */
static bool is_same_namespace(const char *own, const char *of_children)
{
	char one[64], two[64];
	struct stat st;

	if (!read_link(own, one))
		return true;
	if (read_link(of_children, two))
		return strcmp(one, two) == 0;
	/* A namespace without an init has no name yet (Linux, kernel/pid_namespace.c,
	 * pidns_for_children_get); Linux before 4.12 has no such link. */
	return tc_syscall4(SYS_newfstatat, AT_FDCWD, (long)of_children, (long)&st,
			   AT_SYMLINK_NOFOLLOW) < 0;
}

bool tc_hook_may_have_child(void)
{
	return is_same_namespace("/proc/self/ns/pid", "/proc/self/ns/pid_for_children") &&
	       is_same_namespace("/proc/self/ns/time", "/proc/self/ns/time_for_children");
}

/* A real-time policy is inherited, and would keep the target from its processor. Only then is there
 * anything to ask of the kernel, and by a process of its own: a filter of system calls may kill for it. */
static void lower_priority(void)
{
	char text[2048];
	struct tc_stat stat;
	int parameters = 0; /* struct sched_param: sched_priority */

	if (tc_proc_read(AT_FDCWD, "/proc/thread-self/stat", text, sizeof(text)) <= 0 ||
	    !tc_proc_parse_stat(text, &stat) ||
	    (stat.policy != POLICY_FIFO && stat.policy != POLICY_RR))
		return;
	long self = tc_syscall0(SYS_gettid);
	long child = tc_syscall5(SYS_clone, CLONE_FILES | CLONE_FS, 0, 0, 0, 0);
	if (child == 0) {
		tc_syscall3(SYS_sched_setscheduler, self, POLICY_OTHER, (long)&parameters);
		for (;;)
			tc_syscall1(SYS_exit_group, 0);
	}
	if (child > 0)
		tc_syscall4(SYS_wait4, child, 0, __WCLONE, 0);
}

/* What needs descriptors of our own. */
static void settle(struct tc_hook_dump *dump)
{
	lower_priority();
	if (dump->snapshot) /* what shares the target's memory shares its score too */
		tc_hook_die_first();
	tc_hook_open_target(dump);
}

static void make(struct tc_hook_dump *dump)
{
	tc_sys_mask(~(FAULTS | BIT(SIGALRM)), NULL);
	if (!tc_hook_guarded(tc_hook_child, dump, true))
		tc_hook_child_failed(dump);
}

/* In a thread, which has a copy of all that the process has, where that cannot be left otherwise. */
static void work_apart(void *argument)
{
	struct tc_hook_dump *dump = argument;

	dump->worker = (uint32_t)tc_syscall0(SYS_gettid);
	tc_syscall1(SYS_chdir, (long)"/");
	close_each(0, dump->n_numbers ? dump->n_numbers : NUMBERS_UNKNOWN);
	settle(dump);
	make(dump);
	tc_hook_work_done(dump);
}

/* Without a worker. */
static void work_alone(struct tc_hook_dump *dump)
{
	uint64_t ms = tc_hook_settings.budget_ms + BUDGET_MORE_MS;
	struct __kernel_old_itimerval timer = {
		.it_value = { (long)(ms / 1000), (long)(ms % 1000 * 1000) }
	};

	tc_syscall3(SYS_setitimer, 0 /* ITIMER_REAL */, (long)&timer, 0);
	make(dump);
}

/* Until the worker has ended, or so late; the target is looked for now and then. */
static void await(struct tc_hook_dump *dump, uint64_t until_ns)
{
	uint64_t now = tc_sys_clock_ns(CLOCK_MONOTONIC), left = until_ns > now ? until_ns - now : 0;
	struct timespec wait = { 0, (long)(left < LOOK_MS * MS ? left : LOOK_MS * MS) };

	uint32_t worker = dump->worker;

	if (worker)
		tc_syscall4(SYS_futex, (long)&dump->worker, FUTEX_WAIT, worker, (long)&wait);
}

/* True: the worker has ended; false: it hangs. */
static bool watch(struct tc_hook_dump *dump)
{
	uint64_t end = dump->began_ns + (tc_hook_settings.budget_ms + BUDGET_MORE_MS) * MS;
	uint64_t silent = UINT64_MAX; /* when stderr is given up */
	bool gone = false, asked = false;

	for (;;) {
		await(dump, end < silent ? end : silent);
		if (!dump->worker)
			return true;
		uint64_t now = tc_sys_clock_ns(CLOCK_MONOTONIC);
		if (!gone && tc_hook_is_target_gone(dump)) {
			gone = true;
			silent = dump->apart ? now + GONE_MS * MS : now;
		}
		if (now >= silent && !dump->apart) /* all that the target had is held */
			return false;
		if (now >= silent) {
			tc_sys_close(STDERR);
			silent = UINT64_MAX;
		}
		if (now >= end && asked)
			return false;
		if (now >= end) { /* it takes its file away, and ends */
			asked = true;
			end = now + TIDY_MS * MS;
			tc_syscall3(SYS_tgkill, tc_syscall0(SYS_getpid), dump->worker, SIGALRM);
		}
	}
}

/* Until the file is made, or never will be. Then the whole child ends. */
static void supervise(void *argument)
{
	struct tc_hook_dump *dump = argument;
	bool done = watch(dump);

	if (!done)
		tc_hook_child_stuck(dump);
	tc_hook_child_tell(dump);
	if (!dump->snapshot)
		tc_hook_release(dump);
	/* Last of all: then another dump may begin. Its stacks are all that a worker that hangs keeps. */
	if (!done && !dump->snapshot)
		tc_hook_process()->stuck = (uint32_t)tc_syscall0(SYS_getpid);
	if (done && dump->apart)
		tc_hook_end(dump);
	for (;;)
		tc_syscall1(SYS_exit_group, 0);
}

/* Of a process in a memory cgroup the OOM killer does not see the second thread give back the memory once
 * the first has ended (Linux, kernel/cgroup/cgroup.c, css_task_iter_advance: "dying leaders"), and would take
 * the target. */
static bool must_be_one(const struct tc_hook_dump *dump)
{
	return dump->copy && dump->apart && dump->room < TC_HOOK_NO_LIMIT;
}

void tc_hook_guest(struct tc_hook_dump *dump)
{
	tc_sys_action(SIGXFSZ, (void *)SIG_IGN, 0, 0);
	tc_hook_end_at_alarm();
	tc_sys_mask(~FAULTS, NULL);
	tc_syscall2(SYS_prctl, PR_SET_NAME, (long)"taskcore-dump");
	tc_hook_gather_fds(dump);
	dump->apart = tc_hook_leave_files(dump->n_numbers);
	leave_directory();
	if (dump->apart)
		settle(dump);
	if (must_be_one(dump)) {
		work_alone(dump);
		return;
	}
	dump->watched = true;
	dump->worker = (uint32_t)tc_syscall0(SYS_getpid);
	/* Threads of one child, so that whoever kills one kills both; each with a table of its own. */
	if (tc_arch_spawn(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, tc_hook_work_stack(),
			  dump->apart ? supervise : work_apart, dump) > 0) {
		if (!dump->apart)
			supervise(dump);
		tc_sys_close(STDERR); /* the watcher's */
		make(dump);
		tc_hook_work_done(dump);
	}
	dump->watched = false;
	if (dump->apart)
		work_alone(dump);
	else
		tc_hook_child_refuse(dump, "no process may be added");
}
