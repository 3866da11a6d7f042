/* SPDX-License-Identifier: Apache-2.0
 * Records of objects: what chains end in, what leads on from there, values and contexts. */
#include <check.h>
#include <stdio.h>

#include "tests/unit/run_suite.h"
#include "tests/unit/walked.h"

/* A task that waits for leaf. */
static tc_addr wait_for(struct fake *f, tc_addr leaf)
{
	tc_addr code = fake_code(f, (struct fake_code){ .awaits = true });
	tc_addr task = fake_task(
		f, (struct fake_task){ .coro = fake_coros(f, code, 1, leaf), .waiter = leaf });

	fake_register(f, task);
	return task;
}

/* The record's items, as "<a>, <b>". */
static const char *items_of(const struct walked *w, tc_addr addr)
{
	static char text[1024];
	const struct tc_object *object = tc_model_object_at(&w->model, addr);
	struct tc_attrs items;
	struct tc_value value;

	text[0] = 0;
	if (!object)
		return "-";
	tc_attrs_begin(&items, object);
	tc_items_begin(&items);
	while (tc_items_next(&items, &value) && strlen(text) < 900)
		sprintf(text + strlen(text), "%s%s", *text ? ", " : "", walked_value(w, &value));
	return text;
}

START_TEST(test_future_leads_to_its_callbacks_and_tasks)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr future = fake_future(f, (struct fake_future){ 0 }), task = wait_for(f, future);
	tc_addr code = fake_code(f, (struct fake_code){ .name = "done" });
	tc_addr function = fake_function(f, code, "Pool.done", FAKE_EMPTY);
	tc_addr callbacks[] = { fake_tuple(f, FAKE_ITEMS(fake_builtin(f, task), f->none)),
				fake_tuple(f, FAKE_ITEMS(function, f->none)),
				fake_tuple(f,
					   FAKE_ITEMS(fake_method(f, function, task), f->none)) };

	fake_put(f, future + 24, fake_wrapper(f, FAKE_WAKEUP, task));
	fake_put(f, future + 40, fake_list(f, 3, callbacks));
	fake_put(f, future + 48, fake_exception(f, 0));
	struct walked *w = fake_walk(f);
	ck_assert_str_eq(walked_attr(w, future, "_state"), "'PENDING'");
	ck_assert_str_eq(walked_attr(w, future, "_exception"), "<ValueError>");
	ck_assert_str_eq(items_of(w, future), "<Task>, <Task>, <function>, <Task>");
	ck_assert_str_eq(walked_attr(w, function, "__qualname__"), "'Pool.done'");
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_python_future_has_its_attributes)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr callbacks = fake_list(f, FAKE_ITEMS(fake_tuple(f, FAKE_ITEMS(f->yes, f->none))));
	tc_addr future =
		fake_instance(f, f->py_future,
			      FAKE_PAIRS({ "_state", fake_str(f, "PENDING") },
					 { "_callbacks", callbacks }, { "_result", f->none }));

	wait_for(f, future);
	struct walked *w = fake_walk(f);
	ck_assert_str_eq(walked_attr(w, future, "_state"), "'PENDING'");
	ck_assert_str_eq(walked_attr(w, future, "_callbacks"), "<list 1>");
	ck_assert_str_eq(walked_attr(w, future, "_result"), "None");
	ck_assert_str_eq(items_of(w, callbacks), "<tuple 2>");
	walked_free(w);
	fake_free(f);
}
END_TEST

/* An iterator of somebody's class, at which the chain ends, holds one thing of each kind. */
START_TEST(test_instance_leads_to_what_it_holds)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr code = fake_code(
		f, (struct fake_code){ .name = "cb", .names = "x", .frees = "inner count" });
	tc_addr inner = fake_future(f, (struct fake_future){ .state = TC_STATE_FINISHED });
	tc_addr function = fake_function(f, code, "outer.cb", FAKE_ITEMS(inner, fake_int(f, 3)));
	tc_addr partial = fake_partial(f, function, FAKE_ITEMS(fake_int(f, 9), fake_str(f, "arg")));
	tc_addr deque = fake_deque(f, FAKE_ITEMS(f->none, f->yes, fake_float(f, 0.5)));
	tc_addr class = fake_class(f, (struct fake_class){ .name = "Waiter" });
	tc_addr mapping = fake_dict(f, FAKE_PAIRS({ "k", f->none })),
		data = fake_bytes(f, "abc", 3);
	tc_addr set = fake_set(f, FAKE_ITEMS(f->none)), method = fake_method(f, function, inner);

	fake_put(f, class + 224, 1); /* tp_iternext */
	tc_addr waiter =
		fake_instance(f, class,
			      FAKE_PAIRS({ "fn", function }, { "part", partial },
					 { "queue", deque }, { "map", mapping }, { "data", data },
					 { "seen", set }, { "bound", method },
					 { "big", fake_int(f, INT64_MAX) }, { "nothing", 0x18 }));
	tc_addr task = wait_for(f, waiter);
	fake_put(f, task + f->py.at.task_waiter, 0);
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.read, 1);
	ck_assert_str_eq(walked_attr(w, waiter, "fn"), "<function>");
	ck_assert_str_eq(walked_attr(w, waiter, "queue"), "<deque 3>");
	ck_assert_str_eq(walked_attr(w, waiter, "map"), "<dict 1>");
	ck_assert_str_eq(walked_attr(w, waiter, "data"), "<bytes 3>");
	ck_assert_str_eq(walked_attr(w, waiter, "seen"), "<set 1>");
	ck_assert_str_eq(walked_attr(w, waiter, "big"), "<int 3>");
	ck_assert_str_eq(walked_attr(w, waiter, "nothing"), "unbound");
	ck_assert_str_eq(walked_attr(w, function, "count"), "3");
	ck_assert_str_eq(walked_attr(w, function, "inner"), "<Future>");
	ck_assert_str_eq(walked_attr(w, inner, "_state"), "'FINISHED'");
	ck_assert_str_eq(walked_attr(w, partial, "func"), "<function>");
	ck_assert_str_eq(items_of(w, partial), "9, 'arg'");
	ck_assert_str_eq(items_of(w, deque), "None, True, 0.5");
	ck_assert_str_eq(items_of(w, set), "None");
	ck_assert_str_eq(walked_attr(w, method, "__self__"), "<Future>");
	ck_assert_str_eq(walked_attr(w, method, "__func__"), "<function>");
	walked_free(w);
	fake_free(f);
}
END_TEST

/* Locals of asyncio's own frames say who waits for what: their objects get records. */
START_TEST(test_locals_of_asyncio_frames_get_records)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr future = fake_future(f, (struct fake_future){ 0 }),
		class = fake_class(f, (struct fake_class){ .name = "Queue" });
	tc_addr queue = fake_instance(f, class, FAKE_PAIRS({ "_maxsize", fake_int(f, 5) }));
	tc_addr code =
		fake_code(f, (struct fake_code){ .file = "/usr/lib/python3.12/asyncio/queues.py",
						 .names = "self",
						 .awaits = true });
	tc_addr mine = fake_code(f, (struct fake_code){ .names = "self", .awaits = true });
	tc_addr own = fake_instance(f, class, FAKE_PAIRS({ "_maxsize", fake_int(f, 6) }));
	tc_addr get = fake_coro(
		f, (struct fake_coro){
			   .code = code, .awaits = future, .n_locals = 1, .locals = &queue });
	tc_addr coro = fake_coro(
		f,
		(struct fake_coro){ .code = mine, .awaits = get, .n_locals = 1, .locals = &own });

	fake_register(f, fake_task(f, (struct fake_task){ .coro = coro, .waiter = future }));
	struct walked *w = fake_walk(f);
	ck_assert_str_eq(walked_attr(w, queue, "_maxsize"), "5");
	ck_assert_str_eq(walked_attr(w, own, "_maxsize"), "-");
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_object_of_more_attributes_and_items_than_the_bounds_is_cut)
{
	struct fake *f = fake_new(minors[_i]);
	static char names[80][16];
	struct fake_pair pairs[80];
	tc_addr future, items[1200], task;

	for (int i = 0; i < 80; i++) {
		snprintf(names[i], sizeof(names[i]), "a%d", i);
		pairs[i] = (struct fake_pair){ names[i], f->none };
	}
	for (int i = 0; i < 1200; i++)
		items[i] = f->none;
	pairs[0].value = fake_list(f, 1200, items);
	future = fake_instance(f, f->py_future, 80, pairs);
	task = wait_for(f, future);
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(tc_model_object_at(&w->model, future)->flags, TC_OBJ_CUT);
	ck_assert_str_eq(walked_attr(w, future, "a63"), "None");
	ck_assert_str_eq(walked_attr(w, future, "a64"), "-");
	ck_assert_uint_eq(tc_model_object_at(&w->model, pairs[0].value)->flags, TC_OBJ_CUT);
	ck_assert_uint_ne(task, 0);
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_more_objects_than_wanted_are_counted)
{
	struct fake *f = fake_new(minors[_i]);

	for (int i = 0; i < 20; i++)
		wait_for(f, fake_future(f, (struct fake_future){ 0 }));
	struct walked *w =
		fake_walk_with(f, &(struct tc_walk_options){ .max_objects = 5 }, 32u << 20);
	ck_assert_uint_eq(w->walk.counts.objects, 5);
	ck_assert_uint_eq(w->walk.counts.objects_cut, 15);
	ck_assert_uint_eq(w->walk.counts.read, 20);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* Objects that lie: a word of the future that is waited for. */
static const struct {
	unsigned offset;
	uint64_t word;
} bad_futures[] = {
	{ 24, 0x10 }, { 40, 0x10 }, { 40, FAKE_BASE }, { 48, 0x10 }, { 24, UINT64_MAX }
};

START_TEST(test_future_that_lies_has_a_record_all_the_same)
{
	for (int m = 0; m < ROWS(minors); m++) {
		struct fake *f = fake_new(minors[m]);
		tc_addr future = fake_future(f, (struct fake_future){ 0 });
		wait_for(f, future);
		fake_put(f, future + bad_futures[_i].offset, bad_futures[_i].word);
		struct walked *w = fake_walk(f);
		ck_assert_str_eq(walked_attr(w, future, "_state"), "'PENDING'");
		ck_assert_uint_eq(w->walk.counts.read, 1);
		walked_free(w);
		fake_free(f);
	}
}
END_TEST

/* The closure says that it has more cells than the code has names. */
START_TEST(test_function_that_lies_has_its_name_only)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr code = fake_code(f, (struct fake_code){ .frees = "a" }),
		future = fake_future(f, (struct fake_future){ 0 });
	tc_addr function = fake_function(f, code, "cb", FAKE_ITEMS(f->none, f->yes, f->no));

	fake_put(f, future + 24, function);
	wait_for(f, future);
	struct walked *w = fake_walk(f);
	ck_assert_str_eq(walked_attr(w, function, "__qualname__"), "'cb'");
	ck_assert_str_eq(walked_attr(w, function, "a"), "-");
	walked_free(w);
	fake_free(f);
}
END_TEST

/* Types */

static const struct {
	const char *name, *module;
	uint64_t flags; /* 0: a static type */
	const char *want_name, *want_module;
} type_names[] = {
	{ "Waiter", "app.jobs", TC_TPFLAG_HEAPTYPE, "Waiter", "app.jobs" },
	{ "pkg.sub.Waiter", NULL, 0, "Waiter", "pkg.sub" },
	{ "Waiter", NULL, 0, "Waiter", "builtins" },
	{ "coroutine", "app", TC_TPFLAG_HEAPTYPE, "coroutine",
	  "app" }, /* a class may have any name */
};

START_TEST(test_type_has_its_name_and_module)
{
	struct fake *f = fake_new(minors[0]);
	tc_addr type =
		type_names[_i].flags ?
			fake_class(f, (struct fake_class){ .name = type_names[_i].name,
							   .module = type_names[_i].module }) :
			fake_static_type(f, type_names[_i].name, 0, 16);

	fake_put(f, type + 224, 1);
	wait_for(f, fake_object(f, type, 64));
	struct walked *w = fake_walk(f);
	const struct tc_type *read = NULL;
	for (size_t i = 1; i < w->model.n_types; i++)
		if (w->model.types[i].addr == type)
			read = &w->model.types[i];
	ck_assert_ptr_nonnull(read);
	ck_assert_str_eq(walked_string(w, read->name), type_names[_i].want_name);
	ck_assert_str_eq(walked_string(w, read->module), type_names[_i].want_module);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* A class is what it is derived from, mixins too. */
START_TEST(test_class_derived_from_a_known_one_is_of_its_kind)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr mixin = fake_class(f, (struct fake_class){ .name = "Mixin" });
	tc_addr task_class =
		fake_class(f, (struct fake_class){ .name = "MyTask",
						   .bases = { mixin, f->py_task, f->py_future } });
	tc_addr deque_class = fake_class(
		f, (struct fake_class){ .name = "MyDeque", .bases = { f->types[FAKE_DEQUE] } });
	tc_addr deque = fake_deque(f, FAKE_ITEMS(f->none)),
		future = fake_instance(f, f->py_future, FAKE_PAIRS({ "_q", deque }));
	tc_addr code = fake_code(f, (struct fake_code){ .awaits = true });
	tc_addr task = fake_instance(
		f, task_class,
		FAKE_PAIRS({ "_coro", fake_coros(f, code, 1, future) }, { "_fut_waiter", future }));

	fake_put(f, deque + TC_OB_TYPE, deque_class);
	fake_register(f, task);
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->model.n_tasks, 1);
	ck_assert_uint_eq(w->model.tasks[0].flags & (TC_TASK_THIRD_PARTY | TC_TASK_PYTHON),
			  TC_TASK_PYTHON);
	ck_assert_str_eq(walked_attr(w, future, "_q"), "<MyDeque 1>");
	walked_free(w);
	fake_free(f);
}
END_TEST

/* Contexts */

/* Variables of a context: each kind of node, as "name=value". */
static tc_addr flat(struct fake *f)
{
	return fake_hamt_node(f, FAKE_HAMT_BITMAP,
			      FAKE_ITEMS(fake_contextvar(f, "a"), fake_int(f, 1),
					 fake_contextvar(f, "b"), f->none));
}

static tc_addr nested(struct fake *f)
{
	return fake_hamt_node(f, FAKE_HAMT_BITMAP,
			      FAKE_ITEMS(0, flat(f), fake_contextvar(f, "c"), fake_str(f, "x")));
}

static tc_addr colliding(struct fake *f)
{
	tc_addr node = fake_hamt_node(f, FAKE_HAMT_COLLISION,
				      FAKE_ITEMS(fake_contextvar(f, "a"), fake_int(f, 1)));

	return fake_hamt_array(f, 3, (tc_addr[]){ 0, node, flat(f) });
}

static tc_addr in_a_ring(struct fake *f)
{
	tc_addr node =
		fake_hamt_node(f, FAKE_HAMT_BITMAP,
			       FAKE_ITEMS(0, f->none, fake_contextvar(f, "a"), fake_int(f, 1)));

	fake_put(f, node + 40, node); /* its own child: as deep as a tree can be */
	return node;
}

static tc_addr no_variables(struct fake *f)
{
	return fake_hamt_node(f, FAKE_HAMT_BITMAP, FAKE_ITEMS(f->none, f->none, 0, f->yes));
}

static tc_addr too_long(struct fake *f)
{
	tc_addr node = flat(f);

	fake_put(f, node + TC_OB_SIZE, 1ul << 40);
	return node;
}

static tc_addr too_many(struct fake *f)
{
	tc_addr pairs[128], nodes[2];

	for (int n = 0; n < 2; n++) {
		for (int i = 0; i < 128; i += 2) {
			pairs[i] = fake_contextvar(f, "v");
			pairs[i + 1] = f->none;
		}
		nodes[n] = fake_hamt_node(f, FAKE_HAMT_BITMAP, 128, pairs);
	}
	return fake_hamt_array(f, 2, nodes);
}

static const struct {
	tc_addr (*make)(struct fake *f);
	size_t n;
	const char *first; /* "name=value" */
} contexts[] = {
	{ flat, 2, "a=1" },	    { nested, 3, "a=1" },      { colliding, 3, "a=1" },
	{ in_a_ring, 10, "a=1" },   { no_variables, 0, NULL }, { too_long, 0, NULL },
	{ too_many, 64, "v=None" },
};

START_TEST(test_context_has_the_variables_of_its_tree)
{
	for (int m = 0; m < ROWS(minors); m++) {
		struct fake *f = fake_new(minors[m]);
		tc_addr context = fake_context(f, contexts[_i].make(f));
		struct tc_attrs vars;
		struct tc_value value;
		uint32_t name;
		size_t n = 0;
		char first[64] = "";
		fake_register(f, fake_task(f, (struct fake_task){ .context = context }));
		fake_register(f, fake_task(f, (struct fake_task){
						      .context = context })); /* the same again */
		struct walked *w = fake_walk(f);
		ck_assert_uint_eq(w->model.n_contexts, contexts[_i].n ? 2 : 1);
		ck_assert_uint_eq(w->model.tasks[0].context, w->model.tasks[1].context);
		tc_attrs_begin_context(&vars,
				       tc_model_context(&w->model, w->model.tasks[0].context));
		for (; tc_attrs_next(&vars, &name, &value); n++)
			if (n == 0)
				snprintf(first, sizeof(first), "%s=%s", walked_string(w, name),
					 walked_value(w, &value));
		ck_assert_uint_eq(n, contexts[_i].n);
		if (contexts[_i].first)
			ck_assert_str_eq(first, contexts[_i].first);
		ck_assert_int_eq(walked_says(w, "more than 64 context variables"),
				 contexts[_i].make == too_many);
		walked_free(w);
		fake_free(f);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("objects");
	TCase *c = tcase_create("objects");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, test_future_leads_to_its_callbacks_and_tasks, 0, ROWS(minors));
	tcase_add_loop_test(c, test_python_future_has_its_attributes, 0, ROWS(minors));
	tcase_add_loop_test(c, test_instance_leads_to_what_it_holds, 0, ROWS(minors));
	tcase_add_loop_test(c, test_locals_of_asyncio_frames_get_records, 0, ROWS(minors));
	tcase_add_loop_test(c, test_object_of_more_attributes_and_items_than_the_bounds_is_cut, 0,
			    ROWS(minors));
	tcase_add_loop_test(c, test_more_objects_than_wanted_are_counted, 0, ROWS(minors));
	tcase_add_loop_test(c, test_future_that_lies_has_a_record_all_the_same, 0,
			    ROWS(bad_futures));
	tcase_add_loop_test(c, test_function_that_lies_has_its_name_only, 0, ROWS(minors));
	tcase_add_loop_test(c, test_type_has_its_name_and_module, 0, ROWS(type_names));
	tcase_add_loop_test(c, test_class_derived_from_a_known_one_is_of_its_kind, 0, ROWS(minors));
	tcase_add_loop_test(c, test_context_has_the_variables_of_its_tree, 0, ROWS(contexts));
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
