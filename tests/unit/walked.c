/* SPDX-License-Identifier: Apache-2.0
 * A fake interpreter's dump, read back as the analyzer reads it. */
#include "tests/unit/walked.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_BYTES (32ul << 20)

struct walked *fake_walk_with(struct fake *f, const struct tc_walk_options *options,
			      size_t arena_bytes)
{
	struct walked *w = calloc(1, sizeof(*w));
	struct tc_arena arena;

	w->memory = calloc(1, arena_bytes);
	tc_arena_init(&arena, w->memory, arena_bytes);
	builder_init(&w->builder);
	builder_head(&w->builder, 1);
	w->r = tc_walk(&f->target.mem, &w->builder.rec, &arena, options, &w->walk);
	builder_seal(&w->builder, w->walk.counts.found, w->walk.counts.torn, w->walk.counts.cut);
	ck_assert_uint_eq(w->walk.counts.found,
			  w->walk.counts.read + w->walk.counts.torn + w->walk.counts.cut);
	ck_assert_int_eq(tc_dump_open_bytes("fake", w->builder.bytes, w->builder.size, &w->dump),
			 0);
	ck_assert_int_eq(tc_model_init(&w->model, &w->dump, NULL), 0);
	for (size_t i = 0; i < w->dump.n_problems; i++)
		ck_abort_msg("the dump is damaged: %s", w->dump.problems[i].text);
	return w;
}

struct walked *fake_walk(struct fake *f)
{
	return fake_walk_with(f, &(struct tc_walk_options){ .value_strings = true, .seed = 1 },
			      ARENA_BYTES);
}

void walked_free(struct walked *w)
{
	tc_model_deinit(&w->model);
	tc_dump_close(&w->dump);
	builder_free(&w->builder);
	free(w->memory);
	free(w);
}

bool walked_says(const struct walked *w, const char *notice)
{
	for (unsigned i = 0; i < w->walk.notices.n; i++)
		if (strstr(w->walk.notices.lines[i], notice))
			return true;
	return false;
}

/* Four at a time: more than one may be wanted in one line. */
static char *next_buffer(size_t size)
{
	static char buffers[4][4096];
	static unsigned turn;
	char *buffer = buffers[turn++ % 4];

	buffer[0] = 0;
	return size <= sizeof(buffers[0]) ? buffer : NULL;
}

const char *walked_string(const struct walked *w, uint32_t id)
{
	struct tc_text text = tc_model_string(&w->model, id);
	char *to = next_buffer(4096);

	snprintf(to, 4096, "%.*s", text.size > 4000 ? 4000 : (int)text.size, (const char *)text.at);
	return to;
}

static const char *type_name(const struct walked *w, uint32_t type)
{
	return walked_string(w, tc_model_type(&w->model, type)->name);
}

static void link_text(const struct walked *w, const struct tc_chain *link, char *to, size_t size)
{
	const struct tc_site *site = tc_model_site(&w->model, link->ref);
	const struct tc_pycode *code = tc_model_code(&w->model, site->code);

	switch (link->kind) {
	case TC_FRAME_AWAITABLE:
		snprintf(to, size, "[%s]", type_name(w, link->ref));
		break;
	case TC_FRAME_TEXT:
		snprintf(to, size, "'%s'", walked_string(w, link->ref));
		break;
	case TC_FRAME_NATIVE_CORO:
		snprintf(to, size, "{%s}", walked_string(w, link->ref));
		break;
	case TC_FRAME_UNKNOWN:
		snprintf(to, size, "?");
		break;
	default:
		snprintf(to, size, "%s:%u",
			 walked_string(w, code->qualname ? code->qualname : code->name),
			 site->line);
	}
}

const char *walked_chain(const struct walked *w, uint32_t id)
{
	char part[256], *to = next_buffer(4096);
	size_t at = 4095;

	to[at] = 0;
	while (id) {
		const struct tc_chain *link = tc_model_chain(&w->model, id);
		link_text(w, link, part, sizeof(part));
		size_t n = strlen(part);
		if (n + 3 > at)
			break;
		memcpy(to + (at -= n), part, n);
		if ((id = link->parent))
			memcpy(to + (at -= 3), " > ", 3);
	}
	return to + at;
}

const char *walked_value(const struct walked *w, const struct tc_value *value)
{
	static const char *const names[] = { "unbound", "None", "True", "False" };
	char *to = next_buffer(4096);

	switch (value->tag) {
	case TC_VAL_INT:
		snprintf(to, 4096, "%lld", (long long)value->word);
		break;
	case TC_VAL_FLOAT:
		snprintf(to, 4096, "%g", value->number);
		break;
	case TC_VAL_STRING:
		snprintf(to, 4096, "'%s'", walked_string(w, (uint32_t)value->word));
		break;
	case TC_VAL_REF:
		snprintf(to, 4096, "<%s>", type_name(w, value->type));
		break;
	case TC_VAL_SIZED:
	case TC_VAL_ATOM:
		snprintf(to, 4096, "<%s %llu>", type_name(w, value->type),
			 (unsigned long long)value->size);
		break;
	default:
		snprintf(to, 4096, "%s", value->tag < 4 ? names[value->tag] : "?");
	}
	return to;
}

const char *walked_attr(const struct walked *w, tc_addr addr, const char *name)
{
	struct tc_value value;

	if (!tc_object_attr(&w->model, tc_model_object_at(&w->model, addr), name, &value))
		return "-";
	return walked_value(w, &value);
}

const struct tc_task *walked_task(const struct walked *w)
{
	ck_assert_msg(w->model.n_tasks == 1, "%zu tasks, %s, %s", w->model.n_tasks,
		      tc_strcode(w->r), w->walk.notices.lines[0]);
	return &w->model.tasks[0];
}
