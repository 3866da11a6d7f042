/* SPDX-License-Identifier: Apache-2.0
 * The parts of the page about a fatal signal: the line that the page of a crash opens with, and the
 * first line of its verdict. */
#include <inttypes.h>

#include "analyzer/facts/crash_address.h"
#include "analyzer/facts/signal_code.h"
#include "analyzer/report/text/report_parts.h"

void tc_part_signal(struct tc_page *page)
{
	static const char *const verbs[] = { "address ", "reading ", "writing to ", "executing " };
	const struct tc_crash_view *crash = &page->report->crash;
	struct tc_out *out = page->out;

	if (!crash->record)
		return;
	const char *code = tc_signal_code_name(page->report->model->head.signal,
					       crash->record->code);
	tc_part_label(page, "signal");
	tc_out_ink(out, TC_INK_RED);
	tc_crash_say_signal(out, crash);
	tc_out_ink(out, TC_INK_NONE);
	if (code)
		tc_out_printf(out, " (%s)", code);
	if (crash->thread)
		tc_out_printf(out, " in H%zu",
			      tc_report_thread_number(page->report, crash->thread));
	if (crash->cause != TC_CRASH_BY_FAULT) {
		tc_out_str(out, ", sent by ");
		tc_crash_say_sender(out, crash);
	} else if (tc_crash_has_address(crash)) {
		tc_out_printf(out, ", %s", verbs[tc_crash_access(crash)]);
		tc_crash_say_address(out, crash);
	}
	tc_out_newline(out);
}

void tc_part_fate(struct tc_page *page)
{
	const struct tc_crash_view *crash = &page->report->crash;
	struct tc_out *out = page->out;

	tc_out_str(out, "a fatal signal: ");
	switch (crash->fate) {
	case TC_FATE_KILLED:
		tc_out_str(out, "the process was killed by ");
		tc_crash_say_signal(out, crash);
		tc_out_str(out, ", and ");
		tc_out_count(out, crash->n_others,
			     crash->task ? "other pending task" : "pending task");
		tc_out_str(out, " died with it");
		break;
	case TC_FATE_HANDLED:
		tc_crash_say_signal(out, crash);
		tc_out_str(out, ". The program has a handler of its own, which was called after "
				"this dump; whether it survived is not in this file");
		break;
	}
}
