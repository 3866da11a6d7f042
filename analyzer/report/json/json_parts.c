/* SPDX-License-Identifier: Apache-2.0
 * Parts of the JSON report that its forms share. */
#include "analyzer/report/json/report_json.h"

#include <stdlib.h>

#include "analyzer/base/array.h"
#include "analyzer/facts/place.h"

void tc_json_record_begin(struct tc_json_report *r, const char *kind)
{
	if (r->jsonl)
		r->json.comma[r->json.depth] = false;
	tc_json_object(&r->json, NULL);
	if (r->jsonl)
		tc_json_str(&r->json, "record", kind);
}

void tc_json_record_end(struct tc_json_report *r)
{
	tc_json_end(&r->json, '}');
	tc_json_line(&r->json);
}

void tc_json_type(struct tc_json_report *r, const char *key, uint32_t id)
{
	const struct tc_model *model = r->report->model;
	const struct tc_type *type = tc_model_type(model, id);
	struct tc_text module = tc_model_string(model, type->module),
		       name = tc_model_string(model, type->name);

	if (name.size == 0) {
		tc_json_null(&r->json, key);
		return;
	}
	/* tp_name of a static type holds its module already */
	bool whole = module.size == 0 || tc_text_is(module, "builtins") || !type->module ||
		     (name.size > module.size && memcmp(name.at, module.at, module.size) == 0 &&
		      name.at[module.size] == '.');
	if (whole) {
		tc_json_text(&r->json, key, name);
		return;
	}
	r->scratch.used = 0;
	tc_out_raw(&r->scratch, (const char *)module.at, module.size);
	tc_out_raw(&r->scratch, ".", 1);
	tc_out_raw(&r->scratch, (const char *)name.at, name.size);
	tc_json_text(&r->json, key,
		     (struct tc_text){ (const uint8_t *)r->scratch.buffer, r->scratch.used });
}

bool tc_json_ref(struct tc_json_report *r, const char *key, uint64_t addr)
{
	const struct tc_task *task = addr ? tc_model_task_at(r->report->model, addr) : NULL;
	const struct tc_object *object =
		addr && !task ? tc_model_object_at(r->report->model, addr) : NULL;

	if (task)
		tc_json_id(&r->json, key, 'T', tc_report_task_number(r->report, task));
	else if (object)
		tc_json_id(&r->json, key, 'O', tc_report_object_number(r->report, object));
	return task || object;
}

/* The links of chains are few, and written for each task: their texts are kept, unless a forged
 * file makes them large. */
#define FRAMES_MAX (16u << 20)

static void put_frame(struct tc_json_report *r, uint32_t chain)
{
	struct tc_place place;
	struct tc_json *json = &r->json;

	tc_place_init(&place, r->report->model, chain);
	tc_json_object(json, NULL);
	if (place.link->kind == TC_FRAME_AWAITABLE)
		tc_json_type(r, "function", place.link->ref);
	else
		tc_json_text(json, "function", place.function);
	if (place.file.size)
		tc_json_text(json, "file", place.file);
	if (place.line)
		tc_json_u(json, "line", place.line);
	if (place.column)
		tc_json_u(json, "column", place.column); /* from 1, as editors count */
	tc_json_str(json, "kind", tc_place_kind(place.link->kind));
}

void tc_json_frame_begin(struct tc_json_report *r, uint32_t chain)
{
	if (r->frame_of[chain].size == 0) {
		if (r->frames.used > FRAMES_MAX) {
			put_frame(r, chain);
			return;
		}
		const struct tc_json json = r->json;
		r->json = (struct tc_json){ .out = &r->frames };
		r->frame_of[chain].at = (uint32_t)r->frames.used;
		put_frame(r, chain);
		r->frame_of[chain].size = (uint32_t)r->frames.used - r->frame_of[chain].at;
		r->json = json;
	}
	tc_json_begun(&r->json, r->frames.buffer + r->frame_of[chain].at, r->frame_of[chain].size);
}

void tc_json_report_init(struct tc_json_report *r, const struct tc_report *report,
			 struct tc_out *out)
{
	*r = (struct tc_json_report){ .report = report, .json = { .out = out } };
	tc_out_init_memory(&r->scratch);
	tc_out_init_memory(&r->frames);
	r->frame_of = tc_array_new(report->model->n_chains, sizeof(*r->frame_of));
}

void tc_json_report_deinit(struct tc_json_report *r)
{
	free(r->frame_of);
	tc_out_deinit(&r->frames);
	tc_out_deinit(&r->scratch);
}
