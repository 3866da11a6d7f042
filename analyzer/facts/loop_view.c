/* SPDX-License-Identifier: Apache-2.0
 * What is known of each loop and its thread, put together for the judgement (loopstate.h). */
#include "analyzer/facts/loop_view.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/base/array.h"
#include "analyzer/base/lookup.h"
#include "analyzer/facts/place.h"
#include "analyzer/facts/syscalls.h"

/* The threads by the loop that they run, by their number, and by the interpreter whose
 * GIL they hold. */
struct runners {
	const struct tc_threads *threads;
	const struct tc_crash_view *crash;
	struct tc_lookup by_loop, by_tid, by_gil;
};

static void runners_init(struct runners *runners, const struct tc_threads *threads,
			 const struct tc_crash_view *crash)
{
	*runners = (struct runners){ .threads = threads, .crash = crash };
	for (size_t i = 0; i < threads->n; i++) {
		const struct tc_thread_view *thread = &threads->at[i];
		tc_lookup_add(&runners->by_loop, thread->loop, i);
		tc_lookup_add(&runners->by_tid, thread->os ? thread->os->tid_ns : 0, i);
		if (thread->py && (thread->py->flags & TC_PYTHREAD_HOLDS_GIL))
			tc_lookup_add(&runners->by_gil, thread->py->interp + 1ull, i);
	}
	tc_lookup_sort(&runners->by_loop);
	tc_lookup_sort(&runners->by_tid);
	tc_lookup_sort(&runners->by_gil);
}

static void runners_deinit(struct runners *runners)
{
	tc_lookup_deinit(&runners->by_loop);
	tc_lookup_deinit(&runners->by_tid);
	tc_lookup_deinit(&runners->by_gil);
}

/* The thread with its state in this interpreter: one that called a subinterpreter has two. NULL:
 * none. */
static const struct tc_thread_view *thread_in(const struct runners *runners, uint32_t tid,
					      uint32_t interp)
{
	const struct tc_lookup_entry *entry = tc_lookup_find(&runners->by_tid, tid);

	for (; entry; entry = tc_lookup_next(&runners->by_tid, entry)) {
		const struct tc_thread_view *thread = &runners->threads->at[entry->at];
		if (!thread->py || thread->py->interp == interp)
			return thread;
	}
	return NULL;
}

static const struct tc_thread_view *thread_of_loop(const struct runners *runners,
						   const struct tc_loop_view *view)
{
	const struct tc_loop *loop = view->loop;
	const struct tc_lookup_entry *entry = tc_lookup_find(&runners->by_loop, view->id);

	if (entry)
		return &runners->threads->at[entry->at];
	return loop && (loop->flags & TC_LOOP_RUNNING) ?
		       thread_in(runners, loop->tid, loop->interp) :
		       NULL;
}

/* Whether Handle._run of asyncio is among the frames of a thread. */
static bool runs_handle(const struct tc_model *model, uint32_t chain)
{
	for (uint32_t id = chain; id; id = model->chains[id].parent) {
		struct tc_place place;
		tc_place_init(&place, model, id);
		if (tc_place_is(&place, "asyncio/events.py", "_run"))
			return true;
	}
	return false;
}

/* Is the innermost frame the wait of the loop itself? A callback may wait in a selector of its
 * own (subprocess.communicate, multiprocessing). Of asyncio the function outside of it is
 * _run_once, also where another package replaces that (nest_asyncio). */
static bool is_in_selector(const struct tc_model *model, uint32_t chain)
{
	struct tc_place place, outside;

	tc_place_init(&place, model, chain);
	tc_place_init(&outside, model, model->chains[chain].parent);
	return (tc_place_is(&place, "selectors.py", "select") &&
		(!model->chains[chain].parent || tc_place_is_in(&outside, "_run_once"))) ||
	       tc_place_is(&place, "gevent/hub.py", "Hub.run");
}

/* What the dumper saw of the thread before and after it read its memory. Without that record what a
 * frozen process told is of one moment all the same. */
static void look_facts(const struct tc_model *model, const struct tc_thread *thread,
		       struct tc_loop_facts *facts)
{
	facts->moment = model->status.flags & TC_STATUS_FROZEN ? TC_MOMENT_ONE : TC_MOMENT_UNKNOWN;
	for (size_t i = 0; i < model->n_looks; i++) {
		const struct tc_look *look = &model->looks[i];
		if (look->tid != thread->tid)
			continue;
		facts->moment = look->flags & TC_LOOK_RAN ? TC_MOMENT_RAN : TC_MOMENT_ONE;
		facts->watched_ns = look->watched_ns;
		facts->awake = look->flags & TC_LOOK_AWAKE;
		facts->run_ns = look->run_ns;
		facts->switches = look->switches;
	}
}

/* Since when the earliest timer is due. What was due before the process began was never a time:
 * memory that changed while it was read. */
static uint64_t overdue(const struct tc_head *head, const struct tc_loop *loop)
{
	uint64_t ns = loop->due_ns && loop->now_ns > loop->due_ns ? loop->now_ns - loop->due_ns : 0;

	return head->start_ns && ns > head->boottime_ns - head->start_ns ? 0 : ns;
}

/* Does the thread wait for the GIL, if it sleeps? Where the GIL could not be read, any futex may be
 * its own; where the system call is not known, it may be a futex if another thread holds the
 * GIL. */
static void gil_facts(const struct runners *runners, const struct tc_thread_view *thread,
		      struct tc_loop_facts *facts)
{
	const struct tc_pythread *py = thread ? thread->py : NULL;
	const struct tc_lookup_entry *holder =
		py ? tc_lookup_find(&runners->by_gil, py->interp + 1ull) : NULL;
	bool known = py && (py->flags & TC_PYTHREAD_GIL_KNOWN);

	facts->waits_gil =
		known ? py->flags & TC_PYTHREAD_WAITS_GIL : facts->syscall == TC_SYS_FUTEX;
	facts->may_wait_gil = !known || (holder && &runners->threads->at[holder->at] != thread);
}

/* How long the callbacks of this turn took. The turn of a process that was stopped tells how long
 * that was. */
static void turn_facts(const struct tc_model *model, struct tc_loop_view *view,
		       struct tc_loop_facts *facts)
{
	const struct tc_pythread *py = view->thread ? view->thread->py : NULL;

	facts->frozen = model->status.flags & TC_STATUS_FROZEN;
	if (facts->in_callback && py && py->loop == view->id && view->loop &&
	    !(view->loop->flags & TC_LOOP_OWN_CLOCK) &&
	    !(model->head.flags & TC_HEAD_WAS_STOPPED) &&
	    tc_turn_of(model, py, view->loop->now_ns, &view->turn))
		facts->step_ns = tc_turn_step_ns(&view->turn);
}

static struct tc_loop_facts facts_of(const struct runners *runners, const struct tc_loop_view *view)
{
	const struct tc_model *model = runners->threads->model;
	const struct tc_loop *loop = view->loop;
	const struct tc_thread_view *thread = view->thread;
	struct tc_loop_facts facts = { .syscall = -1, .has_thread = thread != NULL };

	if (loop) {
		facts.closed = loop->flags & TC_LOOP_CLOSED;
		facts.running = loop->flags & TC_LOOP_RUNNING;
		facts.opaque = loop->flags & TC_LOOP_OPAQUE;
		facts.ready = loop->ready;
		/* of a process that was stopped the timers tell how long that was */
		facts.overdue_ns =
			model->head.flags & TC_HEAD_WAS_STOPPED ? 0 : overdue(&model->head, loop);
	}
	if (thread && thread->os) {
		facts.state = thread->os->state == '?' ? 0 : (char)thread->os->state;
		facts.syscall = (int64_t)thread->os->syscall - 1;
		memcpy(facts.args, thread->os->args, sizeof(facts.args));
		look_facts(model, thread->os, &facts);
	}
	facts.faulted = tc_crash_is_of(runners->crash, thread);
	facts.killed = runners->crash->fate == TC_FATE_KILLED;
	gil_facts(runners, thread, &facts);
	/* Its thread runs another loop inside a step of this one, which does not turn until
	 * then. */
	bool nests = thread && thread->loop && thread->loop != view->id;
	facts.in_callback = nests || view->task != NULL;
	if (thread && thread->py && thread->py->chain) {
		facts.has_frames = true;
		facts.in_selector = !nests && is_in_selector(model, thread->py->chain);
		facts.in_callback = facts.in_callback || runs_handle(model, thread->py->chain);
	}
	return facts;
}

/* For how long its thread stayed in one call while it was watched. One that ran meanwhile did not:
 * our own signal may have ended its call. */
static uint64_t held_ns(const struct tc_loop_facts *facts)
{
	return facts->awake || facts->switches || facts->run_ns ? 0 : facts->watched_ns;
}

/* For how long it has not turned, at least: by its timers, by the beginning of this turn, and by
 * watching its thread. */
static uint64_t blocked_ns(const struct tc_loop_facts *facts, uint64_t turn_ns)
{
	uint64_t held = held_ns(facts),
		 due = facts->overdue_ns > turn_ns ? facts->overdue_ns : turn_ns;

	return held > due ? held : due;
}

static void judge_loop(const struct runners *runners, struct tc_loop_view *view)
{
	struct tc_loop_facts facts;

	view->thread = thread_of_loop(runners, view);
	if (view->thread && !view->task)
		view->task = view->thread->task;
	facts = facts_of(runners, view);
	turn_facts(runners->threads->model, view, &facts);
	view->moved = facts.moment == TC_MOMENT_RAN;
	view->one_moment = facts.moment == TC_MOMENT_ONE;
	view->state = tc_loop_judge(&facts, &view->hint);
	if (view->state == TC_LOOP_BLOCKED) {
		view->blocked_ns = blocked_ns(&facts, view->turn.age_ns);
		view->held_ns = held_ns(&facts);
	}
	if (view->hint == TC_LOOP_HINT_LOST_WAKEUP)
		view->held_ns = held_ns(&facts);
	if (view->state == TC_LOOP_BUSY)
		view->watched_ns = facts.watched_ns;
}

/* Of two tasks that run on one thread, one inside the other: its chain goes to the innermost frame
 * as the other's does, from further in. */
static const struct tc_task *innermost(const struct tc_model *model, const struct tc_task *one,
				       const struct tc_task *other)
{
	return one && model->chains[one->chain].depth <= model->chains[other->chain].depth ? one :
											     other;
}

/* One view for each loop that the dump names. */
static void add_views(struct tc_loops *loops)
{
	const struct tc_model *model = loops->model;

	for (uint32_t id = 1; id < model->n_looprefs; id++) {
		const struct tc_loopref *ref = &model->looprefs[id];
		if (ref->addr)
			*tc_push(loops->at, loops->n, loops->room) = (struct tc_loop_view){
				.id = id,
				.loop = ref->state ? &model->loops[ref->state - 1] : NULL,
			};
	}
}

static void count_tasks(struct tc_loops *loops)
{
	const struct tc_model *model = loops->model;
	struct tc_loop_view **by_id = tc_array_new(model->n_looprefs, sizeof(*by_id));

	for (size_t i = 0; i < loops->n; i++)
		by_id[loops->at[i].id] = &loops->at[i];
	for (size_t i = 0; i < model->n_tasks; i++) {
		const struct tc_task *task = &model->tasks[i];
		struct tc_loop_view *view =
			task->loop < model->n_looprefs ? by_id[task->loop] : NULL;
		if (!view || !tc_task_alive(task))
			continue;
		view->n_tasks++;
		if (task->flags & TC_TASK_RUNNING)
			view->task = innermost(model, view->task, task);
	}
	free(by_id);
}

void tc_loops_init(struct tc_loops *loops, const struct tc_threads *threads,
		   const struct tc_crash_view *crash)
{
	struct runners runners;

	*loops = (struct tc_loops){ .model = threads->model };
	add_views(loops);
	count_tasks(loops);
	runners_init(&runners, threads, crash);
	for (size_t i = 0; i < loops->n; i++) {
		judge_loop(&runners, &loops->at[i]);
		loops->n_idle += loops->at[i].state == TC_LOOP_IDLE;
	}
	runners_deinit(&runners);
}

void tc_loops_deinit(struct tc_loops *loops)
{
	free(loops->at);
	*loops = (struct tc_loops){ 0 };
}

const struct tc_loop_view *tc_loops_find(const struct tc_loops *loops, uint32_t id)
{
	/* Their order is that of the table, with gaps only where a chunk of the file is lost. */
	for (size_t i = id < loops->n ? id : loops->n; i > 0; i--)
		if (loops->at[i - 1].id == id)
			return &loops->at[i - 1];
	return NULL;
}

bool tc_loops_hold_gil(const struct tc_loops *loops, const struct tc_thread_view *thread)
{
	const struct tc_loop_view *loop = thread->loop ? tc_loops_find(loops, thread->loop) : NULL;
	/* The holder is told by memory. In a frozen process that is of one moment, but the thread's
	 * state may be of another. */
	bool slept = thread->os && thread->os->state != 'R';
	bool moved = loop && (loop->state == TC_LOOP_RUNS || loop->moved) &&
		     (slept || !(loops->model->status.flags & TC_STATUS_FROZEN));

	return thread->py && (thread->py->flags & TC_PYTHREAD_HOLDS_GIL) && !moved &&
	       !(loop && loop->state == TC_LOOP_IDLE);
}

bool tc_loops_of_one_moment(const struct tc_loops *loops, uint32_t id)
{
	const struct tc_loop_view *loop = tc_loops_find(loops, id);

	return loops->model->status.flags & TC_STATUS_FROZEN || (loop && loop->one_moment);
}

uint32_t tc_loop_chain(const struct tc_loop_view *loop)
{
	if (loop->task && loop->task->chain && (loop->task->flags & TC_TASK_RUNNING))
		return loop->task->chain;
	return loop->thread && loop->thread->py ? loop->thread->py->chain : 0;
}
