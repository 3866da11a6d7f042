/* SPDX-License-Identifier: Apache-2.0
 * The child of a dump, as a guest of the process. At first it shares the process's descriptor table
 * and working directory; it does not copy them, and leaves them soon. So it does not keep open what
 * the process closes. Then it has two threads. The worker makes the file; a file system may make it
 * hang for ever, so it holds nothing of the process but memory. The watcher has stderr: it says the
 * line, and ends both threads in time. */
#define _GNU_SOURCE
#include "dumper/hook/child/hook_guest.h"

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

#include "dumper/base/wire.h"
#include "dumper/hook/capture/hook_cgroup.h"
#include "dumper/hook/capture/hook_gather.h"
#include "dumper/hook/child/hook_child.h"
#include "dumper/hook/child/hook_end.h"
#include "dumper/hook/child/hook_fds.h"
#include "dumper/hook/child/hook_worker.h"
#include "dumper/hook/common/hook_dump.h"
#include "dumper/hook/common/hook_process.h"
#include "dumper/hook/common/hook_say.h"
#include "dumper/hook/common/hook_settings.h"
#include "dumper/hook/signals/hook_guard.h"
#include "lib/process/proc.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

#define NUMBERS_UNKNOWN 65536
#define STDERR 2
/* values of linux/sched.h; libc's <sched.h>, which has the names, cannot be included beside it */
enum { POLICY_OTHER, POLICY_FIFO, POLICY_RR };
#define MS 1000000ull
/* The worker is asked to end so long after the time for the dump is over, and then has so long to
 * remove its file. */
#define BUDGET_MORE_MS 2000
#define TIDY_MS 500
#define LOOK_MS 20 /* between two looks whether the process still exists */
/* after the process has ended, we close stderr: whoever reads it from a pipe waits for its end */
#define GONE_MS 100

#define BIT(sig) (1ull << ((sig)-1))
/* SIGSYS: tc_hook_answer_traps */
#define FAULTS (BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) | BIT(SIGSYS))

/* Let the OOM killer take this process first: others in the cgroup, or on the machine, may need
 * memory while it lives. */
static void die_first(void)
{
	int fd = tc_sys_open(AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY, 0);

	if (fd < 0)
		return;
	tc_sys_write(fd, "1000", 4);
	tc_sys_close(fd);
}

/* Close the descriptors from `from` to below `end` one by one: on Linux before 5.9, or where a
 * seccomp filter denies close_range. */
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

/* With CLOSE_RANGE_UNSHARE close_range makes a new table that has only what is not to be closed.
 * The first 64 numbers are copied all the same, and closed before it returns (Linux 6.18,
 * fs/file.c, dup_fd: NR_OPEN_DEFAULT). */
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

/* Leave the process's working directory, which it may want to unmount. */
static void leave_directory(void)
{
	if (tc_syscall1(SYS_unshare, CLONE_FS) == 0)
		tc_syscall1(SYS_chdir, (long)"/");
}

/* Read a link of /proc. False: it cannot be read. */
static bool read_link(const char *path, char to[64])
{
	long n = tc_syscall4(SYS_readlinkat, AT_FDCWD, (long)path, (long)to, 63);

	to[n > 0 ? n : 0] = 0;
	return n > 0;
}

/* Do two links in /proc/self/ns name the same namespace? True also where there are no such
 * links. */
static bool is_same_namespace(const char *own, const char *of_children)
{
	char one[64], two[64];
	struct stat st;

	if (!read_link(own, one))
		return true;
	if (read_link(of_children, two))
		return strcmp(one, two) == 0;
	/* If the link exists but cannot be read, the children's namespace is another one, which has
	 * no init yet (Linux, kernel/pid_namespace.c, pidns_for_children_get). Linux before 4.12
	 * has no such link. */
	return tc_syscall4(SYS_newfstatat, AT_FDCWD, (long)of_children, (long)&st,
			   AT_SYMLINK_NOFOLLOW) < 0;
}

bool tc_hook_may_have_child(void)
{
	return is_same_namespace("/proc/self/ns/pid", "/proc/self/ns/pid_for_children") &&
	       is_same_namespace("/proc/self/ns/time", "/proc/self/ns/time_for_children");
}

/* We inherit a real-time policy, and would keep the process from its processor: change to
 * SCHED_OTHER. The system call is made only then, and by a process of its own, because a seccomp
 * filter may kill for it. */
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

/* Do what needs a descriptor table of our own. */
static void settle(struct tc_hook_dump *dump)
{
	lower_priority();
	/* only a snapshot: processes that share memory share oom_score_adj too */
	if (dump->way.snapshot)
		die_first();
	tc_hook_open_target(dump);
}

static void make(struct tc_hook_dump *dump)
{
	tc_sys_mask(~(FAULTS | BIT(SIGALRM)), NULL);
	if (!tc_hook_guarded(tc_hook_child, dump, true))
		tc_hook_child_failed(dump);
}

/* The worker where the shared table could not be left: as a thread made without CLONE_FILES it has
 * a copy of the table, and closes everything in it. */
static void work_apart(void *argument)
{
	struct tc_hook_dump *dump = argument;

	dump->maker.worker = (uint32_t)tc_syscall0(SYS_gettid);
	tc_syscall1(SYS_chdir, (long)"/");
	close_each(0, dump->fds.n_numbers ? dump->fds.n_numbers : NUMBERS_UNKNOWN);
	settle(dump);
	make(dump);
	tc_hook_work_done(dump);
}

/* Make the file without a second thread. An alarm ends us in time. */
static void work_alone(struct tc_hook_dump *dump)
{
	uint64_t ms = (dump->deadline_ns - dump->began_ns) / MS + BUDGET_MORE_MS;
	struct __kernel_old_itimerval timer = {
		.it_interval = { 0, TIDY_MS * 1000 },
		.it_value = { (long)(ms / 1000), (long)(ms % 1000 * 1000) },
	};

	tc_syscall3(SYS_setitimer, 0 /* ITIMER_REAL */, (long)&timer, 0);
	make(dump);
}

/* Wait until the worker has ended, until_ns (CLOCK_MONOTONIC) has come, or LOOK_MS have passed. */
static void await(struct tc_hook_dump *dump, uint64_t until_ns)
{
	uint64_t now = tc_sys_clock_ns(CLOCK_MONOTONIC), left = until_ns > now ? until_ns - now : 0;
	struct timespec wait = { 0, (long)(left < LOOK_MS * MS ? left : LOOK_MS * MS) };

	uint32_t worker = dump->maker.worker;

	if (worker)
		tc_syscall4(SYS_futex, (long)&dump->maker.worker, FUTEX_WAIT, worker, (long)&wait);
}

/* Watch the worker. True: it has ended. False: it hangs, and must be left behind. */
static bool watch(struct tc_hook_dump *dump)
{
	uint64_t end = dump->deadline_ns + BUDGET_MORE_MS * MS;
	uint64_t silent = UINT64_MAX; /* when we close stderr */
	unsigned asked = 0;
	bool gone = false;

	for (;;) {
		await(dump, end < silent ? end : silent);
		if (!dump->maker.worker)
			return true;
		uint64_t now = tc_sys_clock_ns(CLOCK_MONOTONIC);
		if (!gone && tc_hook_is_target_gone(dump)) {
			gone = true;
			silent = dump->maker.apart ? now + GONE_MS * MS : now;
		}
		/* we still share all descriptors, and so keep them open: end at once */
		if (now >= silent && !dump->maker.apart)
			return false;
		if (now >= silent) {
			tc_sys_close(STDERR);
			silent = UINT64_MAX;
		}
		if (now >= end && asked == 2)
			return false;
		/* the alarm makes it leave what hangs; the second one, remove its file and end */
		if (now >= end) {
			asked++;
			end = now + TIDY_MS * MS;
			tc_syscall3(SYS_tgkill, tc_syscall0(SYS_getpid), dump->maker.worker,
				    SIGALRM);
		}
	}
}

/* The watcher: until the file is made, or never will be. Then the whole child ends. */
static void supervise(void *argument)
{
	struct tc_hook_dump *dump = argument;
	bool done = watch(dump);

	if (!done)
		tc_hook_child_stuck(dump);
	tc_hook_child_tell(dump);
	if (!dump->way.snapshot)
		tc_hook_release(dump);
	/* The last thing before the end, because from then on another dump may begin. The worker
	 * that hangs still uses our stacks, and `stuck` says so. */
	if (!done && !dump->way.snapshot)
		tc_hook_process()->stuck = (uint32_t)tc_syscall0(SYS_getpid);
	if (done && dump->maker.apart)
		tc_hook_end(dump);
	for (;;)
		tc_syscall1(SYS_exit_group, 0);
}

/* Must the child have one thread only? In a memory cgroup the OOM killer skips a process whose
 * first thread has ended (Linux, kernel/cgroup/cgroup.c, css_task_iter_advance: "dying leaders").
 * With two threads it would not see that the second is still giving back memory, and would kill the
 * target. */
static bool must_be_one(const struct tc_hook_dump *dump)
{
	return dump->maker.snapshot && dump->maker.apart && dump->way.room < TC_HOOK_NO_LIMIT;
}

void tc_hook_guest(struct tc_hook_dump *dump)
{
	tc_sys_action(SIGXFSZ, (void *)SIG_IGN, 0, 0);
	tc_hook_end_at_alarm();
	tc_sys_mask(~FAULTS, NULL);
	tc_syscall2(SYS_prctl, PR_SET_NAME, (long)TC_DUMPER_NAME);
	tc_hook_gather_fds(dump);
	dump->maker.apart = tc_hook_leave_files(dump->fds.n_numbers);
	leave_directory();
	if (dump->maker.apart)
		settle(dump);
	if (must_be_one(dump)) {
		work_alone(dump);
		return;
	}
	dump->maker.watched = true;
	dump->maker.worker = (uint32_t)tc_syscall0(SYS_getpid);
	/* Two threads of one process, so that whoever kills one kills both, but each with its own
	 * descriptor table (no CLONE_FILES). */
	if (tc_arch_spawn(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, tc_hook_work_stack(),
			  dump->maker.apart ? supervise : work_apart, dump) > 0) {
		if (!dump->maker.apart)
			supervise(dump);
		tc_sys_close(STDERR); /* the watcher has it */
		make(dump);
		tc_hook_work_done(dump);
	}
	dump->maker.watched = false;
	if (dump->maker.apart)
		work_alone(dump);
	else
		tc_hook_child_refuse(dump, "no process may be added");
}
