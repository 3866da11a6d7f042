/* SPDX-License-Identifier: Apache-2.0
 * Event loops of a fake interpreter: queues, timers, descriptors, and what their callbacks are. */
#include <check.h>

#include "tests/unit/run_suite.h"
#include "tests/unit/walked.h"

/* Walk with this loop running in the main thread. */
static struct walked *walk_loop(struct fake *f, tc_addr loop)
{
	fake_running_loop(f, f->main_thread, loop);
	return fake_walk_with(
		f, &(struct tc_walk_options){ .now_ns = 50000000000, .value_strings = true },
		32u << 20);
}

static const struct tc_loop *the_loop(const struct walked *w)
{
	ck_assert_uint_eq(w->model.n_loops, 1);
	return &w->model.loops[0];
}

START_TEST(test_loop_has_its_queues_and_state)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr handle =
		fake_handle(f, (struct fake_handle){ .callback = fake_builtin(f, f->none) });
	tc_addr timers[] = { fake_handle(f, (struct fake_handle){ .when = fake_float(f, 60.5) }),
			     fake_handle(f, (struct fake_handle){ .when = fake_int(f, 40) }),
			     fake_handle(f, (struct fake_handle){ .when = fake_float(f, 30),
								  .cancelled = f->yes }),
			     fake_handle(f, (struct fake_handle){ .when = f->none }) };
	tc_addr fds = fake_general_dict(f);

	fake_dict_add(f, fds, fake_int(f, 5), fake_selector_key(f, handle, 0));
	fake_dict_add(f, fds, fake_int(f, 6), fake_selector_key(f, handle, handle));
	fake_dict_add(f, fds, f->none, fake_selector_key(f, handle, handle)); /* no descriptor */
	fake_dict_add(f, fds, fake_int(f, 7), f->none);			      /* no key */
	struct walked *w = walk_loop(f, fake_loop(f, (struct fake_loop){
		.ready = fake_deque(f, FAKE_ITEMS(handle, handle, handle)),
		.scheduled = fake_list(f, 4, timers),
		.fds = fds,
		.ident = 12345,
		.stopping = true }));
	const struct tc_loop *loop = the_loop(w);
	ck_assert_uint_eq(loop->flags, TC_LOOP_RUNNING | TC_LOOP_STOPPING);
	ck_assert_uint_eq(loop->tid, 100);
	ck_assert_uint_eq(loop->ident, 12345);
	ck_assert_uint_eq(loop->ready, 3 + 1);
	ck_assert_uint_eq(loop->timers, 4 + 1);
	ck_assert_uint_eq(loop->overdue, 1 + 1);
	ck_assert_uint_eq(loop->cancelled, 1 + 1);
	ck_assert_uint_eq(loop->fds, 4 + 1);
	ck_assert_uint_eq(loop->due_ns, 40000000000);
	ck_assert_uint_eq(w->model.n_handles, 3 + 4 + 3);
	ck_assert_uint_eq(w->model.handles[3].due_ns, 60500000000);
	ck_assert_uint_eq(w->model.handles[5].flags, TC_HANDLE_CANCELLED);
	ck_assert_uint_eq(w->model.handles[7].fd, 5 + 1);
	ck_assert_uint_eq(w->model.handles[9].where, TC_HANDLE_WRITER);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* What a callback leads to. */
static tc_addr function_callback(struct fake *f, tc_addr task)
{
	(void)task;
	return fake_function(f, fake_code(f, (struct fake_code){ .name = "cb" }), "cb", FAKE_EMPTY);
}

static tc_addr method_callback(struct fake *f, tc_addr task)
{
	return fake_method(f, function_callback(f, task), task);
}

static tc_addr method_of_another(struct fake *f, tc_addr task)
{
	return fake_method(f, function_callback(f, task), f->none);
}

static tc_addr wakeup_callback(struct fake *f, tc_addr task)
{
	return fake_wrapper(f, FAKE_WAKEUP, task);
}

static tc_addr builtin_callback(struct fake *f, tc_addr task)
{
	return fake_builtin(f, task);
}

static tc_addr builtin_of_another(struct fake *f, tc_addr task)
{
	(void)task;
	return fake_builtin(f, f->none);
}

static tc_addr no_callback(struct fake *f, tc_addr task)
{
	(void)f, (void)task;
	return 0x10;
}

static const struct {
	tc_addr (*make)(struct fake *f, tc_addr task);
	const char *code;
	bool task;
} callbacks[] = {
	{ function_callback, "cb", false }, { method_callback, "cb", true },
	{ method_of_another, "cb", false }, { wakeup_callback, "", true },
	{ builtin_callback, "", true },	    { builtin_of_another, "", false },
	{ no_callback, "", false },
};

START_TEST(test_callback_has_its_code_and_the_task_that_it_steps)
{
	for (int m = 0; m < ROWS(minors); m++) {
		struct fake *f = fake_new(minors[m]);
		tc_addr task = fake_task(f, (struct fake_task){ 0 });
		tc_addr handle = fake_handle(
			f, (struct fake_handle){ .callback = callbacks[_i].make(f, task),
						 .args = fake_tuple(f, FAKE_ITEMS(f->yes)) });
		struct walked *w = walk_loop(
			f, fake_loop(f, (struct fake_loop){
						.ready = fake_deque(f, FAKE_ITEMS(handle)) }));
		ck_assert_uint_eq(w->model.n_handles, 1);
		ck_assert_str_eq(
			walked_string(w, tc_model_code(&w->model, w->model.handles[0].code)->name),
			callbacks[_i].code);
		ck_assert_uint_eq(w->model.handles[0].task, callbacks[_i].task ? task : 0);
		walked_free(w);
		fake_free(f);
	}
}
END_TEST

/* uvloop's queues are no Python objects. */
START_TEST(test_loop_without_a_queue_is_opaque)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr class = fake_class(f, (struct fake_class){ .name = "Loop", .module = "uvloop" });
	struct walked *w = walk_loop(
		f,
		fake_instance(f, class, FAKE_PAIRS({ "_ready", f->none }, { "_closed", f->yes })));

	ck_assert_uint_eq(the_loop(w)->flags, TC_LOOP_RUNNING | TC_LOOP_OPAQUE | TC_LOOP_CLOSED);
	ck_assert_uint_eq(the_loop(w)->ready, 0);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* Of a task: its loop runs in no thread. */
START_TEST(test_loop_of_a_task_is_recorded_though_nobody_runs_it)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr loop = fake_loop(f, (struct fake_loop){ .closed = true });

	fake_register(f, fake_task(f, (struct fake_task){ .loop = loop }));
	fake_register(f, fake_task(f, (struct fake_task){ .loop = loop }));
	fake_register(f, fake_task(f, (struct fake_task){ .loop = f->none }));
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(the_loop(w)->flags, TC_LOOP_CLOSED);
	ck_assert_uint_eq(w->walk.counts.read, 3);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* One loop runs another inside a step of its own: both are running, in the same thread. */
START_TEST(test_outer_of_two_nested_loops_is_running_too)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr ident = fake_word(f, f->main_thread + f->py.at.ts_thread_id);
	tc_addr outer = fake_loop(f, (struct fake_loop){ .ident = ident }),
		inner = fake_loop(f, (struct fake_loop){ .ident = ident });

	fake_register(f, fake_task(f, (struct fake_task){ .loop = outer }));
	struct walked *w = walk_loop(f, inner);
	ck_assert_uint_eq(w->model.n_loops, 2);
	for (int i = 0; i < 2; i++)
		ck_assert_uint_eq(w->model.loops[i].flags, TC_LOOP_RUNNING);
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_queue_longer_than_the_bound_is_counted_in_full)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr handle = fake_handle(f, (struct fake_handle){ .when = fake_float(f, 1) }),
		items[1500];

	for (int i = 0; i < 1500; i++)
		items[i] = handle;
	struct walked *w = walk_loop(
		f, fake_loop(f, (struct fake_loop){ .ready = fake_deque(f, 1500, items),
						    .scheduled = fake_list(f, 1500, items) }));
	ck_assert_uint_eq(the_loop(w)->ready, 1501);
	ck_assert_uint_eq(the_loop(w)->overdue, 1501);
	ck_assert_uint_eq(w->model.n_handles, 2000);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* What stands in the queues is no handle. */
START_TEST(test_queue_of_strangers_has_a_length_only)
{
	struct fake *f = fake_new(minors[_i]);
	struct walked *w = walk_loop(
		f,
		fake_loop(f, (struct fake_loop){ .ready = fake_deque(f, FAKE_ITEMS(f->none, 0x18)),
						 .scheduled = fake_list(f, FAKE_ITEMS(f->yes)) }));

	ck_assert_uint_eq(the_loop(w)->ready, 3);
	ck_assert_uint_eq(the_loop(w)->timers, 2);
	ck_assert_uint_eq(w->model.n_handles, 0);
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_more_loops_than_the_bound_are_named_only)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr class = fake_class(f, (struct fake_class){ .name = "Loop" });

	for (int i = 0; i < 4100; i++) {
		tc_addr task =
			fake_task(f, (struct fake_task){ .loop = fake_object(f, class, 64) });
		if (i < 2000)
			fake_register(f, task);
		else if (f->py.at.registry == TC_REGISTRY_LISTS)
			fake_link(f, f->main_thread + f->py.at.ts_tasks_head, task);
	}
	struct walked *w = fake_walk(f);
	bool over = f->py.at.registry == TC_REGISTRY_LISTS;
	ck_assert_uint_eq(w->walk.counts.loops, over ? 4096 : 2000);
	ck_assert_int_eq(walked_says(w, "more than 4096 loops"), over);
	walked_free(w);
	fake_free(f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loops");
	TCase *c = tcase_create("loops");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, test_loop_has_its_queues_and_state, 0, ROWS(minors));
	tcase_add_loop_test(c, test_callback_has_its_code_and_the_task_that_it_steps, 0,
			    ROWS(callbacks));
	tcase_add_loop_test(c, test_loop_without_a_queue_is_opaque, 0, ROWS(minors));
	tcase_add_loop_test(c, test_loop_of_a_task_is_recorded_though_nobody_runs_it, 0,
			    ROWS(minors));
	tcase_add_loop_test(c, test_outer_of_two_nested_loops_is_running_too, 0, ROWS(minors));
	tcase_add_loop_test(c, test_queue_longer_than_the_bound_is_counted_in_full, 0,
			    ROWS(minors));
	tcase_add_loop_test(c, test_queue_of_strangers_has_a_length_only, 0, ROWS(minors));
	tcase_add_loop_test(c, test_more_loops_than_the_bound_are_named_only, 0, ROWS(minors));
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
