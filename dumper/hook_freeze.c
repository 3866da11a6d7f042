/* SPDX-License-Identifier: Apache-2.0
 * Freezing: a clone is an atomic snapshot for some time per MB of private memory; a
 * walk in place costs what the walk costs. The cheaper one is taken. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "../lib/find_python.h"
#include "../lib/mem_self.h"
#include "../lib/sys.h"
#include "hook.h"
#include "hook_process.h"
#include "../lib/safe.h"

#define THREADS_MEMORY (16u << 20) /* 60,000 threads; backed as far as it is used */
/* Measured on two cores at 3 GHz, Linux 6.18, Debian's 3.11, with TASKCORE_FREEZE set and the load of
 * tests/bench: a clone of 15, 40, 290, 2,500 MB takes 0.25, 0.6, 3.5, 27 ms; a walk in place 0.25 ms
 * without any task (modules, threads, loops) and 1.4 µs for each, of five frames. In doubt a clone: it
 * may take its time. */
#define CLONE_NS 150000u
#define CLONE_NS_PER_MB 12000u
#define PLACE_NS 400000u
#define PLACE_NS_PER_TASK 1500u

static long clone_self(unsigned long flags, struct tc_hook_dump *dump)
{
	long child = tc_syscall5(SYS_clone, (long)flags, 0, 0, 0, 0);

	if (child)
		return child;
	tc_hook_guest(dump);
	for (;;)
		tc_syscall1(SYS_exit_group, 0);
}

/* In a process in between, which shares our memory: the copy is our child, not its own. */
static void clone_from_between(void *argument)
{
	struct tc_hook_dump *dump = argument;

	tc_hook_die_first();
	dump->cloned = clone_self(CLONE_PARENT | TC_HOOK_SHARED, dump);
}

/* Where the cgroup's memory may run out before a copy had the time to offer itself, it is born so:
 * a vfork child has a score of its own (fs/proc/base.c, __set_oom_adj), and passes it on. */
static long clone_offered(struct tc_hook_dump *dump)
{
	dump->cloned = -EAGAIN;
	long between = tc_arch_spawn(CLONE_VM | CLONE_VFORK | TC_HOOK_SHARED, tc_hook_start_stack(),
				     clone_from_between, dump);
	if (between < 0)
		return between;
	tc_syscall4(SYS_wait4, between, 0, __WCLONE, 0); /* it has left our memory: it ends */
	return dump->cloned;
}

static int snapshot(struct tc_hook_dump *dump, bool offered)
{
	dump->snapshot = dump->frozen = dump->guest = true;
	long child = offered ? clone_offered(dump) : clone_self(TC_HOOK_SHARED, dump);
	dump->snapshot = dump->frozen = dump->guest = false;
	if (child < 0)
		return (int)child;
	tc_process()->child_apart = 1;
	tc_process()->child = (uint32_t)child;
	return 0;
}

/* Forgotten first: a child that is killed in between loses memory, but nobody else's is unmapped. */
static void unmap(void **memory, size_t size)
{
	void *at = *memory;

	*memory = NULL;
	atomic_signal_fence(memory_order_seq_cst);
	if (at)
		tc_sys_unmap(at, size);
}

static void release_walk(struct tc_hook_dump *dump)
{
	dump->first = dump->last = NULL;
	unmap(&dump->memory, dump->memory_size);
}

void tc_hook_release(struct tc_hook_dump *dump)
{
	release_walk(dump);
	unmap(&dump->thread_memory, THREADS_MEMORY);
}

static void close_proc(struct tc_hook_dump *dump)
{
	if (dump->proc >= 0)
		tc_sys_close(dump->proc);
	dump->proc = -1;
}

void tc_hook_capture_failed(struct tc_hook_dump *dump)
{
	close_proc(dump);
	if (!dump->lent)
		tc_hook_release(dump);
}

/* In a child that shares our memory. */
static void write_kept(void *argument)
{
	struct tc_hook_dump *dump = argument;

	tc_hook_guest(dump);
	tc_hook_release(dump);
}

/* In the handler itself. A write may raise SIGXFSZ (a limit on the size of files) or SIGPIPE: blocked
 * now, and not the program's affair. */
static void write_here(struct tc_hook_dump *dump)
{
	const uint64_t raised = 1ull << (SIGXFSZ - 1) | 1ull << (SIGPIPE - 1);
	const struct timespec now = { 0, 0 };
	uint64_t before = 0, after = 0;

	tc_syscall2(SYS_rt_sigpending, (long)&before, sizeof(before));
	dump->proc = tc_sys_open(AT_FDCWD, "/proc/self", O_RDONLY | O_DIRECTORY, 0);
	tc_hook_child(dump);
	close_proc(dump);
	while (tc_syscall2(SYS_rt_sigpending, (long)&after, sizeof(after)) == 0 &&
	       (after &= raised & ~before) != 0 &&
	       tc_syscall4(SYS_rt_sigtimedwait, (long)&after, 0, (long)&now, sizeof(after)) > 0)
		;
}

/* Walk here, and let a child make the file; where there can be no child, it is made here. True: the
 * dump is made, or lost for good (*ret); false: another way is to be taken. */
static bool in_place(struct tc_hook_dump *dump, uint64_t max_tasks, bool must, int *ret)
{
	if (tc_process()->stuck) { /* the kernel may still write to the stacks that this one needs */
		*ret = -EBUSY;
		return must;
	}
	tc_hook_walk_in_place(dump, max_tasks, must);
	if (!must && (dump->walked == -TC_EBOUND || dump->walked == -TC_ENOSPACE)) {
		release_walk(dump);
		return false;
	}
	*ret = dump->no_room						  ? -EDQUOT :
	       dump->no_maps						  ? -ENOENT :
	       dump->walked == -TC_ENOSPACE || dump->walked == -TC_EWRITE ? -ENOMEM :
									    0;
	if (*ret == 0) {
		dump->guest = dump->lent = true;
		long child = dump->no_child ? -EPERM :
					      tc_arch_spawn(CLONE_VM | TC_HOOK_SHARED,
							    tc_hook_start_stack(), write_kept,
							    dump);
		if (child > 0) {
			tc_process()->child = (uint32_t)child;
			return true;
		}
		dump->guest = dump->lent = false;
		write_here(dump);
	}
	release_walk(dump);
	return true;
}

/* Whether the tasks can be walked in the time that a clone takes; *ret_max gets how many could. */
static bool is_place_faster(struct tc_hook_dump *dump, uint64_t clone_ns, uint64_t *ret_max)
{
	uint64_t max = clone_ns > PLACE_NS ? (clone_ns - PLACE_NS) / PLACE_NS_PER_TASK : 0, n;
	const struct tc_runtime_site *python = tc_hook_python();

	*ret_max = max;
	tc_mem_self_init(&dump->mem, false);
	return max && python && tc_walk_count(&dump->mem, python, max, &n) == 0 && n <= max;
}

static int freeze(struct tc_hook_dump *dump, const struct tc_hook_memory *memory)
{
	uint64_t clone_ns = CLONE_NS + (memory->private_bytes >> 20) * CLONE_NS_PER_MB;
	uint64_t max_tasks;
	bool too_long = clone_ns > tc_hook_settings.pause_ms * 1000000u;
	int r = 0;

	dump->why_place = memory->no_clone;
	dump->no_child = !tc_hook_may_have_child();
	if (dump->no_child)
		dump->why_place = "a child would be the first process of a new namespace";
	else if (atomic_exchange(&tc_process()->lost, 0))
		dump->why_place = "the process that made the dump before was killed";
	if ((tc_hook_settings.freeze == TC_HOOK_FREEZE_PLACE && !tc_process()->stuck) ||
	    dump->why_place ||
	    (tc_hook_settings.freeze == TC_HOOK_FREEZE_AUTO && too_long)) {
		in_place(dump, 0, true, &r);
		return r;
	}
	if (tc_hook_settings.freeze == TC_HOOK_FREEZE_AUTO &&
	    is_place_faster(dump, clone_ns, &max_tasks) && in_place(dump, max_tasks, false, &r))
		return r;
	if ((r = snapshot(dump, memory->room < memory->private_bytes)) == 0)
		return 0;
	dump->why_place = r == -EAGAIN ? "no process may be added (a limit on their number)" :
			  r == -ENOMEM ? "there is no memory for a copy" :
					 "no process may be added (a filter of system calls?)";
	in_place(dump, 0, true, &r);
	return r;
}

int tc_hook_capture(struct tc_hook_dump *dump)
{
	bool dumpable = tc_syscall2(SYS_prctl, PR_GET_DUMPABLE, 0) == 1;
	struct tc_hook_memory memory;

	dump->dumpable = dumpable || tc_hook_settings.nondumpable_full;
	long n = tc_syscall2(SYS_getcwd, (long)dump->cwd, sizeof(dump->cwd));
	dump->cwd[n > 0 ? n - 1 : 0] = 0; /* its size holds the zero */
	dump->thread_memory = tc_sys_map(THREADS_MEMORY, false);
	if (!dump->thread_memory)
		return -ENOMEM;
	tc_arena_init(&dump->arena, dump->thread_memory, THREADS_MEMORY);
	tc_hook_gather_threads(dump);
	tc_hook_memory(dump->proc, dumpable || tc_syscall0(SYS_geteuid) == 0, &memory);
	dump->room = memory.room;
	dump->n_numbers = memory.n_numbers;
	close_proc(dump); /* a child that shares our table must not take it for one of the program's */
	int r = freeze(dump, &memory);
	if (!dump->lent)
		tc_hook_release(dump);
	return r;
}
