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

/* Sets that are stopped while they move to another table. */

enum { MOVED_ITEMS = 40, NEW_ENTRIES = 4096, SET_MASK = 32, SET_TABLE = 40 };

/* A set of so many tasks, eager or by weak references. */
static tc_addr set_of_tasks(struct fake *f, bool eager)
{
	tc_addr set = eager ? f->eager : f->tasks;

	for (int i = 0; i < MOVED_ITEMS; i++)
		fake_set_add(f, set, eager ? a_task(f) : fake_weakref(f, a_task(f)));
	return set;
}

/* Give it a new table, to which its first n items have moved. Its old one. */
static tc_addr move_set(struct fake *f, tc_addr set, unsigned n)
{
	tc_addr old = fake_word(f, set + SET_TABLE), new = fake_alloc(f, 16 * NEW_ENTRIES);

	for (unsigned i = 0; i < n; i++)
		for (unsigned word = 0; word < 16; word += 8)
			fake_put(f, new + 16 * (i * 1009 % NEW_ENTRIES) + word,
				 fake_word(f, old + 16 * i + word));
	fake_put(f, set + SET_TABLE, new);
	fake_put(f, set + SET_MASK, NEW_ENTRIES - 1);
	return old;
}

static const struct {
	unsigned minor, n;
	bool eager, on_stack;
} moves[] = {
	{ 8, 0, false, false },	  { 8, 1, false, true },   { 11, 0, false, true },
	{ 11, 17, false, false }, { 11, 39, false, true }, { 12, 0, true, false },
	{ 12, 20, true, true },	  { 14, 3, false, false }, { 14, 3, true, true },
	{ 15, 39, true, false },
};

START_TEST(test_set_that_moves_is_read_from_its_old_table)
{
	struct fake *f = fake_new(moves[_i].minor);
	tc_addr old = move_set(f, set_of_tasks(f, moves[_i].eager), moves[_i].n);
	struct tc_registers registers = { .general = { 1, 0x10, f->none, f->interp },
					  .sp = fake_alloc(f, 4096) };

	fake_put(f, registers.sp, f->main_thread);
	if (moves[_i].on_stack)
		fake_put(f, registers.sp + 0x98, old);
	else
		registers.general[12] = old;
	f->target.mem.registers = &registers;
	f->target.mem.n_registers = 1;
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.read, MOVED_ITEMS);
	ck_assert_uint_eq(w->walk.counts.faults, 0);
	ck_assert(!w->walk.counts.disagreed);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* The size of the new table is set before its address. */
START_TEST(test_set_with_the_size_of_its_next_table_is_whole)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr set = set_of_tasks(f, false);

	fake_put(f, set + SET_MASK, (1u << 20) - 1);
	tc_addr other = fake_set(f, 1, (tc_addr[]){ f->none }); /* what is behind the table */
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.read, MOVED_ITEMS);
	ck_assert(!w->walk.counts.disagreed);
	ck_assert_uint_ne(other, 0);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* What must not be taken for the old table: registers that are unknown; a table that is no
 * table; one item more, one less; one that is no task; other tasks than those that have moved. */
enum { UNKNOWN, NOWHERE, MORE, FEWER, NO_TASK, OTHERS, N_WRONG };

static tc_addr wrong_table(struct fake *f, tc_addr old, int how)
{
	uint64_t last = old + 16 * (MOVED_ITEMS - 1);

	if (how == NOWHERE)
		return 0x7ffff000;
	if (how == MORE) {
		fake_put(f, last + 16, fake_weakref(f, a_task(f)));
		fake_put(f, last + 24, 1);
	}
	if (how == FEWER)
		fake_put(f, last, 0);
	if (how == NO_TASK)
		fake_put(f, last, f->none);
	if (how == OTHERS)
		fake_put(f, old, fake_weakref(f, a_task(f)));
	return old;
}

START_TEST(test_set_that_moves_is_read_from_no_other_table)
{
	struct fake *f = fake_new(11);
	tc_addr old = move_set(f, set_of_tasks(f, false), 5);
	struct tc_registers registers = { .general = { wrong_table(f, old, _i) } };

	f->target.mem.registers = &registers;
	f->target.mem.n_registers = _i != UNKNOWN;
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.read, 5);
	ck_assert_uint_eq(w->walk.counts.faults, 0);
	ck_assert(w->walk.counts.disagreed);
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
	tcase_add_loop_test(c, test_set_that_moves_is_read_from_its_old_table, 0, ROWS(moves));
	tcase_add_loop_test(c, test_set_with_the_size_of_its_next_table_is_whole, 0, ROWS(minors));
	tcase_add_loop_test(c, test_set_that_moves_is_read_from_no_other_table, 0, N_WRONG);
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
