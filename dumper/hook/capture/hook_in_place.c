/* SPDX-License-Identifier: Apache-2.0
 * The walk in place: in the handler, while Python stands still, because this thread holds the GIL,
 * or is the only one, or has parked the holder. The records are kept in memory, and a child writes
 * them to the file. */
#include "dumper/hook/capture/hook_in_place.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "dumper/hook/capture/hook_gather.h"
#include "dumper/hook/capture/hook_park.h"
#include "dumper/hook/common/hook_dump.h"
#include "lib/base/arena.h"
#include "lib/format/format.h"
#include "lib/format/record.h"
#include "lib/mem/mem_self.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/walk/walk.h"
#include "lib/base/safe.h"

/* Bytes that the cgroup must still allow: for the smallest dump; and more, if a clone is possible
 * instead. */
#define ROOM_AT_LEAST (4u << 20)
#define ROOM_UNASKED (12u << 20)
/* Bytes of memory for a walk. */
#define SIZE_LEAST (24ul << 20)
#define SIZE_MOST (1ul << 30)
#define SIZE_PER_TASK 4096u
#define TASKS_PER_LOOK 16 /* the clock is read once in so many tasks */

/* A chunk of records, as the sink got it. */
struct tc_hook_kept {
	struct tc_hook_kept *next;
	size_t size;
	uint8_t bytes[];
};

struct in_place {
	struct tc_sink sink; /* first member */
	struct tc_hook_dump *dump;
	/* for the kept chunks; not the walker's arena, in which it makes arrays longer */
	struct tc_arena arena;
	const struct tc_arena *walker; /* the walker's arena */
	/* bytes: left in both arenas at the first task; that may be used from then on */
	size_t both_left, both_max;
	const struct tc_hook_bounds *how;
	unsigned n;
	/* CLOCK_THREAD_CPUTIME_ID: the walk ends when we have worked so long */
	uint64_t work_end_ns;
	/* CLOCK_MONOTONIC: the walk ends then, however little of the time we could work */
	uint64_t last_ns;
	bool late;
};

/* On a busy machine other processes may have the processor for longer than the whole walk takes.
 * Giving up the walk for that would lose the dump although the process has stood still. So only our
 * own CPU time counts, as long as no more than this many times the allowed time passes. */
#define WAITED_FACTOR 4

static int keep_chunk(struct tc_sink *sink, enum tc_note note, const void *chunk, size_t size)
{
	struct in_place *walk = (struct in_place *)sink;
	struct tc_hook_dump *dump = walk->dump;
	struct tc_hook_kept *kept = tc_arena_take(&walk->arena, sizeof(*kept) + size);

	(void)note; /* records, all of them */
	if (!kept)
		return -TC_EWRITE;
	*kept = (struct tc_hook_kept){ .size = size };
	memcpy(kept->bytes, chunk, size);
	if (dump->in_place.last)
		dump->in_place.last->next = kept;
	else
		dump->in_place.first = kept;
	dump->in_place.last = kept;
	return 0;
}

int tc_hook_replay(struct tc_hook_dump *dump, struct tc_core *core)
{
	for (struct tc_hook_kept *kept = dump->in_place.first; kept; kept = kept->next)
		if (tc_records_pass(&core->rec, kept->bytes, kept->size, dump->in_place.next_id) <
		    0)
			return -TC_EWRITE;
	return 0;
}

static bool on_interp(void *context, uint32_t holder, uint32_t n_threads)
{
	struct in_place *walk = context;

	if (n_threads <= 1 || holder == walk->dump->tid)
		return true;
	if (!walk->how->must)
		return false;
	bool held = holder && tc_hook_hold(walk->dump, holder);
	if (!held)
		walk->dump->way.frozen = false;
	if (!held || walk->dump->in_place.asleep)
		/* let the walker read again what does not fit together */
		walk->dump->mem.live = true;
	return true;
}

/* Is there no time or memory left? There must be room to keep two more chunks. */
static bool give_up(void *context)
{
	struct in_place *walk = context;

	if (walk->late || walk->n++ % TASKS_PER_LOOK)
		return walk->late;
	size_t left = walk->arena.left + walk->walker->left;
	/* the walker has taken its tables by now; they do not count, because little of them is
	 * touched */
	if (!walk->both_left)
		walk->both_left = left;
	walk->late = tc_sys_clock_ns(CLOCK_THREAD_CPUTIME_ID) > walk->work_end_ns ||
		     tc_sys_clock_ns(CLOCK_MONOTONIC) > walk->last_ns ||
		     walk->both_left - left > walk->both_max ||
		     walk->arena.left < 2 * TC_RECORDS_BUFFER;
	return walk->late;
}

/* The memory for a walk, in bytes, by the number of tasks: half is for the walker, half for the
 * chunks. At most a quarter of what the resource limits leave, because the program needs memory
 * too. 0: that is not enough. */
static size_t size_for(const struct tc_hook_bounds *how)
{
	uint64_t size = SIZE_LEAST + how->n_tasks * SIZE_PER_TASK;

	if (size > SIZE_MOST)
		size = SIZE_MOST;
	if (size > how->mappable / 4)
		size = how->mappable / 4 / TC_ARCH_PAGE * TC_ARCH_PAGE;
	return size < SIZE_LEAST ? 0 : size;
}

/* Map it. What is touched of it counts in the process's cgroup. So does the file, if it is in
 * memory (/dev/shm): then what is kept counts twice, and only half of the room may be used. */
static bool take_memory(struct in_place *walk, struct tc_arena *walker)
{
	struct tc_hook_dump *dump = walk->dump;
	uint64_t room = dump->way.room;

	dump->in_place.no_room = room < ROOM_AT_LEAST + (walk->how->must ? 0 : ROOM_UNASKED);
	for (size_t size = size_for(walk->how);
	     size >= SIZE_LEAST && !dump->in_place.memory.at && !dump->in_place.no_room;
	     size /= 4) {
		dump->in_place.memory.at = tc_sys_map(size, false);
		dump->in_place.memory.size = size;
	}
	if (!dump->in_place.memory.at)
		return false;
	size_t half = dump->in_place.memory.size / 2;
	tc_arena_init(walker, dump->in_place.memory.at, half);
	tc_arena_init(&walk->arena, (uint8_t *)dump->in_place.memory.at + half, half);
	walk->walker = walker;
	walk->both_max = (room - ROOM_AT_LEAST) / 2 + ROOM_AT_LEAST / 8;
	return true;
}

void tc_hook_walk_in_place(struct tc_hook_dump *dump, const struct tc_hook_bounds *how)
{
	struct tc_walk_options options;
	struct tc_records records;
	struct in_place walk = {
		.sink.chunk = keep_chunk,
		.dump = dump,
		.how = how,
	};
	struct tc_arena arena;
	uint64_t began = tc_sys_clock_ns(CLOCK_THREAD_CPUTIME_ID);

	dump->in_place.walked = -TC_ENOSPACE;
	if (!take_memory(&walk, &arena))
		return;
	tc_mem_self_init(&dump->mem, false);
	tc_hook_gather_registers(dump);
	void *buffer = tc_arena_take(&arena, TC_RECORDS_BUFFER);
	int r = buffer ? tc_hook_gather_maps(dump, &arena) : -ENOMEM;
	dump->in_place.no_maps = r == -ENOENT;
	if (r < 0)
		return;
	dump->mem.threads = dump->threads.at;
	dump->mem.n_threads = dump->threads.n;
	dump->mem.threads_missing = dump->threads.missing;
	dump->way.frozen = true;
	tc_hook_walk_options(dump, &options);
	options.max_tasks = how->max_tasks;
	options.no_refs = true; /* the process stands still */
	options.on_interp = on_interp;
	uint64_t now = tc_sys_clock_ns(CLOCK_THREAD_CPUTIME_ID), end = began + how->time_ns;
	uint64_t time_ns = now < end ? end - now : 0;
	/* Threads that run no loop get a quarter of the time, because tasks matter more. */
	options.threads_end_ns = now + time_ns / 4;
	walk.work_end_ns = end;
	/* If there is no other way, not even what others took of the pause before counts. */
	walk.last_ns =
		tc_sys_clock_ns(CLOCK_MONOTONIC) +
		WAITED_FACTOR * (how->must ? dump->pause_ns : time_ns);
	options.give_up = give_up;
	options.context = &walk;
	tc_records_init(&records, buffer, &walk.sink, 1);
	dump->in_place.walked = tc_walk(&dump->mem, &records, &arena, &options, &dump->walk);
	if (dump->in_place.asleep && !tc_hook_was_asleep(dump))
		dump->way.frozen = false;
	if (tc_records_flush(&records, TC_NOTE_RECORDS) < 0)
		dump->in_place.walked = -TC_EWRITE;
	memcpy(dump->in_place.next_id, records.next_id, sizeof(dump->in_place.next_id));
}
