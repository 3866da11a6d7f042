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
#include "../lib/sys.h"
#include "hook.h"
#include "hook_process.h"
#include "../lib/safe.h"

#define PARK_NS 20000000
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

static bool on_interp(void *context, uint32_t holder, uint32_t n_threads)
{
	struct place *place = context;

	if (n_threads <= 1 || holder == place->dump->tid)
		return true;
	if (!place->must)
		return false;
	if (!holder || !park(place->dump, holder)) {
		place->dump->frozen = false;
		place->dump->mem.live = true; /* what does not fit is read again */
	}
	return true;
}

static bool give_up(void *context)
{
	struct place *place = context;

	if (!place->late && place->n++ % TASKS_PER_LOOK == 0)
		place->late = tc_sys_clock_ns(CLOCK_MONOTONIC) > place->end_ns;
	return place->late;
}

/* As much as can be had; half is for the walker, half for what it writes. */
static bool take_memory(struct tc_hook_dump *dump)
{
	for (size_t size = 1ul << 30; size >= 48ul << 20 && !dump->memory; size /= 4) {
		dump->memory = tc_sys_map(size, false);
		dump->memory_size = size;
	}
	return dump->memory != NULL;
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
	if (!take_memory(dump))
		return;
	size_t half = dump->memory_size / 2;
	tc_arena_init(&arena, dump->memory, half);
	tc_arena_init(&place.arena, (uint8_t *)dump->memory + half, half);
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
