/* SPDX-License-Identifier: Apache-2.0
 * Chains: what a coroutine awaits, and how the chain is written then, out of a fake interpreter, of
 * each version. */
#include <check.h>

#include "tests/unit/run_suite.h"
#include "tests/unit/walked.h"

static tc_addr awaits_future(struct fake *f, tc_addr future)
{
	return fake_wrapper(f, FAKE_FUTURE_ITER, future);
}

static tc_addr awaits_wrapped(struct fake *f, tc_addr future)
{
	return fake_wrapper(f, FAKE_CORO_WRAPPER, fake_coros(f, fake_plain_code(f), 1, future));
}

static tc_addr awaits_async_generator(struct fake *f, tc_addr future)
{
	tc_addr code = fake_code(f, (struct fake_code){ .name = "agen",
							.flags = TC_CO_ASYNC_GENERATOR,
							.awaits = true });

	return fake_wrapper(f, FAKE_ASEND,
			    fake_coro(f, (struct fake_coro){ .type = FAKE_ASYNCGEN,
							     .code = code,
							     .awaits = future,
							     .qualname = "agen" }));
}

static tc_addr awaits_generator(struct fake *f, tc_addr future)
{
	tc_addr code = fake_code(
		f, (struct fake_code){ .name = "gen", .flags = TC_CO_GENERATOR, .awaits = true });

	return fake_coro(f, (struct fake_coro){ .type = FAKE_GENERATOR,
						.code = code,
						.awaits = future,
						.qualname = "gen" });
}

static tc_addr awaits_bare_yield(struct fake *f, tc_addr future)
{
	tc_addr code =
		fake_code(f, (struct fake_code){ .name = "pause", .flags = TC_CO_GENERATOR });

	(void)future;
	return fake_coro(f, (struct fake_coro){ .type = FAKE_GENERATOR,
						.code = code,
						.suspended = true,
						.qualname = "pause" });
}

static tc_addr awaits_iterator(struct fake *f, tc_addr future)
{
	tc_addr class = fake_class(f, (struct fake_class){ .name = "Waiter" });

	(void)future;
	fake_put(f, class + 224, 1); /* tp_iternext */
	return fake_instance(f, class, FAKE_EMPTY);
}

/* Cython 3.1: names and what is awaited are found from the object's end. */
static tc_addr cython_coro(struct fake *f, tc_addr awaits)
{
	tc_addr type = fake_static_type(f, "_cython_3_1_0.coroutine", 0, 160),
		coro = fake_object(f, type, 160);

	fake_put(f, coro + 160 - 40, fake_str(f, "fast"));
	fake_put(f, coro + 160 - 64, awaits);
	return coro;
}

static tc_addr awaits_cython(struct fake *f, tc_addr future)
{
	tc_addr type = fake_static_type(f, "_cython_3_1_0.coroutine_wrapper", 0, 24),
		wrapper = fake_object(f, type, 24);

	fake_put(f, wrapper + 16, cython_coro(f, future));
	return wrapper;
}

/* A compiled coroutine of Nuitka, with its qualified name and what it awaits. */
static tc_addr nuitka(struct fake *f, const char *type, const char *name, tc_addr target)
{
	tc_addr object = fake_object(f, fake_static_type(f, type, 0, 200), 200);

	fake_put(f, object + 40, name ? fake_str(f, name) : f->none);
	fake_put(f, object + 48, target);
	return object;
}

static tc_addr awaits_nuitka(struct fake *f, tc_addr future)
{
	tc_addr inner =
		nuitka(f, "compiled_generator", "inner", fake_wrapper(f, FAKE_FUTURE_ITER, future));
	tc_addr wrapper =
		fake_object(f, fake_static_type(f, "compiled_coroutine_wrapper", 0, 24), 24);

	fake_put(f, wrapper + 16, inner);
	return nuitka(f, "compiled_coroutine", "outer", wrapper);
}

static tc_addr awaits_unknown_nuitka(struct fake *f, tc_addr future)
{
	return nuitka(f, "compiled_coroutine", NULL, future);
}

static tc_addr awaits_nuitka_that_awaits_a_list(struct fake *f, tc_addr future)
{
	(void)future;
	return nuitka(f, "compiled_coroutine", "outer", fake_list(f, FAKE_EMPTY));
}

static tc_addr awaits_null(struct fake *f, tc_addr future)
{
	(void)f, (void)future;
	return 0;
}

static tc_addr awaits_no_object(struct fake *f, tc_addr future)
{
	(void)f, (void)future;
	return 0x7ffff000;
}

static tc_addr awaits_what_nobody_can(struct fake *f, tc_addr future)
{
	(void)future;
	return fake_list(f, FAKE_EMPTY);
}

static tc_addr awaits_finished(struct fake *f, tc_addr future)
{
	(void)future;
	return fake_coro(
		f, (struct fake_coro){ .code = fake_plain_code(f), .state = TC_GEN_FINISHED });
}

static tc_addr awaits_created(struct fake *f, tc_addr future)
{
	(void)future;
	return fake_coro(f,
			 (struct fake_coro){ .code = fake_plain_code(f), .state = TC_GEN_CREATED });
}

static tc_addr awaits_executing(struct fake *f, tc_addr future)
{
	(void)future;
	return fake_coro(
		f, (struct fake_coro){ .code = fake_plain_code(f), .state = TC_GEN_EXECUTING });
}

static tc_addr awaits_frame_without_code(struct fake *f, tc_addr future)
{
	return fake_coro(f, (struct fake_coro){ .code = f->none, .awaits = future });
}

static tc_addr awaits_dangling_iterator(struct fake *f, tc_addr future)
{
	(void)future;
	return fake_at_end(f, f->types[FAKE_FUTURE_ITER], 16); /* what it is for cannot be read */
}

static const struct {
	tc_addr (*make)(struct fake *f, tc_addr future);
	const char *chain;
	bool leads, torn; /* to the future */
} awaited[] = {
	{ awaits_future, "f:11", true, false },
	{ awaits_wrapped, "f:11 > f:11", true, false },
	{ awaits_async_generator, "f:11 > agen:11", true, false },
	{ awaits_generator, "f:11 > gen:11", true, false },
	{ awaits_bare_yield, "f:11 > pause:11", false, false },
	{ awaits_iterator, "f:11 > [Waiter]", false, false },
	{ awaits_cython, "f:11 > {fast}", true, false },
	{ awaits_nuitka, "f:11 > {outer} > {inner}", true, false },
	{ awaits_unknown_nuitka, "f:11 > [compiled_coroutine]", false, false },
	{ awaits_nuitka_that_awaits_a_list, "f:11 > {outer}", false, true },
	{ awaits_null, "f:11", false, true },
	{ awaits_no_object, "f:11 > ?", false, true },
	{ awaits_what_nobody_can, "f:11 > [list]", false, true },
	{ awaits_finished, "f:11", false, true },
	{ awaits_created, "f:11", false, true },
	{ awaits_executing, "f:11", false, true },
	{ awaits_frame_without_code, "f:11 > ?", false, true },
	{ awaits_dangling_iterator, "f:11", false, true },
};

/* One row of the table in one version. */
static void follow_one(unsigned minor, int row)
{
	struct fake *f = fake_new(minor);
	tc_addr future = fake_future(f, (struct fake_future){ 0 }), code = fake_plain_code(f);
	/* a target of 0 is no stack at all: it is put there afterwards */
	tc_addr coro = fake_coro(f, (struct fake_coro){ .code = code, .awaits = future });
	tc_addr task = fake_plain_task(f, coro, awaited[row].leads ? future : 0);

	fake_await(f, coro, awaited[row].make(f, future));
	struct walked *w = fake_walk(f);
	ck_assert_str_eq(walked_chain(w, walked_task(w)->chain), awaited[row].chain);
	ck_assert_uint_eq(w->walk.counts.torn, awaited[row].torn);
	ck_assert_int_eq((walked_task(w)->flags & TC_TASK_TORN) != 0, awaited[row].torn);
	if (awaited[row].leads)
		ck_assert_uint_eq(walked_task(w)->leaf, future);
	if (awaited[row].torn) {
		ck_assert_uint_eq(w->model.n_faults, 1);
		ck_assert_uint_eq(w->model.faults[0].addr, task);
	}
	walked_free(w);
	fake_free(f);
}

START_TEST(test_chain_is_followed_through_each_kind_of_awaitable)
{
	for (int m = 0; m < ROWS(minors); m++)
		follow_one(minors[m], _i);
}
END_TEST

START_TEST(test_waiter_that_is_not_the_leaf_is_torn)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr future = fake_future(f, (struct fake_future){ 0 }),
		other = fake_future(f, (struct fake_future){ 0 });

	fake_plain_task(f, fake_coros(f, fake_plain_code(f), 1, future), other);
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.torn, 1);
	ck_assert_uint_eq(walked_task(w)->waiter, other);
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_ring_of_coroutines_is_said_and_torn)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr code = fake_plain_code(f), last = fake_coros(f, code, 1, f->none);
	tc_addr first = fake_coros(f, code, 6, last);

	fake_await(f, last, first);
	fake_plain_task(f, first, 0);
	struct walked *w = fake_walk(f);
	const char *chain = walked_chain(w, walked_task(w)->chain);
	ck_assert_uint_eq(w->walk.counts.torn, 1);
	ck_assert_ptr_nonnull(strstr(chain, "'a ring: this chain leads back into itself'"));
	ck_assert_uint_lt(strlen(chain), 500);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* Wrappers are no links: a ring of nothing else is found too. */
START_TEST(test_ring_of_wrappers_is_said_and_torn)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr wrapper = fake_wrapper(f, FAKE_CORO_WRAPPER, 0);

	fake_put(f, wrapper + 16, wrapper);
	fake_plain_task(f, wrapper, 0);
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.torn, 1);
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_chain_of_more_links_than_the_bound_is_cut)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr future = fake_future(f, (struct fake_future){ 0 });

	fake_plain_task(f, fake_coros(f, fake_plain_code(f), TC_CHAIN_MAX + 1, future), future);
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.cut, 1);
	ck_assert(walked_task(w)->flags & TC_TASK_CUT);
	ck_assert_uint_eq(tc_model_chain(&w->model, walked_task(w)->chain)->kind, TC_FRAME_TEXT);
	walked_free(w);
	fake_free(f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("chains");
	TCase *c = tcase_create("chains");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, test_chain_is_followed_through_each_kind_of_awaitable, 0,
			    ROWS(awaited));
	tcase_add_loop_test(c, test_waiter_that_is_not_the_leaf_is_torn, 0, ROWS(minors));
	tcase_add_loop_test(c, test_ring_of_coroutines_is_said_and_torn, 0, ROWS(minors));
	tcase_add_loop_test(c, test_ring_of_wrappers_is_said_and_torn, 0, ROWS(minors));
	tcase_add_loop_test(c, test_chain_of_more_links_than_the_bound_is_cut, 0, ROWS(minors));
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
