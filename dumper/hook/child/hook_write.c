/* SPDX-License-Identifier: Apache-2.0
 * Writes a dump to its file, step by step. A step that faults or hangs is named in the file, and
 * the next one is taken: what could be read is kept. */
#include "dumper/hook/child/hook_write.h"

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>

#include "dumper/hook/capture/hook_cgroup.h"
#include "dumper/hook/capture/hook_gather.h"
#include "dumper/hook/capture/hook_in_place.h"
#include "dumper/hook/child/hook_fds.h"
#include "dumper/hook/child/hook_worker.h"
#include "dumper/hook/common/hook_dump.h"
#include "dumper/hook/common/hook_outcome.h"
#include "dumper/hook/signals/hook_guard.h"
#include "lib/base/arena.h"
#include "lib/base/strbuf.h"
#include "lib/core/core.h"
#include "lib/format/format.h"
#include "lib/format/record.h"
#include "lib/process/look.h"
#include "lib/process/stacks.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/walk/walk.h"
#include "lib/base/safe.h"

#define CORE_MEMORY (4u << 20) /* of tc_core_begin */
#define TASKS_PER_LOOK 64 /* time and parent are looked at once in so many tasks */
#define TARGET_NS 20000000 /* how long await_target waits at most, */
#define TARGET_LOOKS 100   /* in so many steps */

static struct tc_looks looks; /* too big for the stack */

/* Tests of the steps define it: tests/hook/spoil_step.h. */
#ifndef TC_SPOIL_STEP
#define TC_SPOIL_STEP(name)
#endif

static void note(struct tc_hook_dump *dump, const char *one, const char *two)
{
	struct tc_strbuf text;

	if (!tc_hook_notice(dump, &text))
		return;
	tc_strbuf_s(&text, one);
	tc_strbuf_s(&text, two);
}

/* For give_up, which the walk calls: does the process still exist, and is there time? */
struct look {
	const struct tc_hook_dump *dump;
	uint64_t end_ns, work_ns; /* work_ns: when the last rest ended, under a limit on CPU time */
	unsigned n;
	bool limited, stop, gone;
};

static bool give_up(void *context)
{
	struct look *look = context;
	struct timespec rest = { 0, 8000000 };

	if (look->stop || look->n++ % TASKS_PER_LOOK)
		return look->stop;
	uint64_t now = tc_sys_clock_ns(CLOCK_MONOTONIC);
	look->gone = tc_hook_is_target_gone(look->dump);
	look->stop = now > look->end_ns || look->gone;
	if (look->limited && now - look->work_ns > 2000000) {
		tc_syscall2(SYS_nanosleep, (long)&rest, 0);
		look->work_ns = tc_sys_clock_ns(CLOCK_MONOTONIC);
	}
	return look->stop;
}

/* Walk the snapshot, with an arena as large as can be mapped. */
static int walk(struct tc_hook_dump *dump)
{
	struct tc_walk_options options;
	struct look look = { .dump = dump,
			     .end_ns = dump->deadline_ns,
			     .limited = !dump->request.dies && tc_hook_cpu_limited() };
	struct tc_arena arena;
	void *memory = NULL;
	size_t size;

	for (size = 4ul << 30; size >= 16ul << 20 && !memory; size /= 4)
		if ((memory = tc_sys_map(size, false)))
			break;
	if (!memory)
		return -TC_ENOSPACE;
	tc_arena_init(&arena, memory, size);
	tc_hook_walk_options(dump, &options);
	look.work_ns = tc_sys_clock_ns(CLOCK_MONOTONIC);
	options.give_up = give_up;
	options.context = &look;
	int r = tc_walk(&dump->mem, &dump->core.rec, &arena, &options, &dump->walk);
	tc_sys_unmap(memory, size);
	if (look.gone)
		note(dump, "the rest is cut: ", "the process ended while its copy was read");
	return r;
}

static uint32_t status_flags(const struct tc_hook_dump *dump, int walked)
{
	return (dump->way.frozen ? TC_STATUS_FROZEN : TC_STATUS_UNFROZEN) |
	       (walked == -TC_ENOPYTHON ? TC_STATUS_NO_PYTHON :
		walked < 0		? TC_STATUS_UNKNOWN_PYTHON :
					  0u);
}

uint64_t tc_hook_pause_ns(const struct tc_hook_dump *dump)
{
	uint64_t pause = dump->outcome ? dump->outcome->pause_ns : 0;

	return pause ? pause : tc_sys_clock_ns(CLOCK_MONOTONIC) - dump->began_ns;
}

/* Wait until the process has left its handler. On a busy machine it may still be in there when we
 * are done: then its pause is not over, and a new request, made as soon as the file appears, would
 * be refused. */
static void await_target(const struct tc_hook_dump *dump)
{
	struct timespec wait = { 0, TARGET_NS / TARGET_LOOKS };

	for (int i = 0; i < TARGET_LOOKS && dump->maker.guest && dump->outcome; i++) {
		if (dump->outcome->pause_ns)
			return;
		tc_syscall2(SYS_nanosleep, (long)&wait, 0);
	}
}

static void note_conditions(struct tc_hook_dump *dump)
{
	if (dump->old_maps)
		note(dump, "the modules are those that were loaded when the event loop was made: ",
		     dump->old_maps);
	if (dump->way.why_no_clone)
		note(dump, "read in place, not from a copy: ", dump->way.why_no_clone);
	if (dump->maker.why_elsewhere)
		note(dump, "the dump is not in TASKCORE_DIR: ", dump->maker.why_elsewhere);
	if (!dump->way.dumpable)
		note(dump, "no values and no stacks: the process is not dumpable (prctl(2)); ",
		     "TASKCORE_NONDUMPABLE=full gives them");
	tc_stacks_note(&dump->walk.notices, dump->n_stacks_cut, "TASKCORE_STACK_BYTES");
}

#define N_STEPS 5

/* What the steps share. */
struct writing {
	struct tc_hook_dump *dump;
	struct tc_arena scratch;
	int fd;
	/* the step that is taken */
	const char *name;
	void (*step)(struct writing *w);
	int walked; /* what the walk returned */
	int r;	    /* 0, or what has failed */
	const char *ended[N_STEPS]; /* the steps that did not come to their end */
	unsigned n_ended;
};

static void step_head(struct writing *w)
{
	struct tc_hook_dump *dump = w->dump;

	w->r = tc_core_begin(&dump->core, w->fd, &dump->mem, &dump->maps, &dump->process,
			     &w->scratch);
}

static void step_fds(struct writing *w)
{
	tc_hook_put_fds(w->dump, &w->dump->core.rec);
}

static void step_walk(struct writing *w)
{
	if (w->dump->way.snapshot)
		w->walked = w->r = walk(w->dump);
	else
		w->r = tc_hook_replay(w->dump, &w->dump->core);
}

static void step_looks(struct writing *w)
{
	struct tc_hook_dump *dump = w->dump;

	await_target(dump);
	tc_look_choose(&looks, dump->threads.at, dump->threads.n, dump->walk.python.loop_tids,
		       dump->walk.python.n_loop_tids, dump->walk.python.loops_ready);
	/* not in the handler, which stops the very threads that would be watched */
	if (dump->maker.guest && !dump->request.dies)
		tc_look_watch(dump->proc, &looks, NULL);
	tc_look_put(&looks, &dump->core.rec);
}

static void step_seal(struct writing *w)
{
	struct tc_hook_dump *dump = w->dump;
	struct tc_core_status status = {
		.walk = &dump->walk,
		.flags = status_flags(dump, w->walked),
		.pause_ns = tc_hook_pause_ns(dump),
		.duration_ns = tc_sys_clock_ns(CLOCK_MONOTONIC) - dump->began_ns,
	};

	w->r = tc_core_seal(&dump->core, &status);
}

static void run(void *argument)
{
	struct writing *w = argument;

	TC_SPOIL_STEP(w->name);
	w->step(w);
}

/* Take a step. If a fault ends it, or it hangs, the file says so, and the next one is taken. */
static void take(struct writing *w, const char *name, void (*step)(struct writing *w))
{
	struct tc_counts *counts = &w->dump->walk.counts;

	w->name = name;
	w->step = step;
	if (tc_hook_step(run, w))
		return;
	tc_records_drop(&w->dump->core.rec);
	if (counts->found > counts->read + counts->torn + counts->cut)
		counts->cut = counts->found - counts->read - counts->torn;
	if (w->n_ended < N_STEPS)
		w->ended[w->n_ended++] = name;
}

/* The dump of a fatal signal is worth something without tasks. */
static bool is_worth_sealing(const struct writing *w)
{
	return w->r != -TC_EWRITE && (w->r != -TC_ENOSPACE || w->dump->request.siginfo);
}

static void write_steps(struct writing *w)
{
	struct tc_hook_dump *dump = w->dump;

	w->r = -TC_EFAULT;
	take(w, "the head", step_head);
	if (w->r < 0)
		return;
	take(w, "the descriptors", step_fds);
	take(w, "the walk over the tasks", step_walk);
	if (w->r == -TC_ENOSPACE && dump->request.siginfo)
		note(dump, "no tasks: ", "there is no memory to read them");
	take(w, "the states of threads after the walk", step_looks);
	note_conditions(dump);
	tc_hook_note_threads(dump);
	tc_hook_note_fds(dump);
	for (unsigned i = 0; i < w->n_ended; i++)
		note(dump, "ended by a fault, or did not come to its end: ", w->ended[i]);
	if (!is_worth_sealing(w))
		return;
	w->r = -TC_EFAULT;
	take(w, "the end of the file", step_seal);
}

int tc_hook_write(struct tc_hook_dump *dump, int fd)
{
	void *memory = tc_sys_map(CORE_MEMORY, false);
	struct writing w = { .dump = dump, .fd = fd, .walked = dump->in_place.walked };
	/* restored at the end, because another file may be tried after this one */
	unsigned n_notices = dump->walk.notices.n;

	if (!memory)
		return -ENOMEM;
	tc_arena_init(&w.scratch, memory, CORE_MEMORY);
	write_steps(&w);
	dump->walk.notices.n = n_notices;
	tc_sys_unmap(memory, CORE_MEMORY);
	if (w.r == -TC_EWRITE)
		return dump->core.sys ? -dump->core.sys : -EIO;
	return w.r == -TC_EFAULT ? -EFAULT : w.r < 0 ? -ENOMEM : 0;
}
