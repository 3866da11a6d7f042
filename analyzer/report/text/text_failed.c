/* SPDX-License-Identifier: Apache-2.0
 * The part of the page about finished tasks that failed: often the cause of what waits. */
#include <inttypes.h>

#include "analyzer/report/text/report_parts.h"

#define FAILED_SHOWN 5

/* "ValueError, never retrieved": an exception is retrieved by await, result(),
 * exception(). */
static void put_exception(struct tc_page *page, const struct tc_failed *group)
{
	struct tc_out *out = page->out;

	tc_out_str(out, " ended in ");
	tc_phrase_type(page, group->exception);
	if (group->n_unseen == group->count)
		tc_out_str(out, ", never retrieved");
	else if (group->n_unseen)
		tc_out_printf(out, ", %" PRIu64 " of them never retrieved", group->n_unseen);
	else
		tc_out_str(out, ", retrieved");
}

static void put_group(struct tc_page *page, const struct tc_failed *group)
{
	const struct tc_model *model = page->report->model;
	struct tc_out *out = page->out;

	tc_out_column(out, 5);
	if (group->count > 1) {
		tc_out_printf(out, "%" PRIu64 " tasks", group->count);
		put_exception(page, group);
		tc_out_str(out, ", e.g. ");
		tc_phrase_task(page, &model->tasks[group->example], 30);
	} else {
		tc_phrase_task(page, &model->tasks[group->example], 40);
		put_exception(page, group);
	}
	if (!group->traceback && group->coroutine) {
		tc_out_str(out, ", in ");
		tc_out_text(out, tc_model_string(model, group->coroutine), 60);
	}
	tc_out_newline(out);
	tc_phrase_chain(page, group->traceback, page->report->options->all ? 0 : TC_CHAIN_BRIEF, 7);
}

void tc_part_failed(struct tc_page *page)
{
	const struct tc_failures *failures = &page->report->failures;
	size_t n = page->report->options->all || failures->n <= FAILED_SHOWN ? failures->n :
									       FAILED_SHOWN;

	if (failures->n == 0)
		return;
	tc_out_newline(page->out);
	tc_part_label(page, "FAILED");
	tc_out_count(page->out, failures->n_tasks, "finished task");
	tc_out_str(page->out, " ended in an exception");
	if (failures->n_unseen == failures->n_tasks)
		tc_out_str(page->out, " that nobody has retrieved");
	else if (failures->n_unseen)
		tc_out_printf(page->out, ", %" PRIu64 " of them in one that nobody has retrieved",
			      failures->n_unseen);
	tc_out_newline(page->out);
	for (size_t i = 0; i < n; i++)
		put_group(page, &failures->groups[i]);
	if (n < failures->n) {
		tc_out_printf(page->out, "...  %zu more kinds: --all shows them", failures->n - n);
		tc_out_newline(page->out);
	}
}
