/* SPDX-License-Identifier: Apache-2.0
 * The verb check, and refusals. */
#include "analyzer/report/check.h"

#include <inttypes.h>

#include "analyzer/dump/values.h"

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
	case TC_FILE_OTHER:
		tc_out_printf(out, "written by %s taskcore: format %u, this program reads %u",
			      dump->other > TC_FORMAT_VERSION ? "a newer" : "an older", dump->other,
			      TC_FORMAT_VERSION);
		break;
	case TC_FILE_FEATURES:
		tc_out_printf(
			out,
			"written by a newer taskcore: it needs features that this program does not "
			"know (0x%" PRIx64 ")",
			dump->features);
		break;
	default:
		tc_out_str(out, "not a taskcore dump");
	}
	tc_out_newline(out);
}

void tc_check_damage(const struct tc_dump *dump, struct tc_out *out)
{
	tc_out_str(out, "taskcore-analyze: ");
	put_path(dump, out);
	tc_out_printf(out, "damaged in %" PRIu64 " place%s, first at byte %" PRIu64 ": %s",
		      dump->n_problems_all, dump->n_problems_all == 1 ? "" : "s",
		      dump->problems[0].at, dump->problems[0].text);
	tc_out_newline(out);
}

static void bad_values(const struct tc_model *model, const uint8_t *at, const char *what)
{
	tc_dump_problem(model->dump, (uint64_t)(at - model->dump->map),
			"%s do not fit in their record", what);
}

static void check_locals(const struct tc_model *model)
{
	static const struct tc_pycode no_names;
	struct tc_locals locals;
	struct tc_value value;
	uint32_t name;

	for (size_t i = 0; i < model->n_tasks; i++) {
		tc_locals_begin(&locals, &model->tasks[i]);
		while (tc_locals_frame(&locals, &no_names))
			while (tc_locals_slot(&locals, &name, &value))
				;
		if (locals.cur.bad)
			bad_values(model, model->tasks[i].locals, "the locals of a task");
	}
}

static void check_attrs(const struct tc_model *model, struct tc_attrs *attrs, const uint8_t *at,
			const char *what)
{
	struct tc_value value;

	tc_items_begin(attrs);
	while (tc_items_next(attrs, &value))
		;
	if (attrs->cur.bad)
		bad_values(model, at, what);
}

static void check_values(const struct tc_model *model)
{
	struct tc_attrs attrs;

	check_locals(model);
	for (size_t i = 0; i < model->n_objects; i++) {
		tc_attrs_begin(&attrs, &model->objects[i]);
		check_attrs(model, &attrs, model->objects[i].at, "the values of an object");
	}
	for (size_t i = 1; i < model->n_contexts; i++) {
		tc_attrs_begin_context(&attrs, &model->contexts[i]);
		check_attrs(model, &attrs, model->contexts[i].vars, "the values of a context");
	}
}

bool tc_check(const struct tc_model *model, struct tc_out *out)
{
	const struct tc_dump *dump = model->dump;

	check_values(model);
	put_path(dump, out);
	if (dump->n_problems_all == 0) {
		tc_out_printf(out,
			      "whole: %zu bytes, %zu chunks, %zu task records, %zu object records",
			      dump->size, dump->n_chunks, model->n_tasks, model->n_objects);
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
