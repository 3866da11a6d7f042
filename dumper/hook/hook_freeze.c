/* SPDX-License-Identifier: Apache-2.0
 * Freezing. There are two ways to read memory that does not change meanwhile. A clone is an atomic
 * snapshot, and the process stands still for a time that grows with its private memory. A walk in
 * place makes it stand still for the whole walk. The one that takes less time is chosen. */
#include "dumper/hook/hook_freeze.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "dumper/hook/capture/hook_clone.h"
#include "dumper/hook/capture/hook_gather.h"
#include "dumper/hook/capture/hook_memory.h"
#include "dumper/hook/capture/hook_in_place.h"
#include "dumper/hook/capture/hook_spare.h"
#include "dumper/hook/capture/hook_still.h"
#include "dumper/hook/child/hook_child.h"
#include "dumper/hook/child/hook_end.h"
#include "dumper/hook/child/hook_guest.h"
#include "dumper/hook/common/hook_dump.h"
#include "dumper/hook/common/hook_process.h"
#include "dumper/hook/common/hook_say.h"
#include "dumper/hook/common/hook_settings.h"
#include "dumper/hook/signals/hook_guard.h"
#include "lib/base/arena.h"
#include "lib/mem/mem_self.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/walk/walk.h"
#include "lib/base/safe.h"

/* Memory for threads and descriptors; backed only as far as it is used. */
#define THREADS_MEMORY (16u << 20)
#define THREADS_MEMORY_LEAST (1u << 20)
#define BYTES_PER_THREAD (2 * sizeof(struct tc_os_thread))
/* Measured on two cores at 3 GHz, Linux 6.18, Debian's 3.11, with TASKCORE_FREEZE set and the load
 * of tests/bench: a walk in place takes 0.25 ms without any task (modules, threads, loops), and 1.4
 * µs for each task with five frames. The constants are a little higher, so that a clone is made in
 * doubt. */
#define PLACE_NS 400000u
#define PLACE_NS_PER_TASK 1500u
/* Only a copy has the time to find out who refers to what tasks wait for (walk_refs.h): it may cost
 * so much more of a pause. That is a process with about 100 MB of its own. */
#define COPY_WORTH_NS 2000000u
/* A clone may take so many times TASKCORE_PAUSE_MS if a walk in place would have to be cut: all
 * tasks after a longer pause are worth more than a part of them after the allowed one. For a
 * process of 2 GB with 1,000,000 tasks a clone takes about 100 ms, and on a busy machine both it
 * and its estimate are longer. */
#define PAUSES_FOR_ALL 2u

static long clone_self(struct tc_hook_dump *dump)
{
	long child = tc_syscall5(SYS_clone, TC_HOOK_SHARED, 0, 0, 0, 0);

	if (child)
		return child;
	dump->maker.snapshot = true;
	tc_hook_guest(dump);
	tc_hook_end(dump);
}

/* Close dump->proc before a child is made, which would take it for a descriptor of the program. */
static void close_proc(struct tc_hook_dump *dump)
{
	if (dump->proc >= 0)
		tc_sys_close(dump->proc);
	dump->proc = -1;
}

static int snapshot(struct tc_hook_dump *dump)
{
	close_proc(dump);
	dump->way.snapshot = dump->way.frozen = dump->maker.guest = true;
	long child = clone_self(dump);
	dump->way.snapshot = dump->way.frozen = dump->maker.guest = false;
	if (child < 0)
		return (int)child;
	tc_hook_process()->child_apart = 1;
	tc_hook_process()->child = (uint32_t)child;
	return 0;
}

void tc_hook_capture_failed(struct tc_hook_dump *dump)
{
	if (dump->lent) /* a child uses it all */
		return;
	close_proc(dump);
	tc_hook_release(dump);
}

/* Runs in a child that shares our memory, after a walk in place. */
static void write_kept(void *argument)
{
	struct tc_hook_dump *dump = argument;

	tc_hook_guest(dump);
	tc_hook_release(dump);
}

/* Make the file in the handler itself. */
static void write_here(struct tc_hook_dump *dump)
{
	uint64_t before = tc_hook_raised_begin();

	dump->proc = tc_sys_open(AT_FDCWD, "/proc/self", O_RDONLY | O_DIRECTORY, 0);
	tc_hook_child(dump);
	close_proc(dump);
	tc_hook_raised_end(before);
}

/* Walk here, and let a child make the file; if no child can be made, make it here. True: the dump
 * is made, or there can be none (*ret: 0 or -errno). False: a clone must be made instead. */
static bool in_place(struct tc_hook_dump *dump, const struct tc_hook_bounds *how, int *ret)
{
	const struct tc_counts *counts = &dump->walk.counts;

	if (tc_hook_process()->stuck) { /* it may still run on the stacks that we need for this */
		close_proc(dump);
		*ret = -EBUSY;
		return how->must;
	}
	tc_hook_walk_in_place(dump, how);
	if (!how->must &&
	    (dump->in_place.walked == -TC_EBOUND || dump->in_place.walked == -TC_ENOSPACE ||
	     counts->cut || counts->objects_cut)) {
		tc_hook_release_walk(dump);
		return false;
	}
	*ret = dump->in_place.no_room ? -EDQUOT :
	       dump->in_place.no_maps ? -ENOENT :
	       dump->in_place.walked == -TC_ENOSPACE || dump->in_place.walked == -TC_EWRITE ?
					-ENOMEM :
					0;
	close_proc(dump);
	if (*ret == 0) {
		dump->maker.guest = dump->lent = true;
		long child = dump->way.no_child ?
				     -EPERM :
				     tc_arch_spawn(CLONE_VM | TC_HOOK_SHARED, tc_hook_start_stack(),
						   write_kept, dump);
		if (child > 0) {
			tc_hook_process()->child = (uint32_t)child;
			return true;
		}
		dump->maker.guest = dump->lent = false;
		write_here(dump);
	}
	tc_hook_release_walk(dump);
	return true;
}

/* The number of tasks and threads; a number above max only means "more than max". 0: unknown. */
static uint64_t count(struct tc_hook_dump *dump, uint64_t max)
{
	const struct tc_runtime_site *python = tc_hook_python();
	uint64_t n = 0;

	tc_mem_self_init(&dump->mem, false);
	if (!python || tc_walk_count(&dump->mem, python, max, &n) < 0)
		return 0;
	return n;
}

/* Walk here because there is no other way: as many tasks as the rest of the pause allows. On a busy
 * machine there may be no rest; then a part of the pause is used all the same. */
static int walk_here(struct tc_hook_dump *dump, const struct tc_hook_memory *memory)
{
	uint64_t max = dump->pause_ns / PLACE_NS_PER_TASK, n = count(dump, max);
	/* an eighth is kept for the loops, which are walked after the tasks */
	uint64_t left = tc_hook_pause_left(dump) / 8 * 7, least = dump->pause_ns / 4;
	struct tc_hook_bounds how = {
		.n_tasks = n < max ? n : max,
		.time_ns = left > least ? left : least,
		.mappable = memory->mappable,
		.must = true,
	};
	int r = 0;

	in_place(dump, &how, &r);
	return r;
}

/* Walk here if that takes much less time than a clone. True: done. */
static bool try_here(struct tc_hook_dump *dump, const struct tc_hook_memory *memory,
		     uint64_t clone_ns, int *ret)
{
	const uint64_t least_ns = PLACE_NS + COPY_WORTH_NS;
	uint64_t max = clone_ns > least_ns ? (clone_ns - least_ns) / PLACE_NS_PER_TASK : 0;
	uint64_t n = max ? count(dump, max) : 0;
	struct tc_hook_bounds how = {
		.max_tasks = max,
		.n_tasks = n,
		.time_ns = 2 * clone_ns,
		.mappable = memory->mappable,
	};

	return n && n <= max && in_place(dump, &how, ret);
}

/* May a clone take longer than the pause, because a walk in place would have to leave out tasks? */
static bool is_worth_more(struct tc_hook_dump *dump, uint64_t clone_ns)
{
	uint64_t max = dump->pause_ns / PLACE_NS_PER_TASK;

	return clone_ns <= PAUSES_FOR_ALL * dump->pause_ns && count(dump, max) > max;
}

/* Why no clone may be made; NULL: it may. The clone is compared with the whole pause, not with what
 * is left of it: the clone is more important than the states of threads, which get the rest. */
static const char *why_no_clone(struct tc_hook_dump *dump, const struct tc_hook_memory *memory,
				uint64_t clone_ns)
{
	if (dump->way.no_child)
		return "a child would be the first process of a new namespace";
	if (memory->no_clone)
		return memory->no_clone;
	if (atomic_exchange(&tc_hook_process()->lost, 0))
		return "the process that made the dump before was killed";
	if (tc_hook_settings.freeze == TC_HOOK_FREEZE_AUTO && clone_ns > dump->pause_ns &&
	    !is_worth_more(dump, clone_ns))
		return "a copy takes longer than TASKCORE_PAUSE_MS";
	return NULL;
}

static int freeze(struct tc_hook_dump *dump, const struct tc_hook_memory *memory, uint64_t clone_ns)
{
	int r = 0;

	if ((tc_hook_settings.freeze == TC_HOOK_FREEZE_PLACE && !tc_hook_process()->stuck) ||
	    dump->way.why_no_clone)
		return walk_here(dump, memory);
	/* a process that ends anyway need not be spared a copy */
	if (tc_hook_settings.freeze == TC_HOOK_FREEZE_AUTO && !dump->request.dies &&
	    try_here(dump, memory, clone_ns, &r))
		return r;
	if ((r = snapshot(dump)) == 0)
		return 0;
	dump->way.why_no_clone =
		r == -EAGAIN ? "no process may be added (a limit on their number)" :
		r == -ENOMEM ? "there is no memory for a copy" :
			       "no process may be added (a filter of system calls?)";
	return walk_here(dump, memory);
}

/* Map dump->memory, at most a small part of what resource limits leave. */
static bool take_memory(struct tc_hook_dump *dump, const struct tc_hook_memory *memory)
{
	uint64_t size = THREADS_MEMORY + memory->n_threads * BYTES_PER_THREAD;

	if (size > memory->mappable / 16)
		size = memory->mappable / 16 / TC_ARCH_PAGE * TC_ARCH_PAGE;
	if (size < THREADS_MEMORY_LEAST)
		size = THREADS_MEMORY_LEAST;
	dump->memory.size = size;
	dump->memory.at = tc_sys_map(size, false);
	if (dump->memory.at)
		tc_arena_init(&dump->arena, dump->memory.at, size);
	return dump->memory.at;
}

/* Read the states of threads, in half of the time that a clone leaves of the pause. If no clone
 * will be made, all threads must be listed now. */
static void gather_threads(struct tc_hook_dump *dump, const struct tc_hook_memory *memory,
			   uint64_t clone_ns)
{
	uint64_t left = tc_hook_pause_left(dump), now = tc_sys_clock_ns(CLOCK_MONOTONIC);
	bool here = dump->way.why_no_clone || tc_hook_settings.freeze == TC_HOOK_FREEZE_PLACE;
	uint64_t share = here ? left / 4 : clone_ns < left ? (left - clone_ns) / 2 : 0;

	tc_hook_gather_threads(dump, memory->n_threads, now + share, here);
}

int tc_hook_capture(struct tc_hook_dump *dump)
{
	bool dumpable = tc_syscall2(SYS_prctl, PR_GET_DUMPABLE, 0) == 1;
	struct tc_hook_memory memory;

	dump->way.dumpable = dumpable || tc_hook_settings.nondumpable_full;
	long n = tc_syscall2(SYS_getcwd, (long)dump->names.cwd, sizeof(dump->names.cwd));
	dump->names.cwd[n > 0 ? n - 1 : 0] = 0; /* its size holds the zero */
	dump->way.no_child = !tc_hook_may_have_child();
	if (tc_hook_has_spare()) /* if not, a child reads what needs descriptors */
		dump->proc = tc_sys_open(AT_FDCWD, "/proc/self", O_RDONLY | O_DIRECTORY, 0);
	tc_hook_memory(dump->proc, dumpable || tc_syscall0(SYS_geteuid) == 0, &memory);
	dump->way.room = memory.room;
	dump->fds.n_numbers = memory.n_numbers;
	int r = -ENOMEM;
	if (take_memory(dump, &memory)) {
		uint64_t clone_ns = tc_hook_clone_ns(dump, &memory);
		dump->way.why_no_clone = why_no_clone(dump, &memory, clone_ns);
		gather_threads(dump, &memory, clone_ns);
		if (dump->request.dies)
			tc_hook_still_all(dump);
		else if (tc_hook_settings.stack_bytes)
			tc_hook_still_running(dump);
		/* freeze closes dump->proc before it makes a child: a child may share our memory,
		 * and uses the field from then on. */
		r = freeze(dump, &memory, clone_ns);
	} else {
		close_proc(dump);
	}
	if (!dump->lent)
		tc_hook_release(dump);
	return r;
}
