/* SPDX-License-Identifier: Apache-2.0
 * Who knows what a task waits for: references are followed and counted out of a fake interpreter of
 * each version, written, read back, and searched. */
#include <check.h>
#include <stdio.h>

#include "analyzer/graph/knowers.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/walked.h"

/* A task in api(known), which awaits wait(self) of asyncio/locks.py, which awaits a future. */
struct waiting {
	struct fake *f;
	tc_addr event; /* self */
	tc_addr known; /* what api has as a variable */
};

/* An instance of a class of Python. To the dict that it may have there is one reference. */
static tc_addr instance(struct fake *f, const char *name, const char *module, const char *attr,
			tc_addr value)
{
	tc_addr object_type = fake_static_type(f, "object", 0, 16);
	tc_addr class = fake_class(
		f, (struct fake_class){ .name = name, .module = module, .bases = { object_type } });
	tc_addr object = fake_instance(f, class, FAKE_PAIRS({ attr, value }));
	struct tc_type_facts facts;

	tc_type_facts_read(&f->py, class, &facts);
	tc_addr dict = tc_attrs_dict(&f->py, object, &facts);
	if (dict)
		fake_put32(f, dict, 1);
	fake_put32(f, object, 1);
	return object;
}

static struct waiting waiting_new(unsigned minor)
{
	struct waiting t = { .f = fake_new(minor) };

	t.known = t.event = instance(t.f, "Event", "asyncio.locks", "_value", t.f->no);
	fake_put32(t.f, t.event, 2);
	return t;
}

static void make_task(const struct waiting *t)
{
	struct fake *f = t->f;
	tc_addr future = fake_future(f, (struct fake_future){ 0 });
	tc_addr wait = fake_code(f, (struct fake_code){ .name = "wait",
							.file = "/usr/lib/python3/asyncio/locks.py",
							.names = "self",
							.awaits = true });
	tc_addr api =
		fake_code(f, (struct fake_code){ .name = "api", .names = "known", .awaits = true });
	tc_addr inner = fake_coro(
		f, (struct fake_coro){
			   .code = wait, .awaits = future, .n_locals = 1, .locals = &t->event });
	tc_addr outer = fake_coro(
		f, (struct fake_coro){
			   .code = api, .awaits = inner, .n_locals = 1, .locals = &t->known });

	fake_register(f, fake_task(f, (struct fake_task){ .coro = outer,
							  .waiter = future,
							  .name = fake_str(f, "api") }));
}

static void note(void *context, const struct tc_task *task, enum tc_known_by by)
{
	static const char *const words[] = { "", "callback of ", "ended " };
	char *text = context;

	sprintf(text + strlen(text), "%s%s ", words[by], task ? "task" : "nobody");
}

/* The event is known to those that are told, "all: " before them if to nobody else. */
static void must_know(const struct waiting *t, const char *told)
{
	static char text[256], names[200];
	struct tc_knowers knowers;

	make_task(t);
	struct walked *w =
		fake_walk_with(t->f, &(struct tc_walk_options){ .seed = 1 }, 64u << 20);
	ck_assert_int_eq(w->r, 0);
	tc_knowers_init(&knowers, &w->model);
	names[0] = 0;
	bool all = tc_knowers_find(&knowers, t->event, NULL, note, names);
	snprintf(text, sizeof(text), "%s%s", all ? "all: " : "", names);
	ck_assert_str_eq(text, told);
	tc_knowers_deinit(&knowers);
	walked_free(w);
	fake_free(t->f);
}

START_TEST(test_variables_of_the_frames_that_wait)
{
	struct waiting t = waiting_new(minors[_i]);

	must_know(&t, "all: task task ");
}
END_TEST

/* One more reference than those that were found is somebody else's. */
START_TEST(test_one_more_reference)
{
	struct waiting t = waiting_new(minors[_i]);

	fake_put32(t.f, t.event, 3);
	must_know(&t, "task task ");
}
END_TEST

static tc_addr in_list(struct fake *f, tc_addr event)
{
	return fake_list(f, FAKE_ITEMS(f->none, event));
}

static tc_addr in_tuple(struct fake *f, tc_addr event)
{
	return fake_tuple(f, FAKE_ITEMS(event));
}

static tc_addr in_set(struct fake *f, tc_addr event)
{
	return fake_set(f, FAKE_ITEMS(event));
}

static tc_addr in_deque(struct fake *f, tc_addr event)
{
	return fake_deque(f, FAKE_ITEMS(event));
}

static tc_addr in_dict(struct fake *f, tc_addr event)
{
	return fake_dict(f, FAKE_PAIRS({ "stop", event }));
}

static tc_addr in_cell(struct fake *f, tc_addr event)
{
	return fake_cell(f, event);
}

static tc_addr in_instance(struct fake *f, tc_addr event)
{
	return instance(f, "App", "app", "stop", event);
}

static tc_addr in_slot(struct fake *f, tc_addr event)
{
	tc_addr object_type = fake_static_type(f, "object", 0, 16);
	tc_addr class = fake_class(f, (struct fake_class){ .name = "App",
							   .bases = { object_type },
							   .attrs = FAKE_ATTRS_NONE,
							   .slots = "stop weak" });
	tc_addr object = fake_object(f, class, 32);

	fake_put(f, class + 208, 24); /* tp_weaklistoffset */
	fake_put(f, object + 16, event);
	fake_put32(f, object, 1);
	return object;
}

static tc_addr in_method(struct fake *f, tc_addr event)
{
	return fake_method(f, f->none, event);
}

static const struct {
	const char *what;
	tc_addr (*make)(struct fake *f, tc_addr event);
} holders[] = {
	{ "list", in_list },   { "tuple", in_tuple },	    { "set", in_set },
	{ "deque", in_deque }, { "dict", in_dict },	    { "cell", in_cell },
	{ "slot", in_slot },   { "instance", in_instance }, { "method", in_method },
};

/* Through an object, and through two; each must have no other reference. */
START_TEST(test_through_objects)
{
	for (size_t i = 0; i < sizeof(holders) / sizeof(holders[0]); i++)
		for (unsigned more = 0; more < 3; more++) {
			struct waiting t = waiting_new(minors[_i]);
			tc_addr holder = holders[i].make(t.f, t.event);
			fake_put32(t.f, holder, more == 1 ? 2 : 1);
			t.known = in_list(t.f, holder);
			fake_put32(t.f, t.known, more == 2 ? 2 : 1);
			must_know(&t, more ? "task task " : "all: task task ");
		}
}
END_TEST

/* A weak reference may lead to what it is an attribute of. */
START_TEST(test_weak_references)
{
	for (int weak = 0; weak < 2; weak++) {
		struct waiting t = waiting_new(minors[_i]);
		t.known = in_slot(t.f, t.event);
		if (weak)
			fake_put(t.f, t.known + 24, fake_weakref(t.f, t.known));
		must_know(&t, weak ? "task task " : "all: task task ");
	}
}
END_TEST

/* Others may have the dict of an instance, too. */
START_TEST(test_dict_of_an_instance)
{
	struct waiting t = waiting_new(minors[_i]);
	struct tc_type_facts facts;
	tc_addr type;

	t.known = in_instance(t.f, t.event);
	ck_assert_int_eq(tc_get(&t.f->target.mem, t.known + TC_OB_TYPE, &type), 0);
	tc_type_facts_read(&t.f->py, type, &facts);
	tc_addr dict = tc_attrs_dict(&t.f->py, t.known, &facts);
	ck_assert_uint_ne(dict, 0);
	fake_put32(t.f, dict, 2);
	must_know(&t, "task task ");
}
END_TEST

/* Of an instance of a type in C nothing is known, nor of a class derived from one. */
START_TEST(test_types_in_c)
{
	for (int derived = 0; derived < 2; derived++) {
		struct waiting t = waiting_new(minors[_i]);
		tc_addr type = fake_static_type(t.f, "_ctypes.CFuncPtr", 0, 24);
		fake_put(t.f, type + 48, 0x1000); /* tp_dealloc */
		fake_put(t.f, type + TC_TP_BASE, fake_static_type(t.f, "object", 0, 16));
		if (derived)
			type = fake_class(t.f, (struct fake_class){ .name = "Callback",
								    .bases = { type },
								    .attrs = FAKE_ATTRS_NONE,
								    .size = 24 });
		tc_addr object = fake_object(t.f, type, 24);
		fake_put(t.f, object + 16, t.event);
		fake_put32(t.f, object, 1);
		t.known = object;
		must_know(&t, "task ");
	}
}
END_TEST

/* The variables of a frame that has ended, and that the traceback of a failed task keeps. */
START_TEST(test_frames_that_have_ended)
{
	for (unsigned owner = 0; owner < 3; owner++) {
		struct waiting t = waiting_new(minors[_i]);
		struct fake *f = t.f;
		tc_addr code = fake_code(f, (struct fake_code){ .name = "warm", .names = "stop" });
		tc_addr frame = fake_frame(f, (struct fake_frame){ .code = code,
								   .lasti = 2,
								   .n_locals = 1,
								   .locals = &t.event,
								   .owner = owner });
		bool ended = owner == 2; /* of its frame object */
		if (f->py.at.fo_state != TC_NONE)
			fake_put8(f, frame + f->py.at.fo_state, ended ? 1 : 0xff);
		else if (f->py.at.fo_stack != TC_NONE)
			fake_put(f, frame + f->py.at.fo_stack, ended ? 0 : frame + 400);
		tc_addr traceback = fake_traceback(f, frame, 2, f->none);
		fake_register(f, fake_task(f, (struct fake_task){
						      .state = TC_STATE_FINISHED,
						      .exception = fake_exception(f, traceback) }));
		fake_put32(f, t.event, 3);
		must_know(&t, ended ? "all: ended task task task " : "task task ");
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("refs");
	TCase *c = tcase_create("refs");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, test_variables_of_the_frames_that_wait, 0, ROWS(minors));
	tcase_add_loop_test(c, test_one_more_reference, 0, ROWS(minors));
	tcase_add_loop_test(c, test_through_objects, 0, ROWS(minors));
	tcase_add_loop_test(c, test_weak_references, 0, ROWS(minors));
	tcase_add_loop_test(c, test_dict_of_an_instance, 0, ROWS(minors));
	tcase_add_loop_test(c, test_types_in_c, 0, ROWS(minors));
	tcase_add_loop_test(c, test_frames_that_have_ended, 0, ROWS(minors));
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
