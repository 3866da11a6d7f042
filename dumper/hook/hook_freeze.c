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

#include "lib/python/find_python.h"
#include "lib/mem/mem_self.h"
#include "lib/sys/sys.h"
#include "dumper/hook/common/hook.h"
#include "dumper/hook/common/hook_process.h"
#include "lib/base/safe.h"

/* Threads and descriptors; backed as far as it is used. */
#define THREADS_MEMORY (16u << 20)
#define THREADS_MEMORY_LEAST (1u << 20)
#define BYTES_PER_THREAD (2 * sizeof(struct tc_os_thread))
/* Measured on two cores at 3 GHz, Linux 6.18, Debian's 3.11, with TASKCORE_FREEZE set and the load of
 * tests/bench: a walk in place takes 0.25 ms without any task (modules, threads, loops) and 1.4 µs for each,
 * of five frames. In doubt a clone: it may take its time. */
#define PLACE_NS 400000u
#define PLACE_NS_PER_TASK 1500u
/* A copy may take so many times the pause where a walk in place would be cut: of a process of 2 GB with
 * 1,000,000 tasks it takes about 100 ms, and a busy machine adds to that and to its estimate. A part of the
 * tasks, after the same pause, is worth less than all of them after a longer one. */
#define PAUSES_FOR_ALL 2u

static long clone_self(unsigned long flags, struct tc_hook_dump *dump)
{
	long child = tc_syscall5(SYS_clone, (long)flags, 0, 0, 0, 0);

	if (child)
		return child;
	dump->copy = true;
	tc_hook_guest(dump);
	tc_hook_end(dump);
}

/* In a process in between, which shares our memory: the copy is our child, not its own. */
static void clone_from_between(void *argument)
{
	struct tc_hook_dump *dump = argument;

	tc_hook_answer_traps();
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

/* Before a child: one that shares our table must not take it for one of the program's. */
static void close_proc(struct tc_hook_dump *dump)
{
	if (dump->proc >= 0)
		tc_sys_close(dump->proc);
	dump->proc = -1;
}

static int snapshot(struct tc_hook_dump *dump, bool offered)
{
	close_proc(dump);
	dump->snapshot = dump->frozen = dump->guest = true;
	long child = offered ? clone_offered(dump) : clone_self(TC_HOOK_SHARED, dump);
	dump->snapshot = dump->frozen = dump->guest = false;
	if (child < 0)
		return (int)child;
	tc_hook_process()->child_apart = 1;
	tc_hook_process()->child = (uint32_t)child;
	return 0;
}

void tc_hook_capture_failed(struct tc_hook_dump *dump)
{
	if (dump->lent) /* all of it is the child's now */
		return;
	close_proc(dump);
	tc_hook_release(dump);
}

/* In a child that shares our memory. */
static void write_kept(void *argument)
{
	struct tc_hook_dump *dump = argument;

	tc_hook_guest(dump);
	tc_hook_release(dump);
}

/* In the handler itself. */
static void write_here(struct tc_hook_dump *dump)
{
	uint64_t before = tc_hook_raised_begin();

	dump->proc = tc_sys_open(AT_FDCWD, "/proc/self", O_RDONLY | O_DIRECTORY, 0);
	tc_hook_child(dump);
	close_proc(dump);
	tc_hook_raised_end(before);
}

/* Walk here, and let a child make the file; where there can be no child, it is made here. True: the
 * dump is made, or lost for good (*ret); false: another way is to be taken. */
static bool in_place(struct tc_hook_dump *dump, const struct tc_hook_place *how, int *ret)
{
	const struct tc_counts *counts = &dump->counts;

	if (tc_hook_process()->stuck) { /* the kernel may still write to the stacks that this one needs */
		close_proc(dump);
		*ret = -EBUSY;
		return how->must;
	}
	tc_hook_walk_in_place(dump, how);
	if (!how->must && (dump->walked == -TC_EBOUND || dump->walked == -TC_ENOSPACE ||
			   counts->cut || counts->objects_cut)) {
		tc_hook_release_walk(dump);
		return false;
	}
	*ret = dump->no_room						  ? -EDQUOT :
	       dump->no_maps						  ? -ENOENT :
	       dump->walked == -TC_ENOSPACE || dump->walked == -TC_EWRITE ? -ENOMEM :
									    0;
	close_proc(dump);
	if (*ret == 0) {
		dump->guest = dump->lent = true;
		long child = dump->no_child ? -EPERM :
					      tc_arch_spawn(CLONE_VM | TC_HOOK_SHARED,
							    tc_hook_start_stack(), write_kept,
							    dump);
		if (child > 0) {
			tc_hook_process()->child = (uint32_t)child;
			return true;
		}
		dump->guest = dump->lent = false;
		write_here(dump);
	}
	tc_hook_release_walk(dump);
	return true;
}

/* Tasks and threads; beyond max it is of no meaning how many more. 0: unknown. */
static uint64_t count(struct tc_hook_dump *dump, uint64_t max)
{
	const struct tc_runtime_site *python = tc_hook_python();
	uint64_t n = 0;

	tc_mem_self_init(&dump->mem, false);
	if (!python || tc_walk_count(&dump->mem, python, max, &n) < 0)
		return 0;
	return n;
}

static uint64_t pause_ns(void)
{
	return tc_hook_settings.pause_ms * 1000000u;
}

/* There is no other way: as many as the pause allows, and a part of it at least where other programs have
 * used it up (a busy machine). */
static int walk_here(struct tc_hook_dump *dump, const struct tc_hook_memory *memory)
{
	uint64_t max = pause_ns() / PLACE_NS_PER_TASK, n = count(dump, max);
	uint64_t left = tc_hook_pause_left(dump) / 8 * 7, least = pause_ns() / 4; /* loops come after tasks */
	struct tc_hook_place how = {
		.n_tasks = n < max ? n : max,
		.end_ns = tc_sys_clock_ns(CLOCK_MONOTONIC) + (left > least ? left : least),
		.mappable = memory->mappable,
		.must = true,
	};
	int r = 0;

	in_place(dump, &how, &r);
	return r;
}

/* Whether the tasks could be walked in the time that a clone takes, and were. */
static bool try_here(struct tc_hook_dump *dump, const struct tc_hook_memory *memory,
		     uint64_t clone_ns, int *ret)
{
	uint64_t max = clone_ns > PLACE_NS ? (clone_ns - PLACE_NS) / PLACE_NS_PER_TASK : 0;
	uint64_t n = max ? count(dump, max) : 0;
	struct tc_hook_place how = {
		.max_tasks = max,
		.n_tasks = n,
		.end_ns = tc_sys_clock_ns(CLOCK_MONOTONIC) + 2 * clone_ns,
		.mappable = memory->mappable,
	};

	return n && n <= max && in_place(dump, &how, ret);
}

/* Whether a clone that takes longer than the pause is the only way to all tasks. */
static bool is_worth_more(struct tc_hook_dump *dump, uint64_t clone_ns)
{
	uint64_t max = pause_ns() / PLACE_NS_PER_TASK;

	return clone_ns <= PAUSES_FOR_ALL * pause_ns() && count(dump, max) > max;
}

/* Before all else: why no clone is to be made. Time that others took does not count: the clone comes
 * first, and the states of threads get what is left. */
static const char *why_no_clone(struct tc_hook_dump *dump, const struct tc_hook_memory *memory,
				uint64_t clone_ns)
{
	if (dump->no_child)
		return "a child would be the first process of a new namespace";
	if (memory->no_clone)
		return memory->no_clone;
	if (atomic_exchange(&tc_hook_process()->lost, 0))
		return "the process that made the dump before was killed";
	if (tc_hook_settings.freeze == TC_HOOK_FREEZE_AUTO && clone_ns > pause_ns() &&
	    !is_worth_more(dump, clone_ns))
		return "a copy takes longer than TASKCORE_PAUSE_MS";
	return NULL;
}

static int freeze(struct tc_hook_dump *dump, const struct tc_hook_memory *memory, uint64_t clone_ns)
{
	int r = 0;

	if ((tc_hook_settings.freeze == TC_HOOK_FREEZE_PLACE && !tc_hook_process()->stuck) || dump->why_place)
		return walk_here(dump, memory);
	if (tc_hook_settings.freeze == TC_HOOK_FREEZE_AUTO && try_here(dump, memory, clone_ns, &r))
		return r;
	if ((r = snapshot(dump, memory->room < memory->private_bytes)) == 0)
		return 0;
	dump->why_place = r == -EAGAIN ? "no process may be added (a limit on their number)" :
			  r == -ENOMEM ? "there is no memory for a copy" :
					 "no process may be added (a filter of system calls?)";
	return walk_here(dump, memory);
}

/* A small part of what a limit leaves. */
static bool take_thread_memory(struct tc_hook_dump *dump, const struct tc_hook_memory *memory)
{
	uint64_t size = THREADS_MEMORY + memory->n_threads * BYTES_PER_THREAD;

	if (size > memory->mappable / 16)
		size = memory->mappable / 16 / TC_ARCH_PAGE * TC_ARCH_PAGE;
	if (size < THREADS_MEMORY_LEAST)
		size = THREADS_MEMORY_LEAST;
	dump->thread_memory_size = size;
	dump->thread_memory = tc_sys_map(size, false);
	if (dump->thread_memory)
		tc_arena_init(&dump->arena, dump->thread_memory, size);
	return dump->thread_memory;
}

/* Threads get half of what a clone leaves of the pause; all of them are listed here where there will be no
 * copy. */
static void gather_threads(struct tc_hook_dump *dump, const struct tc_hook_memory *memory,
			   uint64_t clone_ns)
{
	uint64_t left = tc_hook_pause_left(dump), now = tc_sys_clock_ns(CLOCK_MONOTONIC);
	bool here = dump->why_place || tc_hook_settings.freeze == TC_HOOK_FREEZE_PLACE;
	uint64_t share = here ? left / 4 : clone_ns < left ? (left - clone_ns) / 2 : 0;

	tc_hook_gather_threads(dump, memory->n_threads, now + share, here);
}

int tc_hook_capture(struct tc_hook_dump *dump)
{
	bool dumpable = tc_syscall2(SYS_prctl, PR_GET_DUMPABLE, 0) == 1;
	struct tc_hook_memory memory;

	dump->dumpable = dumpable || tc_hook_settings.nondumpable_full;
	long n = tc_syscall2(SYS_getcwd, (long)dump->cwd, sizeof(dump->cwd));
	dump->cwd[n > 0 ? n - 1 : 0] = 0; /* its size holds the zero */
	dump->no_child = !tc_hook_may_have_child();
	if (tc_hook_has_spare()) /* else a child does what needs descriptors */
		dump->proc = tc_sys_open(AT_FDCWD, "/proc/self", O_RDONLY | O_DIRECTORY, 0);
	tc_hook_memory(dump->proc, dumpable || tc_syscall0(SYS_geteuid) == 0, &memory);
	dump->room = memory.room;
	dump->n_numbers = memory.n_numbers;
	int r = -ENOMEM;
	if (take_thread_memory(dump, &memory)) {
		uint64_t clone_ns = tc_hook_clone_ns(dump, &memory);
		dump->why_place = why_no_clone(dump, &memory, clone_ns);
		gather_threads(dump, &memory, clone_ns);
		/* Closes dump->proc before a child begins, which may share our memory: from then on it is
		 * the child's. */
		r = freeze(dump, &memory, clone_ns);
	} else {
		close_proc(dump);
	}
	if (!dump->lent)
		tc_hook_release(dump);
	return r;
}
