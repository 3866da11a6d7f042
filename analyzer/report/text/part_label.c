/* SPDX-License-Identifier: Apache-2.0
 * The word at the left of a part of the page, and gaps in its lines. */
#include "analyzer/report/text/report_parts.h"

#define LABEL 10 /* columns of the words at the left */

void tc_part_label(struct tc_page *page, const char *label)
{
	tc_out_ink(page->out, TC_INK_BOLD);
	tc_out_str(page->out, label);
	tc_out_ink(page->out, TC_INK_NONE);
	tc_out_column(page->out, LABEL);
}

/* Go to a new line under the label's text when fewer than need columns are left; else put two
 * spaces. */
void tc_part_gap(struct tc_page *page, unsigned need)
{
	if (page->out->column + 2 + need > page->width) {
		tc_out_newline(page->out);
		tc_out_column(page->out, LABEL);
	} else {
		tc_out_str(page->out, "  ");
	}
}
