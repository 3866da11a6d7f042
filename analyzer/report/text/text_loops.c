/* SPDX-License-Identifier: Apache-2.0
 * The part of the page about loops, and its first word: dead, blocked, spinning or waiting. */
#include <inttypes.h>
#include <stdio.h>

#include "analyzer/report/text/report_parts.h"
#include "analyzer/facts/syscalls.h"

static enum tc_ink ink_of(enum tc_loop_state state)
{
	return state == TC_LOOP_BLOCKED || state == TC_LOOP_CRASHED ? TC_INK_RED :
	       state == TC_LOOP_BUSY	? TC_INK_YELLOW :
	       state == TC_LOOP_IDLE	? TC_INK_GREEN :
					  TC_INK_NONE;
}

static const char *shout(enum tc_loop_state state)
{
	static const char *const words[TC_N_LOOP_STATES] = {
		[TC_LOOP_UNKNOWN] = "state unknown", [TC_LOOP_IDLE] = "idle",
		[TC_LOOP_BLOCKED] = "BLOCKED",	     [TC_LOOP_BUSY] = "BUSY",
		[TC_LOOP_RUNS] = "running",	     [TC_LOOP_STOPPED] = "stopped",
		[TC_LOOP_IS_CLOSED] = "closed",	     [TC_LOOP_CRASHED] = "CRASHED",
	};
	return words[state];
}

void tc_part_gil(struct tc_page *page, const struct tc_thread_view *thread)
{
	const struct tc_report *report = page->report;
	bool known = false;

	for (size_t i = 0; i < report->threads.n; i++) {
		const struct tc_thread_view *other = &report->threads.at[i];
		if (!other->py || (thread->py && other->py->interp != thread->py->interp))
			continue;
		known = known || (other->py->flags & TC_PYTHREAD_GIL_KNOWN);
		if (!(other->py->flags & TC_PYTHREAD_HOLDS_GIL))
			continue;
		if (!tc_loops_hold_gil(&report->loops, other))
			return;
		if (other == thread)
			tc_out_str(page->out, "; it holds the GIL");
		else
			tc_out_printf(page->out, "; H%zu holds the GIL",
				      tc_report_thread_number(report, other));
		return;
	}
	if (known)
		tc_out_str(page->out, "; nobody holds the GIL");
}

static const struct tc_loop_view *worst_loop(const struct tc_report *report)
{
	static const int rank[TC_N_LOOP_STATES] = {
		[TC_LOOP_CRASHED] = 7,
		[TC_LOOP_BLOCKED] = 6, [TC_LOOP_BUSY] = 5, [TC_LOOP_UNKNOWN] = 4,
		[TC_LOOP_RUNS] = 3,    [TC_LOOP_IDLE] = 2, [TC_LOOP_STOPPED] = 1,
	};
	const struct tc_loop_view *worst = NULL;

	for (size_t i = 0; i < report->loops.n; i++) {
		const struct tc_loop_view *loop = &report->loops.at[i];
		if (!worst || rank[loop->state] > rank[worst->state] ||
		    (rank[loop->state] == rank[worst->state] && loop->n_tasks > worst->n_tasks))
			worst = loop;
	}
	return worst;
}

/* What the loop's thread does: the line where a person should look. */
static void put_place(struct tc_page *page, const struct tc_loop_view *loop)
{
	const struct tc_model *model = page->report->model;
	uint32_t chain = tc_loop_chain(loop);
	struct tc_place place;

	tc_place_init(&place, model, tc_place_best(model, chain));
	/* Between two steps the thread is in the library: then where its task stands says more. */
	if (tc_place_owner(model, place.file) > TC_OWNER_PACKAGE && loop->task &&
	    loop->task->chain) {
		chain = loop->task->chain;
		tc_place_init(&place, model, tc_place_best(model, chain));
	}
	if (chain == 0)
		return;
	tc_part_gap(page, 40);
	tc_out_str(page->out, "at ");
	tc_out_text_end(page->out, place.function, 40);
	tc_out_str(page->out, "  ");
	tc_phrase_where(page, &place, 60);
}

static void state_blocked(struct tc_page *page, const struct tc_loop_view *loop)
{
	struct tc_out *out = page->out;

	tc_out_printf(out, "BLOCKED");
	tc_out_ink(out, TC_INK_NONE);
	tc_out_printf(out, "  L%u ", loop->id);
	if (loop->blocked_ns) {
		tc_out_str(out, "has not turned for at least ");
		tc_out_ns(out, loop->blocked_ns);
	} else {
		tc_out_str(out, "does not turn");
	}
	if (loop->moved) {
		tc_out_str(out, ", its thread ran while it was read");
	} else if (loop->thread && loop->thread->os) {
		tc_out_str(out, ", its thread is ");
		tc_phrase_thread_state(page, loop->thread->os);
	}
	put_place(page, loop);
}

static void state_crashed(struct tc_page *page, const struct tc_loop_view *loop)
{
	struct tc_out *out = page->out;

	tc_out_str(out, "CRASHED");
	tc_out_ink(out, TC_INK_NONE);
	tc_out_printf(out, "  L%u was running ", loop->id);
	if (loop->task)
		tc_phrase_task(page, loop->task, 40);
	else
		tc_out_str(out, "a callback or its own code");
	tc_out_str(out, " when its thread raised ");
	tc_crash_say_signal(out, &page->report->crash);
	put_place(page, loop);
}

/* A long computation and a loop that never rests look the same; the ready queue is a hint. */
static void state_busy(struct tc_page *page, const struct tc_loop_view *loop)
{
	struct tc_out *out = page->out;
	uint64_t ready = loop->loop ? loop->loop->ready : 0;

	tc_out_str(out, "BUSY");
	tc_out_ink(out, TC_INK_NONE);
	tc_out_printf(out, "  L%u was watched for %u ms and did not sleep", loop->id,
		      (unsigned)(loop->watched_ns / 1000000));
	if (ready > 1) {
		tc_out_str(out, ": ");
		tc_out_count(out, ready - 1, "callback");
		tc_out_str(out, ready == 2 ? " is ready" : " are ready");
	}
	if (loop->task) {
		tc_out_str(out, ", it runs ");
		tc_phrase_task(page, loop->task, 40);
	}
	put_place(page, loop);
}

/* No accusation: what was seen is that it ran. */
static void state_runs(struct tc_page *page, const struct tc_loop_view *loop)
{
	struct tc_out *out = page->out;

	tc_out_str(out, "RUNNING");
	tc_out_ink(out, TC_INK_NONE);
	tc_out_printf(out, "  no loop is blocked or busy: L%u was running while it was read",
		      loop->id);
	if (loop->task) {
		tc_out_str(out, ", ");
		tc_phrase_task(page, loop->task, 40);
	}
	put_place(page, loop);
}

static void state_waiting(struct tc_page *page, const struct tc_loop_view *loop)
{
	uint64_t n = page->report->groups.n_grouped;

	tc_out_str(page->out, "WAITING");
	tc_out_ink(page->out, TC_INK_NONE);
	tc_out_str(page->out, "  no loop is blocked or busy: ");
	if (page->report->loops.n_idle > 1)
		tc_out_printf(page->out, "%zu loops sleep, ", page->report->loops.n_idle);
	else
		tc_out_printf(page->out, "L%u sleeps, ", loop->id);
	tc_out_count(page->out, n, "task");
	tc_out_str(page->out, n == 1 ? " waits" : " wait");
	if (loop->hint == TC_LOOP_HINT_LOST_WAKEUP)
		tc_out_str(page->out, "; callbacks are READY, yet it sleeps");
}

static void state_other(struct tc_page *page, const struct tc_loop_view *loop)
{
	const struct tc_model *model = page->report->model;
	const struct tc_interp *interp = tc_report_interp(model);

	if (loop && loop->state == TC_LOOP_UNKNOWN && loop->thread && loop->thread->os) {
		tc_out_printf(page->out,
			      "unknown: L%u and its thread were read at different moments",
			      loop->id);
		return;
	}
	if (loop && loop->state == TC_LOOP_UNKNOWN) {
		tc_out_printf(page->out, "unknown: nothing was read of the thread that runs L%u",
			      loop->id);
		return;
	}
	if (loop) {
		tc_out_str(page->out, "NOT RUNNING");
		tc_out_ink(page->out, TC_INK_NONE);
		tc_out_str(page->out, "  no thread runs a loop");
		return;
	}
	tc_out_str(page->out, !interp ? "no Python in this process" :
			      interp->flags & TC_INTERP_UNKNOWN ?
					"this Python cannot be read: only threads are shown" :
			      interp->flags & TC_INTERP_NO_ASYNCIO ?
					"asyncio was never imported: only threads are shown" :
					"no event loop is open: asyncio is loaded, none was made "
					"yet or all were closed");
}

void tc_part_state(struct tc_page *page)
{
	const struct tc_loop_view *loop = worst_loop(page->report);
	uint32_t state = page->report->model->head.state;

	tc_part_label(page, "state");
	tc_out_ink(page->out, loop ? ink_of(loop->state) : TC_INK_NONE);
	if (state == 'T' || state == 't')
		tc_out_str(page->out, state == 'T' ? "STOPPED (by a signal); before that: " :
						     "TRACED; before that: ");
	if (loop && loop->state == TC_LOOP_CRASHED)
		state_crashed(page, loop);
	else if (loop && loop->state == TC_LOOP_BLOCKED)
		state_blocked(page, loop);
	else if (loop && loop->state == TC_LOOP_BUSY)
		state_busy(page, loop);
	else if (loop && loop->state == TC_LOOP_RUNS)
		state_runs(page, loop);
	else if (loop && loop->state == TC_LOOP_IDLE)
		state_waiting(page, loop);
	else
		state_other(page, loop);
	tc_out_ink(page->out, TC_INK_NONE);
	tc_out_newline(page->out);
}

static void put_loop_title(struct tc_page *page, const struct tc_loop_view *loop)
{
	struct tc_out *out = page->out;

	tc_out_ink(out, TC_INK_BOLD);
	tc_out_printf(out, "L%u", loop->id);
	tc_out_ink(out, TC_INK_NONE);
	tc_out_column(out, 5);
	tc_out_ink(out, ink_of(loop->state));
	tc_out_str(out, shout(loop->state));
	tc_out_ink(out, TC_INK_NONE);
	if (loop->blocked_ns) {
		tc_out_str(out, " for at least ");
		tc_out_ns(out, loop->blocked_ns);
	}
	tc_out_str(out, "  ");
	tc_phrase_type(page, tc_model_loopref(page->report->model, loop->id)->type);
	if (loop->thread) {
		tc_out_printf(out, "  thread H%zu",
			      tc_report_thread_number(page->report, loop->thread));
		if (loop->thread->os) {
			tc_out_str(out, " ");
			tc_out_text(out, loop->thread->os->name, 16);
			tc_out_printf(out, " (tid %u)", loop->thread->os->tid);
		}
	}
	tc_out_newline(out);
}

static void put_number(struct tc_page *page, const char **gap, uint64_t plus_one, const char *noun)
{
	if (plus_one == 0)
		return;
	tc_out_str(page->out, *gap);
	tc_out_count(page->out, plus_one - 1, noun);
	*gap = ", ";
}

/* What comes next on a loop that should have done it already. */
#define READY_SHOWN 3

static void put_ready(struct tc_page *page, const struct tc_loop_view *loop)
{
	const struct tc_model *model = page->report->model;
	unsigned n = 0;

	for (size_t i = 0; i < model->n_handles && n < READY_SHOWN; i++) {
		const struct tc_handle *handle = &model->handles[i];
		if (handle->loop != loop->id || handle->where != TC_HANDLE_READY)
			continue;
		tc_out_str(page->out, n++ ? ", " : "; next: ");
		tc_phrase_callback(page, handle);
	}
}

/* Cancelled timers stay in the heap until they come to its front: they wake nobody. */
static void put_timers(struct tc_page *page, const struct tc_loop *record)
{
	const char *gap = " (";

	if (record->timers < 2)
		return;
	if (record->overdue > 1) {
		tc_out_printf(page->out, "%s%" PRIu64 " overdue", gap, record->overdue - 1);
		gap = ", ";
	}
	if (record->cancelled > 1) {
		tc_out_printf(page->out, "%s%" PRIu64 " cancelled", gap, record->cancelled - 1);
		gap = ", ";
	}
	if (*gap == ',')
		tc_out_str(page->out, ")");
}

static void put_queues(struct tc_page *page, const struct tc_loop_view *loop)
{
	const struct tc_loop *record = loop->loop;
	const char *gap = "";

	tc_out_column(page->out, 5);
	tc_out_count(page->out, loop->n_tasks, "task");
	if (record) {
		gap = ", ";
		if (record->ready)
			tc_out_printf(page->out, ", %" PRIu64 " ready", record->ready - 1);
		put_number(page, &gap, record->timers, "timer");
		put_timers(page, record);
		put_number(page, &gap, record->fds, "descriptor");
		if (record->flags & TC_LOOP_OPAQUE)
			tc_out_str(page->out, ", its queues are not Python's and were not read");
		if (record->flags & TC_LOOP_STOPPING)
			tc_out_str(page->out, ", asked to stop");
		if (record->ready > 1)
			put_ready(page, loop);
	}
	tc_out_newline(page->out);
}

static void put_activity(struct tc_page *page, const struct tc_loop_view *loop)
{
	struct tc_out *out = page->out;

	tc_out_column(out, 5);
	tc_out_str(out, loop->state == TC_LOOP_CRASHED ? "ran " : "runs ");
	if (loop->task)
		tc_phrase_task(page, loop->task, 40);
	else
		tc_out_str(out, loop->state == TC_LOOP_IDLE ? "no task" :
							      "a callback or its own code");
	if (loop->state == TC_LOOP_CRASHED) {
		tc_out_str(out, " when the thread raised ");
		tc_crash_say_signal(out, &page->report->crash);
	} else if (loop->state == TC_LOOP_RUNS || loop->moved) {
		tc_out_str(out, "; the thread ran while it was read");
	} else if (loop->thread && loop->thread->os) {
		tc_out_str(out, "; the thread is ");
		tc_phrase_thread_state(page, loop->thread->os);
	}
	if (loop->thread)
		tc_part_gil(page, loop->thread);
	tc_out_newline(out);
}

static void put_hint(struct tc_page *page, enum tc_loop_hint hint)
{
	static const char *const texts[] = {
		[TC_LOOP_HINT_LOST_WAKEUP] = "callbacks are ready, yet it sleeps: it was not woken "
					     "(call_soon from another thread?)",
		[TC_LOOP_HINT_WAITS_GIL] =
			"it is awake and waits, most likely for the GIL",
		[TC_LOOP_HINT_COMPUTES] =
			"its thread computes: a timer is long due, and the loop has not come back",
	};
	if (hint == TC_LOOP_HINT_NONE)
		return;
	tc_out_column(page->out, 5);
	tc_out_str(page->out, texts[hint]);
	tc_out_newline(page->out);
}

void tc_part_loop(struct tc_page *page, const struct tc_loop_view *loop)
{
	bool works = tc_loop_is_urgent(loop->state) || loop->task;
	uint32_t chain = works ? tc_loop_chain(loop) : 0;

	put_loop_title(page, loop);
	if (loop->thread)
		put_activity(page, loop);
	put_hint(page, loop->hint);
	put_queues(page, loop);
	if (chain)
		tc_phrase_chain(page, chain, TC_CHAIN_BRIEF | TC_CHAIN_MARK, 5);
}

#define LOOPS_SHOWN 8

void tc_part_loops(struct tc_page *page)
{
	const struct tc_report *report = page->report;
	size_t shown = 0;

	if (report->loops.n == 0)
		return;
	tc_out_newline(page->out);
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < report->loops.n; i++) {
			bool urgent = tc_loop_is_urgent(report->loops.at[i].state);
			if (urgent != (pass == 0) ||
			    (shown >= LOOPS_SHOWN && !report->options->all))
				continue;
			tc_part_loop(page, &report->loops.at[i]);
			shown++;
		}
	if (shown < report->loops.n) {
		tc_out_printf(page->out, "...  %zu more loops: --all shows them",
			      report->loops.n - shown);
		tc_out_newline(page->out);
	}
}
