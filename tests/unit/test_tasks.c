/* SPDX-License-Identifier: Apache-2.0
 * Tasks as tc_walk reads them out of a fake interpreter, of each version. */
#include <check.h>

#include "tests/unit/run_suite.h"
#include "tests/unit/walked.h"

START_TEST(test_task_is_read_with_all_its_fields)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr future = fake_future(f, (struct fake_future){ 0 });
	tc_addr coro =
		fake_coros(f, fake_plain_code(f), 2, fake_wrapper(f, FAKE_FUTURE_ITER, future));
	tc_addr root = fake_hamt_node(f, FAKE_HAMT_BITMAP, 2,
				      (tc_addr[]){ fake_contextvar(f, "user"), fake_int(f, 7) });
	tc_addr task =
		fake_task(f, (struct fake_task){ .name = fake_str(f, "worker"),
						 .coro = coro,
						 .waiter = future,
						 .loop = fake_loop(f, (struct fake_loop){ 0 }),
						 .context = fake_context(f, root),
						 .cancels = 2,
						 .must_cancel = true,
						 .blocking = true });

	fake_register(f, task);
	struct walked *w = fake_walk(f);
	const struct tc_task *read = walked_task(w);
	ck_assert_int_eq(w->r, 0);
	ck_assert_uint_eq(w->walk.python.version, f->version);
	ck_assert(w->walk.python.asyncio && !w->walk.python.debug);
	ck_assert_uint_eq(w->walk.counts.read, 1);
	ck_assert_uint_eq(w->walk.counts.faults, 0);
	ck_assert_uint_eq(w->walk.notices.n, 0);
	ck_assert_uint_eq(read->addr, task);
	ck_assert_uint_eq(read->leaf, future);
	ck_assert_uint_eq(read->waiter, future);
	ck_assert_uint_eq(read->flags, TC_TASK_MUST_CANCEL | TC_TASK_BLOCKING);
	ck_assert_uint_eq(read->cancels, minors[_i] >= 11 ? 2 : 0);
	ck_assert_str_eq(walked_string(w, read->name), "worker");
	ck_assert_str_eq(walked_chain(w, read->chain), "f:11 > f:11");
	ck_assert_uint_ne(read->loop, 0);
	ck_assert_uint_ne(read->context, 0);
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_python_task_is_read_with_all_its_fields)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr waiter =
		fake_instance(f, f->py_future, FAKE_PAIRS({ "_state", fake_str(f, "PENDING") }));
	tc_addr task = fake_python_task(
		f, (struct fake_task){ .name = fake_str(f, "Task-7"),
				       .coro = fake_coros(f, fake_plain_code(f), 1, waiter),
				       .waiter = waiter,
				       .loop = fake_loop(f, (struct fake_loop){ 0 }),
				       .cancels = 1,
				       .must_cancel = true,
				       .log_tb = true });

	fake_register(f, task);
	struct walked *w = fake_walk(f);
	const struct tc_task *read = walked_task(w);
	ck_assert_uint_eq(w->walk.counts.read, 1);
	ck_assert_uint_eq(read->flags, TC_TASK_PYTHON | TC_TASK_MUST_CANCEL | TC_TASK_LOG_TB |
					       TC_TASK_LAZY_NAME);
	ck_assert_uint_eq(read->name, 7);
	ck_assert_uint_eq(read->leaf, waiter);
	ck_assert_uint_eq(read->waiter, waiter);
	ck_assert_uint_eq(read->cancels, 1);
	ck_assert_str_eq(walked_chain(w, read->chain), "f:11");
	walked_free(w);
	fake_free(f);
}
END_TEST

/* A class of somebody else's that is registered: what it names like asyncio is read. */
START_TEST(test_foreign_task_says_that_it_is_one)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr class = fake_class(f, (struct fake_class){ .name = "MyTask" });
	tc_addr future = fake_future(f, (struct fake_future){ 0 });
	tc_addr task = fake_instance(
		f, class, FAKE_PAIRS({ "_coro", fake_coros(f, fake_plain_code(f), 1, future) }));

	fake_register(f, task);
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(walked_task(w)->flags, TC_TASK_PYTHON | TC_TASK_THIRD_PARTY |
							 TC_TASK_STATE_UNKNOWN | TC_TASK_NO_WAITER);
	ck_assert_str_eq(walked_chain(w, walked_task(w)->chain), "f:11");
	walked_free(w);
	fake_free(f);
}
END_TEST

/* What a task is made of. */

START_TEST(test_coroutine_that_has_not_begun_is_at_its_first_line)
{
	struct fake *f = fake_new(minors[_i]);

	fake_plain_task(f,
			fake_coro(f, (struct fake_coro){ .code = fake_plain_code(f),
							 .state = TC_GEN_CREATED }),
			0);
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.read, 1);
	ck_assert(walked_task(w)->flags & TC_TASK_NOT_STARTED);
	ck_assert_str_eq(walked_chain(w, walked_task(w)->chain), "f:10");
	walked_free(w);
	fake_free(f);
}
END_TEST

/* A running coroutine and the function that it calls, on the main thread. */
START_TEST(test_running_task_goes_on_through_the_frames_of_its_thread)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr coro = fake_coro(
		f, (struct fake_coro){ .code = fake_plain_code(f), .state = TC_GEN_EXECUTING });
	tc_addr helper = fake_code(f, (struct fake_code){ .name = "helper", .line = 20 });
	tc_addr task = fake_plain_task(f, coro, 0), loop = fake_loop(f, (struct fake_loop){ 0 });

	fake_dict_add(f, f->current, loop, task);
	fake_running_loop(f, f->main_thread, loop);
	fake_run(
		f, f->main_thread,
		fake_frame(f, (struct fake_frame){
				      .code = fake_code(f, (struct fake_code){ .name = "run" }) }));
	fake_run(f, f->main_thread, fake_coro_frame(f, coro));
	fake_run(f, f->main_thread,
		 fake_frame(f, (struct fake_frame){ .code = helper, .lasti = 2 }));
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.read, 1);
	ck_assert(walked_task(w)->flags & TC_TASK_RUNNING);
	ck_assert_str_eq(walked_chain(w, walked_task(w)->chain), "f:11 > helper:21");
	ck_assert_uint_eq(walked_task(w)->thread, 100);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* Its frame is below a greenlet: the stack that was read begins with another frame. */
START_TEST(test_running_task_below_a_greenlet_says_what_is_left_out)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr coro = fake_coro(
		f, (struct fake_coro){ .code = fake_plain_code(f), .state = TC_GEN_EXECUTING });
	tc_addr task = fake_plain_task(f, coro, 0), loop = fake_loop(f, (struct fake_loop){ 0 });

	fake_dict_add(f, f->current, loop, task);
	fake_running_loop(f, f->main_thread, loop);
	fake_run(f, f->main_thread,
		 fake_frame(f, (struct fake_frame){
				       .code = fake_code(f, (struct fake_code){ .name = "g" }) }));
	struct walked *w = fake_walk(f);
	ck_assert_str_eq(walked_chain(w, walked_task(w)->chain),
			 "f:11 > 'frames are left out here: a greenlet runs' > g:10");
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_failed_task_has_its_exception_and_where_it_came_through)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr outer = fake_frame(
		f,
		(struct fake_frame){ .code = fake_code(f, (struct fake_code){ .name = "outer" }) });
	tc_addr inner = fake_frame(
		f,
		(struct fake_frame){ .code = fake_code(f, (struct fake_code){ .name = "inner" }) });
	tc_addr traceback = fake_traceback(f, outer, 0, fake_traceback(f, inner, 2, f->none));
	tc_addr coro = fake_coro(f, (struct fake_coro){ .code = fake_plain_code(f),
							.state = TC_GEN_FINISHED,
							.qualname = "work" });

	fake_register(
		f, fake_task(f, (struct fake_task){ .coro = coro,
						    .state = TC_STATE_FINISHED,
						    .log_tb = true,
						    .exception = fake_exception(f, traceback) }));
	struct walked *w = fake_walk(f);
	const struct tc_failure *failure = tc_model_failure(&w->model, walked_task(w));
	ck_assert_uint_eq(w->walk.counts.done, 1);
	ck_assert_uint_eq(walked_task(w)->flags,
			  TC_STATE_FINISHED | TC_TASK_LOG_TB | TC_TASK_NO_WAITER);
	ck_assert_ptr_nonnull(failure);
	ck_assert_str_eq(walked_chain(w, failure->traceback), "outer:10 > inner:11");
	ck_assert_str_eq(walked_string(w, failure->coroutine), "work");
	walked_free(w);
	fake_free(f);
}
END_TEST

/* Tracebacks: how many entries, and what the chain says then. */
static const struct {
	unsigned entries;
	const char *begins;
} tracebacks[] = { { 64, "t:11 > t:11" },
		   { 65, "'outer frames were left out' > t:11" },
		   { 5000, "" } };

START_TEST(test_long_traceback_keeps_its_innermost_entries)
{
	struct fake *f = fake_new(11);
	tc_addr frame = fake_frame(
			f, (struct fake_frame){ .code = fake_code(
							f, (struct fake_code){ .name = "t" }) }),
		at = 0;

	for (unsigned i = 0; i < tracebacks[_i].entries; i++)
		at = fake_traceback(f, frame, 2, at);
	fake_register(f, fake_task(f, (struct fake_task){ .state = TC_STATE_FINISHED,
							  .exception = fake_exception(f, at) }));
	struct walked *w = fake_walk(f);
	const char *chain = walked_chain(w, tc_model_failure(&w->model, walked_task(w))->traceback);
	ck_assert_int_eq(strncmp(chain, tracebacks[_i].begins, strlen(tracebacks[_i].begins)), 0);
	ck_assert_int_eq(*chain == 0, tracebacks[_i].begins[0] == 0);
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_traceback_entry_without_a_frame_is_unknown)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr at = fake_traceback(f, fake_frame(f, (struct fake_frame){ .code = f->none }), 2, 0);

	fake_put(f, at + 24, 0x10);
	fake_register(f, fake_task(f, (struct fake_task){ .state = TC_STATE_FINISHED,
							  .exception = fake_exception(f, at) }));
	struct walked *w = fake_walk(f);
	ck_assert_str_eq(walked_chain(w, tc_model_failure(&w->model, walked_task(w))->traceback),
			 "?");
	walked_free(w);
	fake_free(f);
}
END_TEST

/* Names. */
static const struct {
	const char *text; /* NULL: an int */
	int64_t number;
	const char *name; /* NULL: it is recorded as number */
	uint64_t recorded;
} task_names[] = {
	{ "Task-7", 0, NULL, 7 },
	{ "Task-4294967295", 0, NULL, UINT32_MAX },
	{ "Task-4294967296", 0, "Task-4294967296", 0 },
	{ "Task-07", 0, "Task-07", 0 },
	{ "Task-", 0, "Task-", 0 },
	{ "Task-7b", 0, "Task-7b", 0 },
	{ "Task-99999999999999999999", 0, "Task-99999999999999999999", 0 },
	{ NULL, 12, NULL, 12 },
	{ NULL, 5000000000, "Task-5000000000", 0 },
	{ NULL, 0, "", 0 },
	{ NULL, -3, "", 0 },
	{ NULL, INT64_MAX, "", 0 }, /* of three digits */
};

START_TEST(test_name_is_recorded_as_number_where_it_is_a_default_one)
{
	for (int m = 0; m < ROWS(minors); m++) {
		struct fake *f = fake_new(minors[m]);
		tc_addr name = task_names[_i].text ? fake_str(f, task_names[_i].text) :
						     fake_int(f, task_names[_i].number);
		fake_register(f, fake_task(f, (struct fake_task){ .name = name }));
		struct walked *w = fake_walk(f);
		bool number = walked_task(w)->flags & TC_TASK_LAZY_NAME;
		ck_assert_int_eq(number, task_names[_i].name == NULL);
		if (number)
			ck_assert_uint_eq(walked_task(w)->name, task_names[_i].recorded);
		else
			ck_assert_str_eq(walked_string(w, walked_task(w)->name),
					 task_names[_i].name);
		walked_free(w);
		fake_free(f);
	}
}
END_TEST

/* Damage: a word of the task is forged. */
static const struct {
	size_t field; /* in struct tc_layout */
	uint64_t word;
	bool torn;
} forged[] = {
#define AT(name) offsetof(struct tc_layout, name)
	{ AT(fut_state), 7, true },	 { AT(task_coro), 0x10, true },
	{ AT(task_coro), 0, false },	 { AT(task_name), 0x10, false },
	{ AT(task_name), 1, false },	 { AT(task_context), 0x10, false },
	{ AT(task_waiter), 0x10, true },
#undef AT
};

START_TEST(test_task_with_a_forged_word_is_read_or_torn)
{
	for (int m = 0; m < ROWS(minors); m++) {
		struct fake *f = fake_new(minors[m]);
		tc_addr future = fake_future(f, (struct fake_future){ 0 });
		tc_addr task =
			fake_plain_task(f, fake_coros(f, fake_plain_code(f), 1, future), future);
		uint16_t offset;
		memcpy(&offset, (char *)&f->py.at + forged[_i].field, sizeof(offset));
		fake_put(f, task + offset, forged[_i].word);
		struct walked *w = fake_walk(f);
		ck_assert_uint_eq(w->walk.counts.found, 1);
		ck_assert_uint_eq(w->walk.counts.torn, forged[_i].torn);
		ck_assert_uint_eq(walked_task(w)->addr, task);
		walked_free(w);
		fake_free(f);
	}
}
END_TEST

START_TEST(test_future_that_is_registered_as_a_task_is_a_foreign_one)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr future = fake_future(f, (struct fake_future){ .state = TC_STATE_CANCELLED });

	fake_set_add(f, f->tasks, fake_weakref(f, future));
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(walked_task(w)->flags,
			  TC_TASK_THIRD_PARTY | TC_STATE_CANCELLED | TC_TASK_NO_WAITER);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* The walk's own ends. */

static bool give_up(void *context)
{
	return --*(int *)context < 0;
}

static void many_tasks(struct fake *f, unsigned n)
{
	tc_addr future = fake_future(f, (struct fake_future){ 0 }), code = fake_plain_code(f);

	for (unsigned i = 0; i < n; i++)
		fake_plain_task(f, fake_coros(f, code, 3, future), future);
}

START_TEST(test_tasks_after_giving_up_are_counted_as_cut)
{
	struct fake *f = fake_new(minors[_i]);
	int left = 4;
	struct tc_walk_options options = { .give_up = give_up, .context = &left };

	many_tasks(f, 10);
	struct walked *w = fake_walk_with(f, &options, 32u << 20);
	ck_assert_uint_eq(w->walk.counts.read, 4);
	ck_assert_uint_eq(w->walk.counts.cut, 6);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* Each arena either is refused, or what it cannot hold is counted and said. */
START_TEST(test_arena_too_small_is_refused_or_cuts_and_says_so)
{
	struct fake *f = fake_new(minors[_i]);
	bool refused = false, whole = false;

	many_tasks(f, 200);
	for (size_t kib = 64; kib < 16384; kib += kib / 8 + 64) {
		struct walked *w =
			fake_walk_with(f, &(struct tc_walk_options){ .seed = 1 }, kib << 10);
		refused |= w->r == -TC_ENOSPACE;
		whole |= w->r == 0 && w->walk.counts.read == 200;
		if (w->walk.counts.cut)
			ck_assert(walked_says(w, "memory"));
		walked_free(w);
	}
	ck_assert(refused && whole);
	fake_free(f);
}
END_TEST

/* Locals. */

START_TEST(test_locals_are_read_by_name_and_kind)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr list = fake_list(f, FAKE_ITEMS(f->none, f->none)),
		future = fake_future(f, (struct fake_future){ 0 });
	tc_addr code = fake_code(
		f, (struct fake_code){
			   .names = "a b c d", .cells = "e", .frees = "g h", .awaits = true });
	tc_addr locals[] = { fake_int(f, -5),	   fake_str(f, "text"), list, list,
			     fake_cell(f, f->yes), fake_float(f, 1.5),	0 };
	static const char *const names[] = { "a", "b", "c", "d", "e", "g" };
	static const char *const values[] = {
		"-5", "'text'", "<list 2>", "<list 2>", "True", "1.5"
	};
	struct tc_locals at;
	struct tc_value value;
	uint32_t name;

	fake_plain_task(f,
			fake_coro(f, (struct fake_coro){ .code = code,
							 .awaits = future,
							 .n_locals = 7,
							 .locals = locals }),
			future);
	struct walked *w = fake_walk(f);
	tc_locals_begin(&at, walked_task(w));
	const struct tc_chain *link = tc_model_chain(&w->model, walked_task(w)->chain);
	ck_assert(tc_locals_frame(
		&at, tc_model_code(&w->model, tc_model_site(&w->model, link->ref)->code)));
	for (size_t i = 0; i < 6; i++) {
		ck_assert(tc_locals_slot(&at, &name, &value));
		ck_assert_str_eq(walked_string(w, name), names[i]);
		ck_assert_str_eq(walked_value(w, &value), values[i]);
	}
	ck_assert(!tc_locals_slot(&at, &name, &value));
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_locals_of_more_frames_than_the_bound_are_left_out_and_said)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr future = fake_future(f, (struct fake_future){ 0 }), at = future,
		one = fake_int(f, 1);
	tc_addr code = fake_code(f, (struct fake_code){ .names = "a", .awaits = true });
	tc_addr library =
		fake_code(f, (struct fake_code){ .file = "/usr/lib/python3/asyncio/locks.py",
						 .names = "self",
						 .awaits = true });
	struct tc_value value;

	for (int i = 0; i < 4200; i++)
		at = fake_coro(f, (struct fake_coro){ .code = i ? code : library,
						      .awaits = at,
						      .n_locals = 1,
						      .locals = &one });
	fake_plain_task(f, at, future);
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.read, 1);
	ck_assert(walked_says(w, "locals of more than 4096 frames"));
	const struct tc_chain *link = tc_model_chain(&w->model, walked_task(w)->chain);
	const struct tc_pycode *last =
		tc_model_code(&w->model, tc_model_site(&w->model, link->ref)->code);
	const struct tc_chain *before = tc_model_chain(&w->model, link->parent);
	const struct tc_pycode *plain =
		tc_model_code(&w->model, tc_model_site(&w->model, before->ref)->code);
	ck_assert(tc_local_find(&w->model, walked_task(w), 4095, plain, "a", &value));
	ck_assert(!tc_local_find(&w->model, walked_task(w), 4096, plain, "a", &value));
	/* What the chain waits for is in the frames of asyncio. */
	ck_assert(tc_local_find(&w->model, walked_task(w), 4199, last, "self", &value));
	ck_assert_str_eq(walked_value(w, &value), "1");
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_no_locals_and_no_values_leave_them_out)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr future = fake_future(f, (struct fake_future){ 0 }), one = fake_int(f, 1);
	tc_addr code = fake_code(f, (struct fake_code){ .names = "a", .awaits = true });
	struct tc_locals at;
	struct tc_value value;
	uint32_t name;

	fake_plain_task(f,
			fake_coro(f, (struct fake_coro){ .code = code,
							 .awaits = future,
							 .n_locals = 1,
							 .locals = &one }),
			future);
	struct walked *w =
		fake_walk_with(f, &(struct tc_walk_options){ .no_locals = true }, 32u << 20);
	ck_assert_ptr_null(walked_task(w)->locals);
	walked_free(w);
	w = fake_walk_with(f, &(struct tc_walk_options){ .no_values = true }, 32u << 20);
	tc_locals_begin(&at, walked_task(w));
	ck_assert(tc_locals_frame(&at, &w->model.codes[1]));
	ck_assert(tc_locals_slot(&at, &name, &value));
	ck_assert_str_eq(walked_value(w, &value), "<int>");
	walked_free(w);
	fake_free(f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tasks");
	TCase *c = tcase_create("tasks");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, test_task_is_read_with_all_its_fields, 0, ROWS(minors));
	tcase_add_loop_test(c, test_python_task_is_read_with_all_its_fields, 0, ROWS(minors));
	tcase_add_loop_test(c, test_foreign_task_says_that_it_is_one, 0, ROWS(minors));
	tcase_add_loop_test(c, test_coroutine_that_has_not_begun_is_at_its_first_line, 0,
			    ROWS(minors));
	tcase_add_loop_test(c, test_running_task_goes_on_through_the_frames_of_its_thread, 0,
			    ROWS(minors));
	tcase_add_loop_test(c, test_running_task_below_a_greenlet_says_what_is_left_out, 0,
			    ROWS(minors));
	tcase_add_loop_test(c, test_failed_task_has_its_exception_and_where_it_came_through, 0,
			    ROWS(minors));
	tcase_add_loop_test(c, test_long_traceback_keeps_its_innermost_entries, 0,
			    ROWS(tracebacks));
	tcase_add_loop_test(c, test_traceback_entry_without_a_frame_is_unknown, 0, ROWS(minors));
	tcase_add_loop_test(c, test_name_is_recorded_as_number_where_it_is_a_default_one, 0,
			    ROWS(task_names));
	tcase_add_loop_test(c, test_task_with_a_forged_word_is_read_or_torn, 0, ROWS(forged));
	tcase_add_loop_test(c, test_future_that_is_registered_as_a_task_is_a_foreign_one, 0,
			    ROWS(minors));
	tcase_add_loop_test(c, test_tasks_after_giving_up_are_counted_as_cut, 0, ROWS(minors));
	tcase_add_loop_test(c, test_arena_too_small_is_refused_or_cuts_and_says_so, 0,
			    ROWS(minors));
	tcase_add_loop_test(c, test_locals_are_read_by_name_and_kind, 0, ROWS(minors));
	tcase_add_loop_test(c, test_locals_of_more_frames_than_the_bound_are_left_out_and_said, 0,
			    ROWS(minors));
	tcase_add_loop_test(c, test_no_locals_and_no_values_leave_them_out, 0, ROWS(minors));
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
