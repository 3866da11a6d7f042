/* SPDX-License-Identifier: Apache-2.0
 * The verb check, and refusals. */
#include "check.h"

#include <inttypes.h>

static void put_path(const struct tc_dump *dump, struct tc_out *out)
{
	tc_out_text(out, (struct tc_text){ (const uint8_t *)dump->path, strlen(dump->path) }, 0);
	tc_out_str(out, ": ");
}

void tc_check_refusal(const struct tc_dump *dump, struct tc_out *out)
{
	tc_out_str(out, "taskcore-analyze: ");
	put_path(dump, out);
	switch (dump->kind) {
	case TC_FILE_UNREADABLE:
		tc_out_str(out, dump->n_problems ? dump->problems[0].text : "cannot be read");
		break;
	case TC_FILE_CORE:
		tc_out_str(out, "an ordinary core file without taskcore's records; reading those "
				"is not in this version");
		break;
	case TC_FILE_CUT:
		tc_out_str(out, "a core file that ends before its notes: nothing can be read");
		break;
	case TC_FILE_NEWER:
		tc_out_printf(out, "written by a newer taskcore: format %u, this program reads %u",
			      dump->newer, TC_FORMAT_VERSION);
		break;
	default:
		tc_out_str(out, "not a taskcore dump");
	}
	tc_out_newline(out);
}

bool tc_check(const struct tc_model *model, struct tc_out *out)
{
	const struct tc_dump *dump = model->dump;

	put_path(dump, out);
	if (dump->n_problems_all == 0) {
		tc_out_printf(out,
			      "whole: %zu bytes, %zu chunks, %zu task records, %zu object records",
			      dump->size, dump->n_pieces, model->n_tasks, model->n_objects);
		if (model->status.present && model->status.cut)
			tc_out_printf(out, " (%" PRIu64 " tasks were cut when it was taken)",
				      model->status.cut);
		tc_out_newline(out);
		return true;
	}
	tc_out_str(out, "damaged");
	tc_out_newline(out);
	for (size_t i = 0; i < dump->n_problems; i++) {
		tc_out_printf(out, "  at byte %" PRIu64 ": %s", dump->problems[i].at,
			      dump->problems[i].text);
		tc_out_newline(out);
	}
	if (dump->n_problems_all > dump->n_problems) {
		tc_out_printf(out, "  and %" PRIu64 " more",
			      dump->n_problems_all - dump->n_problems);
		tc_out_newline(out);
	}
	return false;
}
