/* SPDX-License-Identifier: Apache-2.0
 * A target that runs while it is read through a cache: chains that moved are read anew, and those
 * that never hold are torn. */
#include <check.h>
#include <stdlib.h>

#include "tests/unit/run_suite.h"
#include "tests/unit/walked.h"

/* What the reader holds: the target as it was. */
static uint8_t *cached;
static size_t cached_size;
static bool never_same;
/* the target stands still until so many reads were made, then it is let go; 0: it is not */
static unsigned let_go_after, n_reads;

static int read_cached(struct tc_mem *mem, tc_addr from, void *to, size_t size)
{
	mem->live |= ++n_reads == let_go_after;
	if (from < FAKE_BASE || from - FAKE_BASE > cached_size ||
	    size > cached_size - (from - FAKE_BASE))
		return -TC_EFAULT;
	memcpy(to, cached + (from - FAKE_BASE), size);
	return 0;
}

static void renew(struct tc_mem *mem, const struct tc_mem_piece *pieces, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pieces[i].from >= FAKE_BASE &&
		    pieces[i].from - FAKE_BASE + pieces[i].size <= cached_size)
			fake_mem_read(mem, pieces[i].from, cached + (pieces[i].from - FAKE_BASE),
				      pieces[i].size);
}

static void same(struct tc_mem *mem, const struct tc_mem_piece *pieces, size_t n,
		 const uint8_t *known, bool *ret)
{
	uint8_t now[TC_PIECE_MAX];

	for (size_t i = 0; i < n; known += pieces[i++].size)
		ret[i] = !never_same &&
			 fake_mem_read(mem, pieces[i].from, now, pieces[i].size) == 0 &&
			 memcmp(now, known, pieces[i].size) == 0;
}

static void forget(struct tc_mem *mem, tc_addr from, size_t size)
{
	renew(mem, &(struct tc_mem_piece){ from, (uint32_t)size }, 1);
}

static bool moved(struct tc_mem *mem)
{
	(void)mem;
	return true;
}

static const struct tc_mem_ops ops = {
	.read = read_cached, .forget = forget, .moved = moved, .renew = renew, .same = same
};

/* From here on the reader sees the target as it is now. */
static void take_cache(struct fake *f)
{
	cached_size = f->next - FAKE_BASE + 65536;
	cached = malloc(cached_size);
	ck_assert_ptr_nonnull(cached);
	memcpy(cached, f->target.bytes, cached_size);
	never_same = false;
	f->target.mem.ops = &ops;
	f->target.mem.live = true;
}

static void end(struct fake *f, struct walked *w)
{
	walked_free(w);
	fake_free(f);
	free(cached);
}

/* Three tasks that are let go at that read, and never hold from then on: how many are torn. */
static uint64_t torn_when_let_go(unsigned minor, unsigned after)
{
	struct fake *f = fake_new(minor);
	tc_addr code = fake_code(f, (struct fake_code){ .awaits = true });

	for (int i = 0; i < 3; i++) {
		tc_addr future = fake_future(f, (struct fake_future){ 0 });
		fake_register(
			f, fake_task(f, (struct fake_task){ .name = fake_int(f, i + 1),
							    .coro = fake_coros(f, code, 2, future),
							    .waiter = future }));
	}
	take_cache(f);
	f->target.mem.live = false;
	never_same = true;
	n_reads = 0;
	let_go_after = after;
	struct walked *w = fake_walk(f);
	uint64_t torn = w->walk.counts.torn;
	let_go_after = 0;
	ck_assert_uint_eq(w->walk.counts.read + torn, 3);
	for (size_t i = 1; i < w->model.n_tasks; i++) /* once torn, those behind it are */
		ck_assert(!(w->model.tasks[i - 1].flags & TC_TASK_TORN) ||
			  w->model.tasks[i].flags & TC_TASK_TORN);
	end(f, w);
	return torn;
}

START_TEST(test_chain_that_moved_is_read_as_it_is_now)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr code = fake_code(f, (struct fake_code){ .awaits = true });
	tc_addr old = fake_future(f, (struct fake_future){ 0 }),
		new = fake_future(f, (struct fake_future){ 0 });
	tc_addr inner = fake_coros(f, code, 1, old),
		still = fake_future(f, (struct fake_future){ 0 });
	tc_addr task = fake_task(f, (struct fake_task){ .name = fake_str(f, "moves"),
							.coro = fake_coros(f, code, 2, inner),
							.waiter = old });

	fake_register(f, task);
	fake_register(f, fake_task(f, (struct fake_task){ .name = fake_int(f, 3),
							  .coro = fake_coros(f, code, 2, still),
							  .waiter = still }));
	take_cache(f);
	fake_await(f, inner, new);
	fake_put(f, task + f->py.at.task_waiter, new);
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.read, 2);
	ck_assert_uint_eq(w->walk.counts.torn, 0);
	ck_assert_uint_eq(tc_model_task_at(&w->model, task)->leaf, new);
	end(f, w);
}
END_TEST

START_TEST(test_chain_that_never_holds_is_torn)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr code = fake_code(f, (struct fake_code){ .awaits = true }),
		future = fake_future(f, (struct fake_future){ 0 });

	fake_register(f, fake_task(f, (struct fake_task){ .coro = fake_coros(f, code, 2, future),
							  .waiter = future }));
	take_cache(f);
	never_same = true;
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.found, 1);
	ck_assert_uint_eq(w->walk.counts.torn, 1);
	ck_assert(w->model.tasks[0].flags & TC_TASK_TORN);
	end(f, w);
}
END_TEST

START_TEST(test_running_task_that_stays_is_whole)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr code = fake_code(f, (struct fake_code){ .awaits = true }),
		loop = fake_loop(f, (struct fake_loop){ 0 });
	tc_addr coro = fake_coro(f, (struct fake_coro){ .code = code, .state = TC_GEN_EXECUTING });
	tc_addr task = fake_task(f, (struct fake_task){ .coro = coro });

	fake_register(f, task);
	fake_dict_add(f, f->current, loop, task);
	fake_running_loop(f, f->main_thread, loop);
	fake_run(f, f->main_thread, fake_coro_frame(f, coro));
	fake_run(f, f->main_thread, fake_frame(f, (struct fake_frame){ .code = code }));
	take_cache(f);
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.read, 1);
	ck_assert(w->model.tasks[0].flags & TC_TASK_RUNNING);
	end(f, w);
}
END_TEST

START_TEST(test_target_that_is_let_go_in_a_batch_is_proven_from_there_on)
{
	bool some = false;

	ck_assert_uint_eq(torn_when_let_go(minors[_i], 0), 0);
	for (unsigned total = n_reads, at = 1; at < total; at += total / 100 + 1) {
		uint64_t torn = torn_when_let_go(minors[_i], at);
		some |= torn > 0 && torn < 3;
	}
	ck_assert(some);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ties");
	TCase *c = tcase_create("ties");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, test_target_that_is_let_go_in_a_batch_is_proven_from_there_on, 0,
			    ROWS(minors));
	tcase_add_loop_test(c, test_chain_that_moved_is_read_as_it_is_now, 0, ROWS(minors));
	tcase_add_loop_test(c, test_chain_that_never_holds_is_torn, 0, ROWS(minors));
	tcase_add_loop_test(c, test_running_task_that_stays_is_whole, 0, ROWS(minors));
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
