/* SPDX-License-Identifier: Apache-2.0
 * Locals, attributes, items and context variables: decoded from the file each time they are asked
 * for. */
#ifndef TC_VALUES_H
#define TC_VALUES_H

#include "analyzer/dump/model.h"

/* The locals of a task, frame by frame, outermost first. */
struct tc_locals {
	struct tc_cursor cur, names;
	uint64_t previous, n_frames, n_slots;
	struct tc_value values[TC_SAME_MAX]; /* the first of the record, n_values of them */
	unsigned n_values;
};

void tc_locals_begin(struct tc_locals *locals, const struct tc_task *task);
/* The locals of a thread's frames, as if they were a task's. */
struct tc_task tc_thread_locals(const struct tc_pythread *thread);
/* Go to the next frame, whose code is given for the names. False: there is none. */
bool tc_locals_frame(struct tc_locals *locals, const struct tc_pycode *code);
/* The next slot of this frame. False: there is none. */
bool tc_locals_slot(struct tc_locals *locals, uint32_t *ret_name, struct tc_value *ret);

/* Named values, then items: of an object or of a context. */
struct tc_attrs {
	struct tc_cursor cur;
	uint64_t previous, left;
	uint64_t n_items; /* in the target, set by tc_items_begin; the recorded ones may be fewer */
};

void tc_attrs_begin(struct tc_attrs *attrs, const struct tc_object *object);
void tc_attrs_begin_context(struct tc_attrs *attrs, const struct tc_context *context);
bool tc_attrs_next(struct tc_attrs *attrs, uint32_t *ret_name, struct tc_value *ret);
/* Skip to the items; then tc_items_next gives them. */
void tc_items_begin(struct tc_attrs *attrs);
bool tc_items_next(struct tc_attrs *attrs, struct tc_value *ret);

/* The attribute of this name. False: there is none; object may be NULL. */
bool tc_object_attr(const struct tc_model *model, const struct tc_object *object, const char *name,
		    struct tc_value *ret);
/* The same for a reference: the record of what it refers to, NULL when there is none. */
const struct tc_object *tc_object_member(const struct tc_model *model,
					 const struct tc_object *object, const char *name);
/* The local of this name in the Python frame of this number (0: outermost) of the task, whose code
 * is given. */
bool tc_local_find(const struct tc_model *model, const struct tc_task *task, unsigned frame,
		   const struct tc_pycode *code, const char *name, struct tc_value *ret);

static inline bool tc_value_is_ref(const struct tc_value *value)
{
	return value->tag == TC_VAL_REF || value->tag == TC_VAL_SIZED;
}

#endif
