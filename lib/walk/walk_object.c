/* SPDX-License-Identifier: Apache-2.0
 * Object records: the objects that chains end in, and what these refer to. The walker knows shapes
 * (instance, container, function), not libraries: the analyzer knows what an attribute means. */
#include "lib/walk/walk_object.h"

#include "lib/walk/walk_string.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walk_value.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

enum {
	FUT_CALLBACK0 = 24,
	FUT_CALLBACKS = 40,
	FUT_EXCEPTION = 48,
	WAKEUP_TASK = 16,
	PARTIAL_FUNC = 16,
	PARTIAL_ARGS = 24
};
#define DEFAULT_MAX_OBJECTS 2000000ul
/* items that are read of a container, unless they are futures or callbacks */
#define SAMPLE_ITEMS 1000u

/* An object while its record is being put together. */
struct object {
	tc_addr addr;
	const struct tc_walk_type *type;
	unsigned depth;
	uint32_t flags;
	uint32_t n_attrs, n_items;
	uint64_t total_items;
	uint32_t attr_names[TC_ATTRS_MAX];
};

void tc_walker_object_names(struct tc_walker *w)
{
	struct tc_walk_objects *objects = &w->objects;

	objects->state_name = tc_walker_text(w, "_state", 6, TC_STR_CODE);
	objects->states[TC_STATE_PENDING] = tc_walker_text(w, "PENDING", 7, TC_STR_CODE);
	objects->states[TC_STATE_CANCELLED] = tc_walker_text(w, "CANCELLED", 9, TC_STR_CODE);
	objects->states[TC_STATE_FINISHED] = tc_walker_text(w, "FINISHED", 8, TC_STR_CODE);
	objects->inner_name = tc_walker_text(w, "inner", 5, TC_STR_CODE);
	objects->source_name = tc_walker_text(w, "source", 6, TC_STR_CODE);
	objects->transport_name = tc_walker_text(w, "_transport", 10, TC_STR_CODE);
	objects->gen_name = tc_walker_text(w, "gen", 3, TC_STR_CODE);
	objects->callbacks_name = tc_walker_text(w, "_exit_callbacks", 15, TC_STR_CODE);
	objects->tls_name = tc_walker_text(w, "_ssl_protocol", 13, TC_STR_CODE);
}

void tc_walker_want(struct tc_walker *w, tc_addr addr, unsigned depth)
{
	const struct tc_walk_type *type = tc_walker_type_of(w, addr);

	if (!type)
		return;
	switch (type->kind) {
	case TC_KIND_OTHER:
		/* Of an instance without a dictionary only the type is known: no record, unless a
		 * chain ends in it. */
		if (depth < TC_LEAF_DEPTH && type->facts.dictoffset == 0 &&
		    !(type->facts.flags & TC_TPFLAG_MANAGED_DICT))
			return;
		break;
	case TC_KIND_LIST:
	case TC_KIND_TUPLE:
	case TC_KIND_SET:
	case TC_KIND_DEQUE:
	case TC_KIND_FUTURE:
	case TC_KIND_PY_FUTURE:
	case TC_KIND_FUNCTION:
	case TC_KIND_METHOD:
	case TC_KIND_PARTIAL:
		break;
	default:
		return; /* a value says all about it */
	}
	if (type->kind == TC_KIND_OTHER && tc_hash_find(&w->loops.ids, addr))
		return; /* loops have records of their own */
	uint64_t max = w->options->max_objects ? w->options->max_objects : DEFAULT_MAX_OBJECTS;
	if (w->objects.n == TC_TODO_MAX || w->counts->objects + w->objects.n >= max) {
		w->counts->objects_cut++;
		return;
	}
	if (tc_seen_mark(&w->objects.seen, addr) != 1)
		return;
	w->objects.todo[(w->objects.first + w->objects.n++) % TC_TODO_MAX] =
		(struct tc_object_todo){ .addr = addr, .depth = (uint8_t)depth };
}

static struct tc_walk_value *attr(struct tc_walker *w, struct object *object, uint32_t name)
{
	if (object->n_attrs == TC_ATTRS_MAX) {
		object->flags |= TC_OBJ_CUT;
		return NULL;
	}
	object->attr_names[object->n_attrs] = name;
	return &w->objects.attrs[object->n_attrs++];
}

static uint32_t name_of(struct tc_walker *w, const char *name)
{
	return tc_walker_text(w, name, strlen(name), TC_STR_CODE);
}

/* Is this an attribute on the way from a stream to its descriptor? That way is followed to its end:
 * reader, transport, and with TLS the protocol between two transports (Lib/asyncio/streams.py,
 * sslproto.py). */
static bool leads_to_descriptor(const struct tc_walker *w, uint32_t name)
{
	return name && (name == w->objects.transport_name || name == w->objects.tls_name);
}

/* Is this a variable of a callback by which one future completes another? Following it costs no
 * depth, because the task really waits for the other future: the one behind a shield, or the future
 * of concurrent.futures that was wrapped (Lib/asyncio/tasks.py, shield: inner; futures.py,
 * _chain_future: source). */
static bool leads_to_future(const struct tc_walker *w, const struct object *object, uint32_t name)
{
	return object->type->kind == TC_KIND_FUNCTION && name &&
	       (name == w->objects.inner_name || name == w->objects.source_name);
}

/* Add an attribute that holds an object; its name is text, or, when name is NULL, an identifier.
 * While depth is left, the object is noted for a record too, but instances of unknown classes only
 * from functions and methods: most objects refer to many of them. */
static void add_ref(struct tc_walker *w, struct object *object, const char *name, uint32_t name_id,
		    tc_addr value)
{
	struct tc_walk_value *to = attr(w, object, name ? name_of(w, name) : name_id);

	if (!to)
		return;
	tc_walker_value(w, value, to);
	if (leads_to_future(w, object, name_id)) {
		tc_walker_want(w, value, object->depth);
		return;
	}
	if (object->depth > 0 && (to->tag == TC_VAL_REF || to->tag == TC_VAL_SIZED) &&
	    (to->kind != TC_KIND_OTHER || object->type->kind == TC_KIND_FUNCTION ||
	     object->type->kind == TC_KIND_METHOD))
		tc_walker_want(w, value, object->depth - 1);
	else if (to->tag == TC_VAL_REF && leads_to_descriptor(w, name_id))
		tc_walker_want(w, value, 0);
}

static void add_text(struct tc_walker *w, struct object *object, uint32_t name, uint32_t text)
{
	struct tc_walk_value *to = text ? attr(w, object, name) : NULL;

	if (to)
		*to = (struct tc_walk_value){ .tag = TC_VAL_STRING, .type = text };
}

static void add_state(struct tc_walker *w, struct object *object, uint32_t text)
{
	add_text(w, object, w->objects.state_name, text);
}

/* The task that a wake-up callback wakes; of another callback itself. */
static tc_addr callback_target(struct tc_walker *w, tc_addr callback)
{
	const struct tc_walk_type *type = tc_walker_type_of(w, callback), *self_type;
	tc_addr self;

	if (type && (type->kind == TC_KIND_TASK_WAKEUP || type->kind == TC_KIND_BUILTIN) &&
	    tc_get(w->mem,
		   callback + (type->kind == TC_KIND_BUILTIN ? TC_BUILTIN_SELF : WAKEUP_TASK),
		   &self) == 0 &&
	    (self_type = tc_walker_type_of(w, self)))
		return self;
	/* The pure-Python task's wake-up is a bound method of it. */
	if (type && type->kind == TC_KIND_METHOD &&
	    tc_get(w->mem, callback + TC_METHOD_SELF, &self) == 0 &&
	    (self_type = tc_walker_type_of(w, self)) && tc_kind_is_task(self_type->kind))
		return self;
	return callback;
}

static void add_item(struct tc_walker *w, struct object *object, tc_addr item)
{
	if (object->n_items == TC_ITEMS_MAX) {
		object->flags |= TC_OBJ_CUT;
		return;
	}
	struct tc_walk_value *to = &w->objects.items[object->n_items++];
	tc_walker_value(w, item, to);
	if (object->depth > 0 && to->tag == TC_VAL_REF)
		tc_walker_want(w, item, object->depth - 1);
}

static void add_callback(struct tc_walker *w, struct object *object, tc_addr callback)
{
	object->total_items++;
	add_item(w, object, callback_target(w, callback));
}

/* callback0 first, then the list of (callback, context) tuples (Modules/_asynciomodule.c,
 * FutureObj). */
static void future_fields(struct tc_walker *w, struct object *object)
{
	tc_addr callback, list, exception, item, type;
	struct tc_seq seq;
	uint32_t state;

	if (tc_get(w->mem, object->addr + w->py.at.fut_state, &state) == 0 && state < 3)
		add_state(w, object, w->objects.states[state]);
	if (tc_get(w->mem, object->addr + FUT_CALLBACK0, &callback) == 0 && callback)
		add_callback(w, object, callback);
	if (tc_get(w->mem, object->addr + FUT_EXCEPTION, &exception) == 0 && exception)
		add_ref(w, object, "_exception", 0, exception);
	if (tc_get(w->mem, object->addr + FUT_CALLBACKS, &list) < 0 || !list ||
	    tc_get(w->mem, list + TC_OB_TYPE, &type) < 0 ||
	    tc_seq_open(&w->py, list, TC_SEQ_LIST, &seq) < 0)
		return;
	const struct tc_walk_type *list_type = tc_walker_type(w, type);
	if (!list_type || list_type->kind != TC_KIND_LIST)
		return;
	while (tc_seq_next(&seq, &item) > 0)
		if (tc_get(w->mem, item + w->py.at.tuple_item, &callback) == 0)
			add_callback(w, object, callback);
}

/* Add each variable of the closure under its name: the last names of the code are those of its free
 * variables. */
static void function_fields(struct tc_walker *w, struct object *object)
{
	tc_addr qualname, closure, code, names, name, cell, content;
	struct tc_seq cells;
	uint64_t n_names;

	if (tc_get(w->mem, object->addr + w->py.at.func_qualname, &qualname) == 0)
		add_text(w, object, name_of(w, "__qualname__"),
			 tc_walker_str(w, qualname, TC_STR_CODE));
	uint16_t free_names =
		w->py.at.co_freevars != TC_NONE ? w->py.at.co_freevars : w->py.at.co_varnames;
	if (tc_get(w->mem, object->addr + w->py.at.func_closure, &closure) < 0 || !closure ||
	    tc_get(w->mem, object->addr + w->py.at.func_code, &code) < 0 ||
	    tc_get(w->mem, code + free_names, &names) < 0 ||
	    tc_get(w->mem, names + TC_OB_SIZE, &n_names) < 0 ||
	    tc_seq_open(&w->py, closure, TC_SEQ_TUPLE, &cells) < 0 || cells.total > n_names)
		return;
	for (uint64_t i = n_names - cells.total; tc_seq_next(&cells, &cell) > 0; i++)
		if (tc_get(w->mem, names + w->py.at.tuple_item + 8 * i, &name) == 0 &&
		    tc_get(w->mem, cell + TC_CELL_REF, &content) == 0 && content)
			add_ref(w, object, NULL, tc_walker_str(w, name, TC_STR_CODE), content);
}

static void method_fields(struct tc_walker *w, struct object *object)
{
	tc_addr self, func;

	if (tc_get(w->mem, object->addr + TC_METHOD_SELF, &self) == 0)
		add_ref(w, object, "__self__", 0, self);
	if (tc_get(w->mem, object->addr + TC_METHOD_FUNC, &func) == 0)
		add_ref(w, object, "__func__", 0, func);
}

static void items(struct tc_walker *w, struct object *object, tc_addr addr, enum tc_seq_kind kind)
{
	struct tc_seq seq;
	tc_addr item;

	if (tc_seq_open(&w->py, addr, kind, &seq) < 0)
		return;
	object->total_items = seq.total;
	while (tc_seq_next(&seq, &item) > 0) {
		if (object->n_items == SAMPLE_ITEMS) {
			const struct tc_walk_type *type = tc_walker_type_of(w, item);
			/* Of futures and tasks all are needed, because they show who waits for
			 * whom. Of other items a sample is enough. */
			if (!type || !tc_kind_is_future(type->kind)) {
				object->flags |= TC_OBJ_CUT;
				break;
			}
		}
		add_item(w, object, item);
	}
}

static void partial_fields(struct tc_walker *w, struct object *object)
{
	tc_addr func, args;

	if (tc_get(w->mem, object->addr + PARTIAL_FUNC, &func) == 0)
		add_ref(w, object, "func", 0, func);
	if (tc_get(w->mem, object->addr + PARTIAL_ARGS, &args) == 0)
		items(w, object, args, TC_SEQ_TUPLE);
}

static void instance_fields(struct tc_walker *w, struct object *object)
{
	struct tc_dict dict;
	tc_addr key, value;

	if (tc_attrs_open(&w->py, object->addr, &object->type->facts, &dict) < 0)
		return;
	while (tc_dict_next(&dict, &key, &value) > 0) {
		if (object->n_attrs == TC_ATTRS_MAX) {
			object->flags |= TC_OBJ_CUT;
			break;
		}
		uint32_t name = tc_walker_name(w, key);
		/* The state of a future, of concurrent.futures too, is a constant word and no data
		 * of the program: its text is recorded even if texts are not. */
		if (name && name == w->objects.state_name)
			add_state(w, object, tc_walker_str(w, value, TC_STR_CODE));
		else if (name)
			add_ref(w, object, NULL, name, value);
	}
}

static void fields(struct tc_walker *w, struct object *object)
{
	switch (object->type->kind) {
	case TC_KIND_FUTURE:
		future_fields(w, object);
		instance_fields(w, object);
		break;
	case TC_KIND_FUNCTION:
		function_fields(w, object);
		break;
	case TC_KIND_METHOD:
		method_fields(w, object);
		break;
	case TC_KIND_PARTIAL:
		partial_fields(w, object);
		break;
	case TC_KIND_LIST:
		items(w, object, object->addr, TC_SEQ_LIST);
		break;
	case TC_KIND_TUPLE:
		items(w, object, object->addr, TC_SEQ_TUPLE);
		break;
	case TC_KIND_SET:
		items(w, object, object->addr, TC_SEQ_SET);
		break;
	case TC_KIND_DEQUE:
		items(w, object, object->addr, TC_SEQ_DEQUE);
		break;
	default:
		instance_fields(w, object);
		break;
	}
}

static void put_object(struct tc_walker *w, const struct object *object)
{
	tc_record_begin(w->out, TC_REC_OBJECT);
	tc_put_d(w->out, TC_STREAM_OBJECT, object->addr);
	tc_record_near(w->out, TC_STREAM_REF, object->addr);
	tc_put_u(w->out, object->type->id);
	tc_put_u(w->out, object->flags);
	tc_put_u(w->out, object->n_attrs);
	for (uint32_t i = 0; i < object->n_attrs; i++) {
		tc_put_u(w->out, object->attr_names[i]);
		tc_walker_put_value(w, &w->objects.attrs[i]);
	}
	tc_put_u(w->out, object->total_items);
	tc_put_u(w->out, object->n_items);
	for (uint32_t i = 0; i < object->n_items; i++)
		tc_walker_put_value(w, &w->objects.items[i]);
	if (tc_record_end(w->out) == 0)
		w->counts->objects++;
	else
		w->counts->objects_cut++;
}

void tc_walker_objects(struct tc_walker *w)
{
	while (w->objects.n > 0) {
		struct tc_object_todo todo = w->objects.todo[w->objects.first];
		w->objects.first = (w->objects.first + 1) % TC_TODO_MAX;
		w->objects.n--;
		struct object object = { .addr = todo.addr, .depth = todo.depth };
		object.type = tc_walker_type_of(w, todo.addr);
		if (!object.type)
			continue;
		fields(w, &object);
		put_object(w, &object);
	}
}
