/* SPDX-License-Identifier: Apache-2.0
 * Finds the functions whose closures tell what a wait is for. They are looked for once: a function
 * leads to the object of the wait, but nothing leads from the object to the function. */
#include "analyzer/graph/closures.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/base/array.h"
#include "analyzer/dump/values.h"

/* The function of this row: its variables are those of the row. */
static void add(struct tc_closures *closures, const struct tc_model *model,
		const struct tc_object *function, const struct tc_known *known)
{
	struct tc_value object;
	const struct tc_object *members = tc_object_member(model, function, known->members);

	if (members && tc_object_attr(model, function, known->object, &object) &&
	    tc_value_is_ref(&object))
		*tc_push(closures->all, closures->n, closures->room) =
			(struct tc_closure){ object.word, known, members };
}

static void look_at(struct tc_closures *closures, const struct tc_model *model,
		    const struct tc_knowledge *knowledge, const struct tc_object *function)
{
	struct tc_value name;

	if (!tc_object_attr(model, function, "__qualname__", &name) || name.tag != TC_VAL_STRING ||
	    name.word > UINT32_MAX)
		return;
	struct tc_text text = tc_model_string(model, (uint32_t)name.word);
	for (size_t i = 0; i < knowledge->n_rows; i++)
		if (knowledge->rows[i].callback && tc_text_is(text, knowledge->rows[i].callback))
			add(closures, model, function, &knowledge->rows[i]);
}

static int by_object(const void *left, const void *right)
{
	const struct tc_closure *a = left, *b = right;

	return (a->object > b->object) - (a->object < b->object);
}

static bool is_function(const struct tc_model *model, uint32_t type)
{
	return tc_text_is(tc_model_string(model, tc_model_type(model, type)->name), "function");
}

void tc_closures_init(struct tc_closures *closures, const struct tc_model *model,
		      const struct tc_knowledge *knowledge)
{
	*closures = (struct tc_closures){ 0 };
	for (size_t i = 0; i < model->n_objects; i++)
		if (is_function(model, model->objects[i].type))
			look_at(closures, model, knowledge, &model->objects[i]);
	if (closures->n)
		qsort(closures->all, closures->n, sizeof(*closures->all), by_object);
}

void tc_closures_deinit(struct tc_closures *closures)
{
	free(closures->all);
}

const struct tc_object *tc_closures_members(const struct tc_closures *closures,
					    const struct tc_known *known, uint64_t addr)
{
	const struct tc_closure key = { .object = addr };
	const struct tc_closure *found =
		closures->n ? bsearch(&key, closures->all, closures->n, sizeof(key), by_object) :
			      NULL;

	return found && found->known == known ? found->members : NULL;
}
