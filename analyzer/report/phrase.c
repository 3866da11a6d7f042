/* SPDX-License-Identifier: Apache-2.0
 * Words of the text report. */
#include "analyzer/report/phrase.h"

#include <inttypes.h>
#include <stdio.h>

#include "analyzer/detect/words.h"
#include "analyzer/report/brief.h"
#include "analyzer/facts/syscalls.h"

void tc_phrase_task(const struct tc_page *page, const struct tc_task *task, unsigned max_name)
{
	tc_say_task(page->out, page->report->model, task, max_name);
}

static bool begins(struct tc_text text, const char *with)
{
	return text.size >= strlen(with) && memcmp(text.at, with, strlen(with)) == 0;
}

void tc_phrase_type(const struct tc_page *page, uint32_t id)
{
	const struct tc_model *model = page->report->model;
	const struct tc_type *type = tc_model_type(model, id);
	struct tc_text module = tc_model_string(model, type->module);
	struct tc_text name = tc_model_string(model, type->name);

	if (name.size == 0) {
		tc_out_str(page->out, "an unknown type");
		return;
	}
	if (module.size && !tc_text_is(module, "builtins") && !begins(module, "asyncio") &&
	    !begins(module, "_asyncio") && !memchr(name.at, '.', name.size)) {
		tc_out_text(page->out, module, 40);
		tc_out_str(page->out, ".");
	}
	tc_out_text(page->out, name, 60);
}

static struct tc_text short_path(const struct tc_page *page, struct tc_text file)
{
	return tc_place_short(page->report->model, page->report->root, file);
}

void tc_phrase_where(const struct tc_page *page, const struct tc_place *place, unsigned max)
{
	char line[16] = "";

	if (place->file.size == 0)
		return;
	if (place->line)
		snprintf(line, sizeof(line), ":%" PRIu32, place->line);
	unsigned digits = (unsigned)strlen(line);
	tc_out_text_end(page->out, short_path(page, place->file),
			max > digits + 8 ? max - digits : 8);
	tc_out_str(page->out, line);
}

static void phrase_reference(const struct tc_page *page, const struct tc_value *value)
{
	const struct tc_report *report = page->report;
	const struct tc_task *task = tc_model_task_at(report->model, value->word);
	const struct tc_object *object = tc_model_object_at(report->model, value->word);

	if (task) {
		tc_phrase_task(page, task, 40);
		return;
	}
	if (object)
		tc_out_printf(page->out, "O%zu ", tc_report_object_number(report, object));
	tc_phrase_type(page, value->type);
	if (value->tag == TC_VAL_SIZED)
		tc_out_printf(page->out, " of %" PRIu64, value->size);
	if (!object)
		tc_out_printf(page->out, " at 0x%" PRIx64, value->word);
}

void tc_phrase_value(const struct tc_page *page, const struct tc_value *value)
{
	static const char *const words[] = { "(no value)", "None", "True", "False" };
	struct tc_out *out = page->out;

	switch (value->tag) {
	case TC_VAL_INT:
		tc_out_printf(out, "%" PRId64, (int64_t)value->word);
		break;
	case TC_VAL_FLOAT:
		tc_out_printf(out, "%g", value->number);
		break;
	case TC_VAL_STRING:
		tc_out_str(out, "'");
		tc_out_text(out, tc_model_string(page->report->model, (uint32_t)value->word), 60);
		tc_out_str(out, "'");
		break;
	case TC_VAL_REF:
	case TC_VAL_SIZED:
		phrase_reference(page, value);
		break;
	case TC_VAL_ATOM:
		tc_phrase_type(page, value->type);
		tc_out_printf(out, " of %" PRIu64, value->size);
		break;
	case TC_VAL_WORD:
		tc_out_printf(out, "0x%" PRIx64, value->word);
		break;
	default:
		tc_out_str(out, words[value->tag & 3]);
	}
}

void tc_phrase_callback(const struct tc_page *page, const struct tc_handle *handle)
{
	const struct tc_model *model = page->report->model;
	const struct tc_pycode *code = tc_model_code(model, handle->code);
	const struct tc_task *task = handle->task ? tc_model_task_at(model, handle->task) : NULL;

	if (task) {
		tc_phrase_task(page, task, 40);
	} else if (handle->code) {
		tc_out_text(page->out,
			    tc_model_string(model, code->qualname ? code->qualname : code->name),
			    50);
		tc_out_str(page->out, " ");
		tc_out_text_end(page->out, short_path(page, tc_model_string(model, code->file)),
				40);
		tc_out_printf(page->out, ":%u", code->first_line);
	} else {
		tc_phrase_value(page, &handle->callback);
	}
}

void tc_phrase_thread_state(const struct tc_page *page, const struct tc_thread *thread)
{
	static const char states[] = "RSDTtZXI";
	static const char *const words[] = { "running", "asleep", "in uninterruptible sleep",
					     "stopped", "traced", "a zombie",
					     "dead",	"idle" };
	const char *at = thread->state ? strchr(states, thread->state) : NULL;
	const char *name = thread->syscall ? tc_syscall_name(thread->syscall - 1) : NULL;

	tc_out_str(page->out, at ? words[at - states] : "in an unknown state");
	if (name)
		tc_out_printf(page->out, " in %s", name);
	else if (thread->syscall)
		tc_out_printf(page->out, " in system call %" PRIu64, thread->syscall - 1);
}

/* As narrow as the names allow, and no wider than leaves room for a line of source. */
static void choose_columns(struct tc_page *page)
{
	const struct tc_model *model = page->report->model;
	unsigned function = 10, place = 10;

	for (size_t i = 1; i < model->n_codes && i < 5000; i++) {
		const struct tc_pycode *code = &model->codes[i];
		struct tc_text name =
			tc_model_string(model, code->qualname ? code->qualname : code->name);
		unsigned name_columns = tc_text_columns(name);
		unsigned file_columns =
			tc_text_columns(short_path(page, tc_model_string(model, code->file))) + 5;
		function = name_columns > function ? name_columns : function;
		place = file_columns > place ? file_columns : place;
	}
	page->function_room = function < page->width * 3 / 10 ? function : page->width * 3 / 10;
	page->place_room = place < page->width * 3 / 10 ? place : page->width * 3 / 10;
}

void tc_page_init(struct tc_page *page, const struct tc_report *report, struct tc_out *out)
{
	*page = (struct tc_page){ .report = report, .out = out, .width = report->options->width };
	tc_sources_init(&page->sources, report->options->source_root, report->model->head.wall_ns);
	choose_columns(page);
}

void tc_page_deinit(struct tc_page *page)
{
	tc_sources_deinit(&page->sources);
}

static void chain_line(struct tc_page *page, const struct tc_place *place, unsigned indent,
		       enum tc_owner owner)
{
	struct tc_out *out = page->out;
	unsigned place_at = indent + page->function_room + 1;
	unsigned source_at = place_at + page->place_room + 1;
	struct tc_text source;

	tc_out_column(out, indent);
	tc_out_ink(out, owner == TC_OWNER_USER ? TC_INK_NONE : TC_INK_DIM);
	if (place->module.size) {
		tc_out_text(out, place->module, 20);
		tc_out_str(out, ".");
	}
	tc_out_text_end(out, place->function,
			place_at > out->column + 1 ? place_at - 1 - out->column : 8);
	if (place->file.size) {
		/* The library on this machine is seldom the target's: its lines would be wrong
		 * ones. */
		bool shown = owner <= TC_OWNER_PACKAGE &&
			     tc_source_line(&page->sources, place->file, place->line, &source);
		tc_out_column(out, place_at);
		tc_phrase_where(page, place, (shown ? source_at - 1 : page->width) - out->column);
		if (shown) {
			tc_out_column(out, source_at);
			tc_out_text(out, source, page->width - out->column);
		}
	}
	tc_out_ink(out, TC_INK_NONE);
	tc_out_newline(out);
}

void tc_phrase_source(struct tc_page *page, const struct tc_place *place)
{
	struct tc_text source;

	if (tc_place_owner(page->report->model, place->file) > TC_OWNER_PACKAGE ||
	    page->out->column + 12 > page->width ||
	    !tc_source_line(&page->sources, place->file, place->line, &source))
		return;
	tc_out_str(page->out, "  ");
	tc_out_text(page->out, source, page->width - page->out->column);
}

static void skipped_line(struct tc_page *page, uint64_t n, unsigned indent)
{
	if (n == 0)
		return;
	tc_out_column(page->out, indent);
	tc_out_ink(page->out, TC_INK_DIM);
	tc_out_str(page->out, "... ");
	tc_out_count(page->out, n, "frame");
	tc_out_ink(page->out, TC_INK_NONE);
	tc_out_newline(page->out);
}

void tc_phrase_chain(struct tc_page *page, uint32_t chain, unsigned flags, unsigned indent)
{
	static struct tc_links_list list; /* grows to the longest chain */
	const struct tc_model *model = page->report->model;
	size_t n = tc_place_list(model, chain, page->report->max_links, &list);
	uint32_t best = flags & TC_CHAIN_MARK ? tc_place_best(model, chain) : 0;
	const bool *shown =
		flags & TC_CHAIN_BRIEF ?
			tc_brief_choose(model, page->report->root, &list, n, best) :
			NULL;
	uint64_t skipped = 0;
	struct tc_place place;

	for (size_t i = 0; i < n; i++) {
		if (shown && !shown[i]) {
			skipped++;
			continue;
		}
		tc_place_init(&place, model, list.ids[i]);
		skipped_line(page, skipped, indent);
		skipped = 0;
		if (list.ids[i] == best) {
			tc_out_column(page->out, indent - 2);
			tc_out_str(page->out, ">");
		}
		chain_line(page, &place, indent, tc_place_owner(model, place.file));
	}
}
