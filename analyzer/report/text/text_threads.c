/* SPDX-License-Identifier: Apache-2.0
 * The part of the page about threads: those that stand at the same place share a line. */
#include <inttypes.h>
#include <stdlib.h>

#include "analyzer/base/array.h"
#include "analyzer/report/text/report_parts.h"

#define THREADS_SHOWN 12

/* Threads that do the same: the same Python frames, state and system call. */
static bool alike(const struct tc_thread_view *a, const struct tc_thread_view *b)
{
	uint32_t chain_a = a->py ? a->py->chain : 0, chain_b = b->py ? b->py->chain : 0;

	if (chain_a != chain_b || a->loop || b->loop || a->task || b->task || !a->py != !b->py ||
	    !a->os != !b->os)
		return false;
	if (a->py && ((a->py->flags ^ b->py->flags) & TC_PYTHREAD_HOLDS_GIL))
		return false;
	return !a->os || (a->os->state == b->os->state && a->os->syscall == b->os->syscall);
}

void tc_part_thread(struct tc_page *page, const struct tc_thread_view *thread, size_t n_alike)
{
	struct tc_out *out = page->out;
	const struct tc_model *model = page->report->model;
	struct tc_place place;

	tc_out_ink(out, TC_INK_BOLD);
	tc_out_printf(out, "H%zu", tc_report_thread_number(page->report, thread));
	tc_out_ink(out, TC_INK_NONE);
	tc_out_column(out, 5);
	if (thread->os) {
		tc_out_text(out, thread->os->name, 16);
		if (n_alike > 1)
			tc_out_printf(out, " and %zu like it, each ", n_alike - 1);
		else
			tc_out_printf(out, " tid %u ", thread->os->tid);
		tc_phrase_thread_state(page, thread->os);
	} else {
		tc_out_printf(out, "Python thread %" PRIu64 ", gone or unknown to the kernel",
			      (uint64_t)thread->py->tid);
	}
	if (thread->loop)
		tc_out_printf(out, ", runs L%u", thread->loop);
	if (tc_loops_hold_gil(&page->report->loops, thread))
		tc_out_str(out, ", holds the GIL");
	if (thread->py && thread->py->chain) {
		uint32_t best = tc_place_best(model, thread->py->chain);
		tc_place_init(&place, model, best);
		tc_out_str(out, ", at ");
		tc_out_text_end(out, place.function, 40);
		tc_out_str(out, " ");
		tc_phrase_where(page, &place, 50);
	} else if (!thread->py) {
		tc_out_str(out, ", not a Python thread");
	}
	tc_out_newline(out);
}

static void put_all(struct tc_page *page)
{
	const struct tc_report *report = page->report;

	for (size_t i = 0; i < report->threads.n; i++) {
		tc_part_thread(page, &report->threads.at[i], 1);
		if (report->threads.at[i].py)
			tc_phrase_chain(page, report->threads.at[i].py->chain, 0, 5);
	}
}

static void put_grouped(struct tc_page *page)
{
	const struct tc_report *report = page->report;
	size_t n = report->threads.n, lines = 0, shown = 0;
	bool *done = tc_array_new(n, sizeof(*done));

	for (size_t i = 0; i < n && lines < THREADS_SHOWN; i++) {
		size_t n_alike = 1;
		if (done[i])
			continue;
		for (size_t j = i + 1; j < n; j++)
			if (!done[j] && alike(&report->threads.at[i], &report->threads.at[j])) {
				done[j] = true;
				n_alike++;
			}
		tc_part_thread(page, &report->threads.at[i], n_alike);
		shown += n_alike;
		lines++;
	}
	free(done);
	if (shown < report->threads.n) {
		tc_out_printf(page->out, "...  %zu more threads: --all shows them",
			      report->threads.n - shown);
		tc_out_newline(page->out);
	}
}

void tc_part_threads(struct tc_page *page)
{
	if (page->report->threads.n == 0)
		return;
	tc_out_newline(page->out);
	tc_part_label(page, "THREADS");
	tc_out_printf(page->out, "%zu", page->report->threads.n);
	tc_out_newline(page->out);
	if (page->report->options->all)
		put_all(page);
	else
		put_grouped(page);
}
