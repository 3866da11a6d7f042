/* SPDX-License-Identifier: Apache-2.0
 * Joining the record of a fatal signal with threads and tasks. */
#include "analyzer/facts/crash_view.h"

#include "analyzer/facts/place.h"
#include "analyzer/facts/signal_code.h"

/* A thread has a view for each interpreter that it has a state in: the one with most in it. */
static const struct tc_thread_view *thread_of(const struct tc_threads *threads, uint32_t tid)
{
	const struct tc_thread_view *found = NULL;
	int best = -1;

	for (size_t i = 0; i < threads->n; i++) {
		const struct tc_thread_view *view = &threads->at[i];
		if (!view->os || view->os->tid != tid)
			continue;
		int known = view->task ? 2 : view->py && view->py->chain;
		if (known > best) {
			best = known;
			found = view;
		}
	}
	return found;
}

/* Of tasks that run on one thread, one inside the other, the innermost: its chain begins further in
 * and ends at the same frame. */
static const struct tc_task *task_on(const struct tc_model *model,
				     const struct tc_thread_view *thread)
{
	const struct tc_task *found = NULL;

	for (size_t i = 0; thread->os->tid_ns && i < model->n_tasks; i++) {
		const struct tc_task *task = &model->tasks[i];
		if (!(task->flags & TC_TASK_RUNNING) || task->thread != thread->os->tid_ns)
			continue;
		if (!found || model->chains[task->chain].depth < model->chains[found->chain].depth)
			found = task;
	}
	if (found)
		return found;
	return thread->task && tc_task_alive(thread->task) ? thread->task : NULL;
}

static uint32_t link_of(const struct tc_model *model, const struct tc_crash_view *crash)
{
	const struct tc_pythread *py = crash->thread ? crash->thread->py : NULL;

	if (py && py->chain)
		return tc_place_best(model, py->chain);
	return crash->task && crash->task->flags & TC_TASK_RUNNING ?
		       tc_place_best(model, crash->task->chain) :
		       0;
}

static enum tc_crash_cause cause_of(const struct tc_model *model)
{
	const struct tc_head *head = &model->head;

	if (!(model->crash.flags & TC_CRASH_SENT))
		return TC_CRASH_BY_FAULT;
	return head->sender_pid && head->sender_pid == (head->pid_ns ? head->pid_ns : head->pid) ?
		       TC_CRASH_BY_SELF :
		       TC_CRASH_BY_OTHER;
}

/* A dump is made only of a signal that ends the process, or that a handler gets. */
static enum tc_crash_fate fate_of(const struct tc_crash_record *record)
{
	return record->flags & TC_CRASH_HANDLED ? TC_FATE_HANDLED : TC_FATE_KILLED;
}

/* Those that the dump left out count too. */
static uint64_t count_others(const struct tc_model *model, const struct tc_task *task)
{
	uint64_t n = 0;

	for (size_t i = 0; i < model->n_tasks; i++)
		n += tc_task_alive(&model->tasks[i]);
	if (model->status.present && model->status.found > n)
		n = model->status.found;
	return n - (task && tc_task_alive(task));
}

void tc_crash_view_init(struct tc_crash_view *crash, const struct tc_threads *threads)
{
	const struct tc_model *model = threads->model;

	*crash = (struct tc_crash_view){ .threads = threads };
	if (!model->crash.present)
		return;
	crash->record = &model->crash;
	crash->thread = thread_of(threads, model->crash.tid);
	crash->task = crash->thread ? task_on(model, crash->thread) : NULL;
	crash->link = link_of(model, crash);
	crash->cause = cause_of(model);
	crash->fate = fate_of(&model->crash);
	crash->n_others = count_others(model, crash->task);
}

bool tc_crash_is_of(const struct tc_crash_view *crash, const struct tc_thread_view *thread)
{
	return crash->record && crash->cause != TC_CRASH_BY_OTHER && crash->thread && thread &&
	       crash->thread->os == thread->os;
}

void tc_crash_say_signal(struct tc_out *out, const struct tc_crash_view *crash)
{
	const uint32_t number = crash->threads->model->head.signal;
	const char *name = tc_fatal_signal_name(number);

	if (name)
		tc_out_str(out, name);
	else if (number)
		tc_out_printf(out, "signal %u", number);
	else
		tc_out_str(out, "a signal that is not known");
}

void tc_crash_say_sender(struct tc_out *out, const struct tc_crash_view *crash)
{
	const struct tc_head *head = &crash->threads->model->head;

	if (crash->cause == TC_CRASH_BY_SELF)
		tc_out_str(out, "the process itself");
	else if (head->sender_pid)
		tc_out_printf(out, "process %u of user %u", head->sender_pid, head->sender_uid);
	else
		tc_out_str(out, "the kernel or a process outside of its pid namespace");
}
