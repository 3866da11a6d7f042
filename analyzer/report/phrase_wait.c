/* SPDX-License-Identifier: Apache-2.0
 * Words for what a task waits for. */
#include <inttypes.h>

#include "analyzer/graph/detail.h"
#include "analyzer/report/phrase.h"

const char *tc_phrase_wait(enum tc_wait_kind wait)
{
	static const char *const words[TC_N_WAITS] = {
		[TC_WAIT_NONE] = "nothing",
		[TC_WAIT_SLEEP] = "sleep",
		[TC_WAIT_FUTURE] = "a future",
		[TC_WAIT_TASK] = "a task",
		[TC_WAIT_GATHER] = "the tasks of a gather",
		[TC_WAIT_WAIT] = "the tasks of asyncio.wait",
		[TC_WAIT_WAIT_FOR] = "a task, within wait_for",
		[TC_WAIT_SHIELD] = "a shielded future",
		[TC_WAIT_TASKGROUP] = "the tasks of a TaskGroup",
		[TC_WAIT_EXECUTOR] = "an executor",
		[TC_WAIT_LOCK] = "a Lock",
		[TC_WAIT_SEMAPHORE] = "a Semaphore",
		[TC_WAIT_CONDITION] = "a Condition",
		[TC_WAIT_EVENT] = "an Event",
		[TC_WAIT_BARRIER] = "a Barrier",
		[TC_WAIT_QUEUE_GET] = "Queue.get",
		[TC_WAIT_QUEUE_PUT] = "Queue.put",
		[TC_WAIT_QUEUE_JOIN] = "Queue.join",
		[TC_WAIT_STREAM_READ] = "data from a stream",
		[TC_WAIT_STREAM_DRAIN] = "a stream to drain",
		[TC_WAIT_SOCK] = "a socket",
		[TC_WAIT_SUBPROCESS] = "a child process",
		[TC_WAIT_ASYNCGEN] = "an async generator",
		[TC_WAIT_AWAITABLE] = "an awaitable",
		[TC_WAIT_UNKNOWN] = "something unknown",
	};
	return wait < TC_N_WAITS && words[wait] ? words[wait] : "something unknown";
}

const char *tc_phrase_one_wait_kind(const struct tc_wait *wait)
{
	static const char *const pools[TC_N_POOLS] = {
		[TC_POOL_UNKNOWN] = "an executor",
		[TC_POOL_THREAD] = "a thread of an executor",
		[TC_POOL_PROCESS] = "a process of an executor",
	};
	if (wait->kind == TC_WAIT_EXECUTOR)
		return pools[wait->job.pool];
	if (wait->kind == TC_WAIT_FUTURE && wait->concurrent)
		return "a future of concurrent.futures";
	if (wait->known && wait->known->text)
		return wait->known->text;
	return tc_phrase_wait(wait->kind);
}

/* The clock of the loops when they were read: the same for all on one machine. */
static double loop_clock(const struct tc_model *model)
{
	return model->n_loops ? (double)model->loops[0].now_ns / 1e9 :
				(double)model->head.monotonic_ns / 1e9;
}

void tc_phrase_sleep(const struct tc_page *page, const struct tc_sleeps *sleeps, const char *next)
{
	double left = sleeps->due_s - loop_clock(page->report->model);
	struct tc_out *out = page->out;

	tc_out_str(out, "sleep");
	if (sleeps->known && sleeps->min_s >= 0 && sleeps->max_s < 1e12) {
		tc_out_printf(out, "(%g", sleeps->min_s);
		if (sleeps->max_s > sleeps->min_s)
			tc_out_printf(out, " to %g", sleeps->max_s);
		tc_out_str(out, ")");
	}
	if (sleeps->due_s <= 0 || left > 1e9 || left < -1e9)
		return;
	tc_out_printf(out, ", %sdue %s ", next, left < 0 ? "since" : "in");
	tc_out_ns(out, (uint64_t)((left < 0 ? -left : left) * 1e9));
}

/* "T1 T5", or "1 of 50 pending: T45": who is waited for yet. */
static void phrase_members(const struct tc_page *page, const struct tc_wait *wait)
{
	struct tc_out *out = page->out;
	struct tc_pending pending;

	tc_wait_pending(page->report->graph->finder, wait, &pending);
	bool all = pending.pending == pending.all;
	if (!all)
		tc_out_printf(out, ": %" PRIu64 " of %" PRIu64 " pending", pending.pending,
			      pending.all);
	if (pending.n_named)
		tc_out_str(out, ":");
	for (unsigned i = 0; i < pending.n_named; i++)
		if (pending.named[i].task)
			tc_out_printf(out, " T%zu",
				      tc_report_task_number(page->report, pending.named[i].task));
		else
			tc_out_printf(out, " O%zu",
				      tc_report_object_number(page->report,
							      pending.named[i].future));
	if (pending.pending > pending.n_named)
		tc_out_str(out, " ...");
	if (all && pending.pending > pending.n_named)
		tc_out_printf(out, " (%" PRIu64 " in all)", pending.all);
	if (pending.unknown)
		tc_out_printf(out, " (of %" PRIu64 " it is not known)", pending.unknown);
}

/* Who works for a future of an executor. */
static void phrase_job(const struct tc_page *page, const struct tc_job *job)
{
	const struct tc_thread_view *thread =
		job->worker ? tc_threads_of(&page->report->threads, job->worker) : NULL;

	if (thread)
		tc_out_printf(page->out, ": H%zu works for it",
			      tc_report_thread_number(page->report, thread));
	else if (job->queued)
		tc_out_str(page->out, ": none has taken it yet");
	else if (job->pool == TC_POOL_PROCESS)
		tc_out_str(page->out, ": handed to its processes");
}

static void phrase_queue(struct tc_out *out, enum tc_wait_kind wait, const struct tc_detail *detail)
{
	if (wait == TC_WAIT_QUEUE_JOIN) {
		if (detail->unfinished >= 0)
			tc_out_printf(out, " (%" PRId64 " unfinished)", detail->unfinished);
		return;
	}
	if (detail->size >= 0 && detail->max_size > 0)
		tc_out_printf(out, " (%" PRId64 "/%" PRId64 ")", detail->size, detail->max_size);
	else if (detail->size == 0)
		tc_out_str(out, " (empty)");
	else if (detail->size > 0)
		tc_out_printf(out, " (%" PRId64 " items)", detail->size);
}

#define HOLDERS_SAID 3u

/* ", held by T3 T4 ...": those that are known. */
static void phrase_holders(const struct tc_page *page, const struct tc_object *object)
{
	const struct tc_graph *graph = page->report->graph;
	const struct tc_edge *edges;
	size_t n = 0, said = 0;

	edges = object ? tc_graph_out(graph, tc_node_object(graph, object), &n) : NULL;
	for (size_t i = 0; i < n && said <= HOLDERS_SAID; i++) {
		if (edges[i].kind != TC_EDGE_HELD)
			continue;
		if (said < HOLDERS_SAID)
			tc_out_printf(page->out, "%s T%u", said ? "" : ", held by",
				      edges[i].to + 1);
		else
			tc_out_str(page->out, " ...");
		said++;
	}
}

void tc_phrase_detail(const struct tc_page *page, enum tc_wait_kind wait,
		      const struct tc_object *object)
{
	struct tc_out *out = page->out;
	struct tc_detail detail;

	tc_detail_find(page->report->model, wait, object, &detail);
	phrase_queue(out, wait, &detail);
	if (detail.value >= 0)
		tc_out_printf(out, " (value %" PRId64 ")", detail.value);
	phrase_holders(page, object);
	if (detail.parties > 0 && detail.arrived >= 0)
		tc_out_printf(out, " (%" PRId64 " of %" PRId64 " are there)", detail.arrived,
			      detail.parties);
	if (detail.child > 0)
		tc_out_printf(out, " (pid %" PRId64 ")", detail.child);
	if (detail.fd < 0)
		return;
	tc_out_printf(out, " (fd %" PRId64, detail.fd);
	if (detail.descriptor && detail.descriptor->peer.size) {
		tc_out_str(out, ", peer ");
		tc_out_text_middle(out, detail.descriptor->peer, 48);
	}
	tc_out_str(out, ")");
}

void tc_phrase_one_wait(const struct tc_page *page, const struct tc_wait *wait)
{
	struct tc_out *out = page->out;

	if (wait->kind == TC_WAIT_SLEEP) {
		const struct tc_sleeps sleeps = { wait->delay_s >= 0, wait->delay_s, wait->delay_s,
						  wait->due_s };
		tc_phrase_sleep(page, &sleeps, "");
		return;
	}
	if (wait->task) {
		tc_phrase_task(page, wait->task, 30);
		if (wait->kind != TC_WAIT_TASK)
			tc_out_printf(out, " (%s)", tc_wait_word(wait->kind));
		return;
	}
	tc_out_str(out, tc_phrase_one_wait_kind(wait));
	if ((wait->kind == TC_WAIT_AWAITABLE || wait->kind == TC_WAIT_UNKNOWN) && wait->type) {
		tc_out_str(out, ": ");
		tc_phrase_type(page, wait->type);
	}
	if (wait->object)
		tc_out_printf(out, " O%zu", tc_report_object_number(page->report, wait->object));
	tc_phrase_detail(page, wait->kind, wait->object);
	phrase_job(page, &wait->job);
	if (wait->members)
		phrase_members(page, wait);
	if (wait->shielded && wait->kind != TC_WAIT_SHIELD)
		tc_out_str(out, ", shielded");
}
