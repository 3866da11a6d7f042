/* SPDX-License-Identifier: Apache-2.0
 * Decoding locals and attributes on demand. */
#include "analyzer/dump/values.h"

void tc_locals_begin(struct tc_locals *locals, const struct tc_task *task)
{
	locals->cur = locals->names = (struct tc_cursor){ 0 };
	locals->previous = task->leaf ? task->leaf : task->addr;
	locals->n_frames = locals->n_slots = locals->n_values = 0;
	if (!task->locals)
		return;
	locals->cur.at = task->locals;
	locals->cur.end = task->locals + task->locals_size;
	locals->n_frames = tc_cur_u(&locals->cur);
}

struct tc_task tc_thread_locals(const struct tc_pythread *thread)
{
	return (struct tc_task){ .addr = thread->addr,
				 .locals = thread->locals,
				 .locals_size = thread->locals_size };
}

bool tc_locals_frame(struct tc_locals *locals, const struct tc_pycode *code)
{
	struct tc_value value;
	uint32_t name;

	while (tc_locals_slot(locals, &name, &value))
		;
	if (locals->n_frames == 0 || !tc_cur_more(&locals->cur))
		return false;
	locals->n_frames--;
	locals->n_slots = tc_cur_u(&locals->cur);
	locals->names = (struct tc_cursor){ .at = code->names };
	if (code->names)
		locals->names.end = code->names + code->names_size;
	return true;
}

/* One value, which may stand for an earlier one. */
static bool next_value(struct tc_locals *locals, struct tc_value *ret)
{
	unsigned earlier = *locals->cur.at - (unsigned)TC_VAL_SAME;

	if (earlier >= TC_SAME_MAX) {
		if (!tc_cur_value(&locals->cur, &locals->previous, ret))
			return false;
	} else if (earlier < locals->n_values) {
		locals->cur.at++;
		*ret = locals->values[earlier];
	} else {
		*ret = (struct tc_value){ .tag = TC_VAL_UNBOUND };
		return false;
	}
	if (locals->n_values < TC_SAME_MAX)
		locals->values[locals->n_values++] = *ret;
	return true;
}

bool tc_locals_slot(struct tc_locals *locals, uint32_t *ret_name, struct tc_value *ret)
{
	if (locals->n_slots == 0 || !tc_cur_more(&locals->cur))
		return false;
	locals->n_slots--;
	*ret_name = tc_cur_u32(&locals->names);
	if (next_value(locals, ret))
		return true;
	locals->cur.at = locals->cur.end;
	return false;
}

void tc_attrs_begin(struct tc_attrs *attrs, const struct tc_object *object)
{
	*attrs = (struct tc_attrs){ .previous = object ? object->addr : 0 };
	if (object && object->at) {
		attrs->cur =
			(struct tc_cursor){ .at = object->at, .end = object->at + object->size };
		attrs->left = tc_cur_u(&attrs->cur);
	}
}

void tc_attrs_begin_context(struct tc_attrs *attrs, const struct tc_context *context)
{
	*attrs = (struct tc_attrs){ 0 };
	if (context->vars) {
		attrs->cur = (struct tc_cursor){ .at = context->vars,
						 .end = context->vars + context->size };
		attrs->left = tc_cur_u(&attrs->cur);
	}
}

bool tc_attrs_next(struct tc_attrs *attrs, uint32_t *ret_name, struct tc_value *ret)
{
	if (attrs->left == 0 || !tc_cur_more(&attrs->cur))
		return false;
	attrs->left--;
	*ret_name = tc_cur_u32(&attrs->cur);
	if (tc_cur_value(&attrs->cur, &attrs->previous, ret))
		return true;
	attrs->cur.at = attrs->cur.end;
	return false;
}

void tc_items_begin(struct tc_attrs *attrs)
{
	struct tc_value value;
	uint32_t name;

	while (tc_attrs_next(attrs, &name, &value))
		;
	attrs->n_items = tc_cur_u(&attrs->cur);
	attrs->left = tc_cur_u(&attrs->cur);
}

bool tc_items_next(struct tc_attrs *attrs, struct tc_value *ret)
{
	if (attrs->left == 0 || !tc_cur_more(&attrs->cur))
		return false;
	attrs->left--;
	return tc_cur_value(&attrs->cur, &attrs->previous, ret);
}

bool tc_object_attr(const struct tc_model *model, const struct tc_object *object, const char *name,
		    struct tc_value *ret)
{
	const struct tc_text want = { (const uint8_t *)name, strlen(name) };
	struct tc_attrs attrs;
	uint32_t id;

	tc_attrs_begin(&attrs, object);
	while (tc_attrs_next(&attrs, &id, ret))
		if (tc_text_same(tc_model_string(model, id), want))
			return true;
	return false;
}

const struct tc_object *tc_object_member(const struct tc_model *model,
					 const struct tc_object *object, const char *name)
{
	struct tc_value value;

	if (!tc_object_attr(model, object, name, &value) || !tc_value_is_ref(&value))
		return NULL;
	return tc_model_object_at(model, value.word);
}

bool tc_local_find(const struct tc_model *model, const struct tc_task *task, unsigned frame,
		   const struct tc_pycode *code, const char *name, struct tc_value *ret)
{
	static const struct tc_pycode no_names;
	struct tc_locals locals;
	uint32_t id;

	tc_locals_begin(&locals, task);
	for (unsigned i = 0; i < frame; i++)
		if (!tc_locals_frame(&locals, &no_names))
			return false;
	if (!tc_locals_frame(&locals, code))
		return false;
	while (tc_locals_slot(&locals, &id, ret))
		if (tc_text_is(tc_model_string(model, id), name) && ret->tag != TC_VAL_UNBOUND)
			return true;
	return false;
}
