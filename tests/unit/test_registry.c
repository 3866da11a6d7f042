/* SPDX-License-Identifier: Apache-2.0
 * Where asyncio keeps its tasks: sets, weak sets and lists, whole, torn and in motion; and counting
 * them. */
#include <check.h>

#include "tests/unit/run_suite.h"
#include "tests/unit/walked.h"

static const unsigned with_lists[] = { 14, 15 };

static tc_addr a_task(struct fake *f)
{
	return fake_task(f, (struct fake_task){ .name = fake_str(f, "T") });
}

static tc_addr list_head(const struct fake *f)
{
	return f->main_thread + f->py.at.ts_tasks_head;
}

/* n tasks in the list of the main thread. */
static void link_tasks(struct fake *f, tc_addr *tasks, int n)
{
	for (int i = 0; i < n; i++)
		fake_link(f, list_head(f), tasks[i] = a_task(f));
}

static uint64_t count(struct fake *f, uint64_t max, int want)
{
	struct tc_runtime_site site = fake_site(f);
	uint64_t n = 0;

	ck_assert_int_eq(tc_walk_count(&f->target.mem, &site, max, &n), want);
	return n;
}

/* One task in each place that this version has; each is found once, and counted. */
START_TEST(test_tasks_of_every_registry_are_found_once)
{
	struct fake *f = fake_new(minors[_i]);
	uint64_t n = 0;

	fake_set_add(f, f->tasks, fake_weakref(f, a_task(f)));
	n++;
	if (f->py.at.registry != TC_REGISTRY_ALL) {
		tc_addr eager = a_task(f);
		fake_set_add(f, f->eager, eager);
		fake_set_add(f, f->tasks, fake_weakref(f, eager)); /* it is in both */
		n++;
	}
	if (f->py.at.as_scheduled != TC_NONE) {
		fake_set_add(f, f->c_tasks, fake_weakref(f, a_task(f)));
		fake_set_add(f, f->c_eager, a_task(f));
		n += 2;
	}
	if (f->py.at.registry == TC_REGISTRY_LISTS) {
		fake_link(f, list_head(f), a_task(f));
		fake_link(f, f->interp + f->py.at.is_tasks_head, a_task(f));
		n += 2;
	}
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.read, n);
	ck_assert_uint_eq(w->walk.counts.faults, 0);
	ck_assert_uint_eq(w->model.n_tasks, n);
	uint32_t flags = 0;
	for (size_t i = 0; i < w->model.n_tasks; i++)
		flags |= w->model.tasks[i].flags;
	ck_assert_int_eq((flags & TC_TASK_EAGER) != 0, f->py.at.registry != TC_REGISTRY_ALL);
	ck_assert_int_eq((flags & TC_TASK_ORPHAN) != 0, f->py.at.registry == TC_REGISTRY_LISTS);
	/* one thread, and the task that is in two sets twice */
	ck_assert_uint_eq(count(f, 1000, 0), n + 1 + (f->py.at.registry != TC_REGISTRY_ALL));
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_many_tasks_are_found_in_each_version)
{
	struct fake *f = fake_new(minors[_i]);

	for (int i = 0; i < 1000; i++)
		fake_register(f, a_task(f));
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.read, 1000);
	ck_assert(!w->walk.counts.disagreed);
	ck_assert_uint_eq(count(f, 5000, 0), 1001);
	ck_assert_uint_ge(count(f, 10, 0), 10);
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_dead_weak_references_are_no_tasks)
{
	struct fake *f = fake_new(minors[_i]);

	fake_set_add(f, f->tasks, fake_weakref(f, f->none));
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.found, 0);
	ck_assert_uint_eq(w->walk.counts.faults, 0);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* What is in the set of weak references without being one. In memory that does not move each is a
 * lost task. */
START_TEST(test_what_is_no_weak_reference_is_a_lost_task)
{
	struct fake *f = fake_new(minors[_i]);

	fake_set_add(f, f->tasks, f->none);
	fake_set_add(f, f->tasks, 0x7ffff000);
	fake_set_add(f, f->tasks, fake_weakref(f, 0x7ffff000)); /* that refers to nothing */
	fake_set_add(f, f->tasks, fake_weakref(f, a_task(f)));
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.found, 4);
	ck_assert_uint_eq(w->walk.counts.torn, 3);
	ck_assert_uint_eq(w->walk.counts.read, 1);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* A set whose own words lie: {offset, word, whether that can be seen}. */
static const struct {
	unsigned offset;
	uint64_t word;
	bool fault;
} bad_sets[] = { { 24, 5, false }, { 32, 6, true }, { 40, 0x10, true }, { 24, 1ul << 40, true } };

START_TEST(test_set_that_lies_is_a_fault_or_a_disagreement)
{
	struct fake *f = fake_new(11);

	fake_register(f, a_task(f));
	fake_put(f, f->tasks + bad_sets[_i].offset, bad_sets[_i].word);
	struct walked *w = fake_walk(f);
	ck_assert(w->walk.counts.disagreed || w->walk.counts.faults > 0);
	ck_assert_int_eq(w->walk.counts.faults > 0, bad_sets[_i].fault);
	if (bad_sets[_i].fault)
		ck_assert(walked_says(w, "tasks may be missing"));
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_registry_without_its_set_is_a_fault)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr modules = fake_dict(f, FAKE_EMPTY),
		module = fake_object(f, f->types[FAKE_MODULE], 64);

	fake_put(f, module + TC_MODULE_DICT,
		 fake_dict(f,
			   FAKE_PAIRS({ "_all_tasks", f->none }, { "_scheduled_tasks", f->none })));
	fake_dict_add(f, modules, fake_str(f, "asyncio.tasks"), module);
	fake_put(f, f->interp + f->py.at.is_modules, modules);
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.faults, 1);
	ck_assert_uint_eq(w->walk.counts.found, 0);
	ck_assert_uint_eq(count(f, 100, 0), 1);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* Lists. */

START_TEST(test_list_that_breaks_is_read_from_both_ends)
{
	struct fake *f = fake_new(with_lists[_i]);
	tc_addr tasks[10];

	link_tasks(f, tasks, 10);
	fake_put(f, tasks[4] + f->py.at.task_node, 0x10); /* its next */
	struct walked *w = fake_walk(f);
	/* 0 to 4 from the front; from the end back to 5, whose way back to 4 is whole, but not its
	 * way here */
	ck_assert_uint_eq(w->walk.counts.read, 10);
	ck_assert(w->walk.counts.disagreed);
	ck_assert_uint_eq(w->walk.counts.faults, 1);
	ck_assert(walked_says(w, "could not be followed"));
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_list_that_breaks_twice_loses_its_middle)
{
	struct fake *f = fake_new(with_lists[_i]);
	tc_addr tasks[10];

	link_tasks(f, tasks, 10);
	fake_put(f, tasks[3] + f->py.at.task_node, 0);
	fake_put(f, tasks[7] + f->py.at.task_node + 8, 0);
	struct walked *w = fake_walk(f);
	ck_assert_uint_ge(w->walk.counts.read, 5);
	ck_assert_uint_lt(w->walk.counts.read, 10);
	ck_assert(w->walk.counts.disagreed);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* A node leads back into the list: that node knows another one before it. */
START_TEST(test_list_that_is_a_ring_ends)
{
	struct fake *f = fake_new(with_lists[_i]);
	tc_addr tasks[10];

	link_tasks(f, tasks, 10);
	fake_put(f, tasks[6] + f->py.at.task_node, tasks[2] + f->py.at.task_node);
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.read, 10);
	ck_assert(w->walk.counts.disagreed);
	walked_free(w);
	ck_assert_uint_ge(count(f, 50, 0), 50); /* counting has a bound only */
	fake_put(f, list_head(f), 0); /* never used */
	fake_put(f, list_head(f) + 8, 0);
	w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.found, 0);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* A running target: the list is whole again when it is looked at anew. */
static struct fake *moving;
static tc_addr moving_task;

static int read_and_move(struct tc_mem *mem, tc_addr from, void *to, size_t size)
{
	int r = fake_mem_read(mem, from, to, size);

	/* after the node was read as broken, the target mends it */
	if (moving && from <= moving_task + moving->py.at.task_node &&
	    from + size > moving_task + moving->py.at.task_node) {
		struct fake *f = moving;
		moving = NULL;
		fake_put(f, moving_task + f->py.at.task_node + 8,
			 fake_word(f, moving_task + f->py.at.task_node + 8) ^ 64);
	}
	return r;
}

static void forget_nothing(struct tc_mem *mem, tc_addr from, size_t size)
{
	(void)mem, (void)from, (void)size;
}

START_TEST(test_list_that_moves_is_taken_up_again)
{
	static const struct tc_mem_ops ops = { .read = read_and_move, .forget = forget_nothing };
	struct fake *f = fake_new(with_lists[_i]);
	tc_addr tasks[10];

	link_tasks(f, tasks, 10);
	moving = f;
	moving_task = tasks[5];
	fake_put(f, moving_task + f->py.at.task_node + 8,
		 fake_word(f, moving_task + f->py.at.task_node + 8) ^ 64);
	f->target.mem.ops = &ops;
	f->target.mem.live = true;
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.read, 10);
	ck_assert(!w->walk.counts.disagreed);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* One that is broken for good does not hold a live walk up. */
START_TEST(test_list_that_stays_broken_ends_a_live_walk)
{
	static const struct tc_mem_ops ops = { .read = fake_mem_read, .forget = forget_nothing };
	struct fake *f = fake_new(with_lists[_i]);
	tc_addr tasks[10];

	link_tasks(f, tasks, 10);
	fake_put(f, tasks[5] + f->py.at.task_node, 0x10);
	fake_put(f, f->tasks + 40, 0x10); /* the set too */
	f->target.mem.ops = &ops;
	f->target.mem.live = true;
	struct walked *w = fake_walk(f);
	ck_assert_uint_ge(w->walk.counts.read, 6);
	ck_assert(w->walk.counts.disagreed);
	ck_assert_uint_gt(w->walk.counts.retaken + w->walk.counts.faults, 0);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* The ends of a walk. */

START_TEST(test_registry_of_more_tasks_than_wanted_ends_the_walk)
{
	struct fake *f = fake_new(minors[_i]);

	for (int i = 0; i < 20; i++)
		fake_register(f, a_task(f));
	struct walked *w =
		fake_walk_with(f, &(struct tc_walk_options){ .max_tasks = 10 }, 32u << 20);
	ck_assert_int_eq(w->r, -TC_EBOUND);
	walked_free(w);
	w = fake_walk_with(f, &(struct tc_walk_options){ .max_tasks = 20 }, 32u << 20);
	ck_assert_int_eq(w->r, 0);
	ck_assert_uint_eq(w->walk.counts.read, 20);
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_count_of_what_is_no_python_is_an_error)
{
	struct fake *f = fake_new(minors[_i]);

	fake_put(f, f->runtime + f->py.at.rt_interp_head, 0x10);
	ck_assert_uint_eq(count(f, 10, minors[_i] > 10 ? -TC_EPROBE : -TC_EUNKNOWN), 0);
	fake_free(f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("registry");
	TCase *c = tcase_create("registry");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, test_tasks_of_every_registry_are_found_once, 0, ROWS(minors));
	tcase_add_loop_test(c, test_many_tasks_are_found_in_each_version, 0, ROWS(minors));
	tcase_add_loop_test(c, test_dead_weak_references_are_no_tasks, 0, ROWS(minors));
	tcase_add_loop_test(c, test_what_is_no_weak_reference_is_a_lost_task, 0, ROWS(minors));
	tcase_add_loop_test(c, test_set_that_lies_is_a_fault_or_a_disagreement, 0, ROWS(bad_sets));
	tcase_add_loop_test(c, test_registry_without_its_set_is_a_fault, 0, ROWS(minors));
	tcase_add_loop_test(c, test_list_that_breaks_is_read_from_both_ends, 0, ROWS(with_lists));
	tcase_add_loop_test(c, test_list_that_breaks_twice_loses_its_middle, 0, ROWS(with_lists));
	tcase_add_loop_test(c, test_list_that_is_a_ring_ends, 0, ROWS(with_lists));
	tcase_add_loop_test(c, test_list_that_moves_is_taken_up_again, 0, ROWS(with_lists));
	tcase_add_loop_test(c, test_list_that_stays_broken_ends_a_live_walk, 0, ROWS(with_lists));
	tcase_add_loop_test(c, test_registry_of_more_tasks_than_wanted_ends_the_walk, 0,
			    ROWS(minors));
	tcase_add_loop_test(c, test_count_of_what_is_no_python_is_an_error, 0, ROWS(minors));
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
