/* SPDX-License-Identifier: Apache-2.0
 * The causes that were found, first on the page: what, where, the proof, who is hurt, whether it
 * ends. */
#include <ctype.h>
#include <inttypes.h>

#include "analyzer/report/text/report_parts.h"

#define FINDINGS_SHOWN 5
#define LABEL 15

static void put_label(struct tc_page *page, const char *label)
{
	tc_out_column(page->out, 4);
	tc_out_ink(page->out, TC_INK_DIM);
	tc_out_str(page->out, label);
	tc_out_ink(page->out, TC_INK_NONE);
	tc_out_column(page->out, LABEL);
}

static void put_line(struct tc_page *page, const char *label, const struct tc_out *text)
{
	put_label(page, label);
	tc_out_raw(page->out, text->buffer, text->used);
	tc_out_newline(page->out);
}

static void put_culprit(struct tc_page *page, uint32_t link, bool first)
{
	struct tc_place place;

	tc_place_init(&place, page->report->model, link);
	put_label(page, first ? "look at" : "");
	tc_out_text_middle(page->out, place.function, 40);
	tc_out_str(page->out, "  ");
	tc_phrase_where(page, &place, 48);
	tc_phrase_source(page, &place);
	tc_out_newline(page->out);
}

static void put_title(struct tc_page *page, const struct tc_finding *finding, size_t number)
{
	tc_out_ink(page->out, TC_INK_BOLD);
	tc_out_printf(page->out, "F%zu", number);
	tc_out_ink(page->out, TC_INK_NONE);
	tc_out_column(page->out, 4);
	tc_out_ink(page->out, finding->confidence == TC_PROVED ? TC_INK_RED : TC_INK_YELLOW);
	for (const char *at = tc_confidence_word(finding->confidence); *at; at++)
		tc_out_raw(page->out, &(char){ (char)toupper(*at) }, 1);
	tc_out_ink(page->out, TC_INK_NONE);
	tc_out_printf(page->out, "  %s: ", tc_cause_word(finding->cause));
	tc_out_raw(page->out, finding->summary.buffer, finding->summary.used);
	tc_out_newline(page->out);
}

static void put_finding(struct tc_page *page, const struct tc_finding *finding, size_t number)
{
	put_title(page, finding, number);
	for (unsigned i = 0; i < finding->n_culprits; i++)
		put_culprit(page, finding->culprits[i], i == 0);
	for (unsigned i = 0; i < finding->n_evidence; i++)
		put_line(page, i ? "" : "proof", &finding->evidence[i]);
	put_label(page, "hurts");
	tc_out_count(page->out, finding->victims, "task");
	tc_out_newline(page->out);
	put_label(page, "ends");
	tc_out_printf(page->out, "%s: %s", tc_ends_word(finding->ends), finding->why);
	tc_out_newline(page->out);
	put_label(page, "do");
	tc_out_str(page->out, tc_finding_advice(finding));
	tc_out_newline(page->out);
}

/* A loop that has tasks and turned while it was read: what refers to what is of several moments. */
static const struct tc_loop_view *turned(const struct tc_loops *loops)
{
	for (size_t i = 0; i < loops->n; i++)
		if (loops->at[i].n_tasks && !tc_loops_of_one_moment(loops, loops->at[i].id))
			return &loops->at[i];
	return NULL;
}

static void put_none(struct tc_page *page)
{
	const struct tc_loop_view *loop = turned(&page->report->loops);

	tc_out_printf(page->out, "no cause found. This version looks for: %s; not yet for others",
		      tc_detect_looks_for);
	if (loop)
		tc_out_printf(page->out,
			      ". L%u turned while it was read, so it is not known who could end "
			      "the waits: a dump with --stop, or by signal, may tell more",
			      loop->id);
	tc_out_newline(page->out);
}

/* What the page begins its verdict with: how many causes, or the signal. */
static void put_count(struct tc_page *page)
{
	const struct tc_findings *findings = &page->report->findings;
	uint64_t n_tasks = page->report->groups.n_grouped + page->report->groups.n_running;

	if (page->report->crash.record) {
		tc_part_fate(page);
		if (findings->n > 1) {
			tc_out_str(page->out, "; found besides: ");
			tc_out_count(page->out, findings->n - 1, "cause");
		}
	} else {
		tc_out_count(page->out, findings->n, "cause");
		tc_out_printf(page->out, " explain%s %" PRIu64 " of %" PRIu64 " pending tasks",
			      findings->n == 1 ? "s" : "", findings->n_explained, n_tasks);
	}
	tc_out_newline(page->out);
}

void tc_part_findings(struct tc_page *page)
{
	const struct tc_findings *findings = &page->report->findings;

	tc_part_label(page, "VERDICT");
	if (!findings->n) {
		put_none(page);
		return;
	}
	put_count(page);
	for (size_t i = 0; i < findings->n; i++) {
		if (i == FINDINGS_SHOWN && !page->report->options->all) {
			tc_out_printf(page->out, "...  %zu more findings: --all shows them",
				      findings->n - i);
			tc_out_newline(page->out);
			break;
		}
		put_finding(page, &findings->at[i], i + 1);
	}
	if (findings->n_more) {
		tc_out_printf(page->out,
			      "...  %" PRIu64 " more causes were found; they are only counted",
			      findings->n_more);
		tc_out_newline(page->out);
	}
}
