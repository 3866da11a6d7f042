/* SPDX-License-Identifier: Apache-2.0
 * The event loops of the process: who runs each, and what it is doing. */
#ifndef TC_LOOP_VIEW_H
#define TC_LOOP_VIEW_H

#include "analyzer/facts/crash_view.h"
#include "analyzer/facts/loopstate.h"
#include "analyzer/facts/thread_view.h"
#include "analyzer/facts/turn.h"

/* A loop; its id is L and its number in the table of the dump. */
struct tc_loop_view {
	uint32_t id;
	const struct tc_loop *loop; /* NULL: only its address and type are known */
	const struct tc_thread_view *thread;
	const struct tc_task *task; /* that runs */
	enum tc_loop_state state;
	/* its thread ran after its state and system call had been read: they are of another moment
	 * than what was read of its memory */
	bool moved;
	bool one_moment; /* all that was read of it is of one moment */
	enum tc_loop_hint hint;
	uint64_t blocked_ns; /* at least; 0: unknown */
	/* of a blocked one, and of one that sleeps though callbacks are ready: its thread was seen
	 * to stay in its call */
	uint64_t held_ns;
	struct tc_turn turn; /* that it is in; all 0: unknown */
	uint64_t watched_ns; /* of a busy one: for so long it was seen not to sleep */
	uint64_t n_tasks;    /* pending and running */
};

struct tc_loops {
	struct tc_loop_view *at; /* by ascending id */
	size_t n, room;
	const struct tc_model *model;
	size_t n_idle; /* loops that sleep */
};

/* threads and their model must outlive the loops; crash is of these threads. */
void tc_loops_init(struct tc_loops *loops, const struct tc_threads *threads,
		   const struct tc_crash_view *crash);
void tc_loops_deinit(struct tc_loops *loops);

/* The loop with this id; NULL: there is none. */
const struct tc_loop_view *tc_loops_find(const struct tc_loops *loops, uint32_t id);
/* Did the loop stand still while it was read? */
bool tc_loops_of_one_moment(const struct tc_loops *loops, uint32_t id);
/* The chain that says what the loop's thread does: the running task's, which goes on into the
 * thread's own frames; 0: not known. */
uint32_t tc_loop_chain(const struct tc_loop_view *loop);
/* Whether the thread held the GIL, as far as that is worth saying: the GIL was read at another
 * moment than the thread, unless that slept in a callback, and nobody holds it in a selector. */
bool tc_loops_hold_gil(const struct tc_loops *loops, const struct tc_thread_view *thread);

#endif
