/* SPDX-License-Identifier: Apache-2.0
 * The walk in place: in the handler, while the process stands still because this thread holds the
 * GIL, is the only one, or has parked the holder. The records are kept in memory: files are a
 * child's work. */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "../lib/mem_self.h"
#include "../lib/proc.h"
#include "../lib/sys.h"
#include "hook.h"
#include "hook_process.h"
#include "../lib/safe.h"

#define PARK_NS 20000000
/* Of the cgroup's memory: for the smallest dump; besides that where a clone is possible too. */
#define ROOM_AT_LEAST (4u << 20)
#define ROOM_UNASKED (12u << 20)
#define TASKS_PER_LOOK 16 /* the clock is read once in so many tasks */

/* One chunk of records, as the sink got it. */
struct tc_hook_kept {
	struct tc_hook_kept *next;
	size_t size;
	uint8_t bytes[];
};

struct place {
	struct tc_sink sink; /* first member */
	struct tc_hook_dump *dump;
	struct tc_arena arena; /* of the kept chunks: the walker's own arena must stay undisturbed */
	const struct tc_arena *walker; /* the walker's */
	size_t both_left, both_max;    /* bytes: of both arenas at the first task; that may be used */
	uint64_t end_ns;
	unsigned n;
	bool must; /* there is no other way */
	bool late; /* end_ns is over */
};

static int keep_chunk(struct tc_sink *sink, enum tc_note note, const void *chunk, size_t size)
{
	struct place *place = (struct place *)sink;
	struct tc_hook_dump *dump = place->dump;
	struct tc_hook_kept *kept = tc_arena_take(&place->arena, sizeof(*kept) + size);

	(void)note; /* records, all of them */
	if (!kept)
		return -TC_EWRITE;
	*kept = (struct tc_hook_kept){ .size = size };
	memcpy(kept->bytes, chunk, size);
	if (dump->last)
		dump->last->next = kept;
	else
		dump->first = kept;
	dump->last = kept;
	return 0;
}

int tc_hook_replay(struct tc_hook_dump *dump, struct tc_core *core)
{
	for (struct tc_hook_kept *kept = dump->first; kept; kept = kept->next)
		if (tc_records_pass(&core->rec, kept->bytes, kept->size, dump->next_id) < 0)
			return -TC_EWRITE;
	return 0;
}

/* Ask the holder of the GIL to stand still in our handler. True: it does. */
static bool park(struct tc_hook_dump *dump, uint32_t holder)
{
	struct tc_hook_process *process = tc_process();
	struct timespec wait = { 0, PARK_NS };
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	info.si_signo = tc_hook_settings.private_signal;
	info.si_code = SI_QUEUE;
	info.si_pid = (pid_t)dump->pid;
	info.si_value.sival_ptr = (void *)(uintptr_t)tc_cookie(TC_COOKIE_PARK, dump->began_ns);
	if (!info.si_signo || tc_syscall4(SYS_rt_tgsigqueueinfo, dump->pid, holder, info.si_signo,
					  (long)&info) < 0)
		return false;
	tc_syscall4(SYS_futex, (long)&process->parked, FUTEX_WAIT, 0, (long)&wait);
	return process->parked == holder;
}

/* The thread if it slept until now since it was looked at first: from here on our signal moves it, and what
 * it did is known all the same. */
static struct tc_os_thread *asleep(struct tc_hook_dump *dump, uint32_t tid_ns)
{
	struct tc_sched now;

	for (size_t i = 0; i < dump->n_threads; i++) {
		struct tc_os_thread *thread = &dump->threads[i];
		if (thread->tid_ns != tid_ns)
			continue;
		return thread->sched.known && thread->syscall >= 0 &&
				       tc_proc_sched(dump->proc, thread->tid, &now) &&
				       now.run_ns == thread->sched.run_ns &&
				       now.turns == thread->sched.turns ?
			       thread :
			       NULL;
	}
	return NULL;
}

static bool on_interp(void *context, uint32_t holder, uint32_t n_threads)
{
	struct place *place = context;

	if (n_threads <= 1 || holder == place->dump->tid)
		return true;
	if (!place->must)
		return false;
	struct tc_os_thread *thread = holder ? asleep(place->dump, holder) : NULL;
	if (!holder || !park(place->dump, holder)) {
		place->dump->frozen = false;
		place->dump->mem.live = true; /* what does not fit is read again */
	} else if (thread) {
		thread->look = TC_LOOKED_STOOD;
	}
	return true;
}

/* Too late, or too much: what is kept must still take two chunks. */
static bool give_up(void *context)
{
	struct place *place = context;

	if (place->late || place->n++ % TASKS_PER_LOOK)
		return place->late;
	size_t left = place->arena.left + place->walker->left;
	if (!place->both_left) /* so far it was tables, of which little is touched */
		place->both_left = left;
	place->late = tc_sys_clock_ns(CLOCK_MONOTONIC) > place->end_ns ||
		      place->both_left - left > place->both_max ||
		      place->arena.left < 2 * TC_RECORDS_BUFFER;
	return place->late;
}

/* As much as can be had; half is for the walker, half for what it writes. All of it counts as the
 * target's in its cgroup, and so does the file, if it is in memory too: then what is kept is there
 * twice. */
static bool take_memory(struct place *place, struct tc_arena *walker)
{
	struct tc_hook_dump *dump = place->dump;
	uint64_t room = dump->room;

	dump->no_room = room < ROOM_AT_LEAST + (place->must ? 0 : ROOM_UNASKED);
	for (size_t size = 1ul << 30; size >= 48ul << 20 && !dump->memory && !dump->no_room; size /= 4) {
		dump->memory = tc_sys_map(size, false);
		dump->memory_size = size;
	}
	if (!dump->memory)
		return false;
	size_t half = dump->memory_size / 2;
	tc_arena_init(walker, dump->memory, half);
	tc_arena_init(&place->arena, (uint8_t *)dump->memory + half, half);
	place->walker = walker;
	place->both_max = (room - ROOM_AT_LEAST) / 2 + ROOM_AT_LEAST / 8;
	return true;
}

void tc_hook_walk_in_place(struct tc_hook_dump *dump, uint64_t max_tasks, bool must)
{
	struct tc_walk_options options;
	struct tc_records records;
	struct place place = {
		.sink.chunk = keep_chunk,
		.dump = dump,
		.end_ns = dump->began_ns + tc_hook_settings.pause_ms * 1000000u,
		.must = must,
	};
	struct tc_arena arena;

	dump->walked = -TC_ENOSPACE;
	if (!take_memory(&place, &arena))
		return;
	tc_mem_self_init(&dump->mem, false);
	void *buffer = tc_arena_take(&arena, TC_RECORDS_BUFFER);
	int r = buffer ? tc_hook_gather_maps(dump, &arena) : -ENOMEM;
	dump->no_maps = r == -ENOENT;
	if (r < 0)
		return;
	dump->mem.threads = dump->threads;
	dump->mem.n_threads = dump->n_threads;
	dump->frozen = true;
	tc_hook_walk_options(dump, &options);
	options.max_tasks = max_tasks;
	options.on_interp = on_interp;
	options.give_up = give_up;
	options.context = &place;
	tc_records_init(&records, buffer, &place.sink, 1);
	dump->walked = tc_walk(&dump->mem, &records, &arena, &options, &dump->counts, &dump->python,
			       dump->notices, &dump->n_notices);
	if (tc_records_flush(&records, TC_NOTE_RECORDS) < 0)
		dump->walked = -TC_EWRITE;
	memcpy(dump->next_id, records.next_id, sizeof(dump->next_id));
}
