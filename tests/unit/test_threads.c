/* SPDX-License-Identifier: Apache-2.0
 * Interpreters and threads of a fake Python: who they are, what they run, who holds the GIL; and
 * the walk as a whole where something is missing. */
#include <check.h>

#include "tests/unit/run_suite.h"
#include "tests/unit/walked.h"

static tc_addr named_code(struct fake *f, const char *name)
{
	return fake_code(f, (struct fake_code){ .name = name, .names = "a" });
}

static void run(struct fake *f, tc_addr thread, const char *name)
{
	tc_addr one = fake_int(f, 1);

	fake_run(f, thread,
		 fake_frame(f, (struct fake_frame){ .code = named_code(f, name),
						    .lasti = 2,
						    .n_locals = 1,
						    .locals = &one }));
}

static const struct tc_pythread *thread_of(const struct walked *w, tc_addr tstate)
{
	for (size_t i = 0; i < w->model.n_pythreads; i++)
		if (w->model.pythreads[i].addr == tstate)
			return &w->model.pythreads[i];
	ck_abort_msg("the thread has no record");
}

START_TEST(test_threads_have_their_frames_ids_and_gil)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr worker = fake_thread(f, f->interp, 101);

	run(f, f->main_thread, "main");
	run(f, worker, "target");
	run(f, worker, "work");
	fake_hold_gil(f, worker);
	struct walked *w = fake_walk(f);
	const struct tc_pythread *main_ = thread_of(w, f->main_thread),
				 *other = thread_of(w, worker);
	ck_assert_uint_eq(w->walk.counts.threads, 2);
	ck_assert_uint_eq(main_->tid, 100);
	ck_assert_uint_eq(other->tid, 101);
	ck_assert_uint_eq(main_->flags, TC_PYTHREAD_MAIN | TC_PYTHREAD_GIL_KNOWN);
	ck_assert_uint_eq(other->flags, TC_PYTHREAD_HOLDS_GIL | TC_PYTHREAD_GIL_KNOWN);
	ck_assert_str_eq(walked_chain(w, main_->chain), "main:11");
	ck_assert_str_eq(walked_chain(w, other->chain), "target:11 > work:11");
	ck_assert_ptr_nonnull(main_->locals);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* A lock of the program is a futex, too. */
START_TEST(test_who_waits_for_the_gil_is_known_by_the_futex)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr worker = fake_thread(f, f->interp, 101), gil = fake_gil(f, f->interp);
	static const struct {
		int64_t syscall;
		uint64_t past; /* the first byte of the GIL */
		uint32_t flag;
	} waits[] = { { 202, 32, TC_PYTHREAD_WAITS_GIL },
		      { 202, 207, TC_PYTHREAD_WAITS_GIL },
		      { 202, 208, 0 },
		      { 202, (uint64_t)-4, 0 },
		      { 232, 32, 0 },
		      { -1, 32, 0 } };

	fake_hold_gil(f, worker);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		f->threads[0].syscall = waits[i].syscall;
		f->threads[0].args[0] = gil + waits[i].past;
		struct walked *w = fake_walk(f);
		ck_assert_uint_eq(thread_of(w, f->main_thread)->flags & TC_PYTHREAD_WAITS_GIL,
				  waits[i].flag);
		walked_free(w);
	}
	fake_free(f);
}
END_TEST

/* What the interpreter keeps is of no thread of the kernel's. */
START_TEST(test_thread_is_known_by_the_c_librarys_own_id_too)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr pthread = fake_word(f, f->main_thread + f->py.at.ts_thread_id);

	if (f->py.at.ts_native_id != TC_NONE)
		fake_put(f, f->main_thread + f->py.at.ts_native_id, 9999);
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->model.pythreads[0].tid, 100); /* glibc's */
	walked_free(w);
	fake_put32(f, pthread + 720, 0);
	fake_put32(f, pthread + 48, 102);
	w = fake_walk(f);
	ck_assert_uint_eq(w->model.pythreads[0].tid, 102); /* musl's */
	walked_free(w);
	fake_put32(f, pthread + 48, 0);
	w = fake_walk(f);
	ck_assert_uint_eq(w->model.pythreads[0].tid, 0);
	walked_free(w);
	f->target.mem.threads_missing = true;
	w = fake_walk(f);
	ck_assert_uint_eq(w->model.pythreads[0].tid, f->py.at.ts_native_id != TC_NONE ? 9999 : 0);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* Forked by a raw clone: the ids are the parent's, and one state has frames. */
START_TEST(test_only_thread_of_a_process_is_the_one_state_that_has_frames)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr other = fake_thread(f, f->interp, 9998);

	fake_put32(f, fake_word(f, f->main_thread + f->py.at.ts_thread_id) + 720, 9999);
	if (f->py.at.ts_native_id != TC_NONE)
		fake_put(f, f->main_thread + f->py.at.ts_native_id, 9999);
	run(f, f->main_thread, "main");
	f->target.mem.n_threads = 1;
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(thread_of(w, f->main_thread)->tid, 100);
	walked_free(w);
	run(f, other, "other"); /* now nobody can tell */
	w = fake_walk(f);
	ck_assert_uint_eq(thread_of(w, f->main_thread)->tid, 0);
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_running_loop_of_a_thread_is_named_and_found_by_runners)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr loop = fake_loop(f, (struct fake_loop){ 0 }),
		worker = fake_thread(f, f->interp, 101);
	struct tc_runtime_site site = fake_site(f);
	uint32_t tids[8];

	ck_assert_uint_eq(tc_walk_runners(&f->target.mem, &site, tids, 8), 0);
	fake_running_loop(f, worker, loop);
	size_t n = tc_walk_runners(&f->target.mem, &site, tids, 8);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(tids[0], 101);
	ck_assert_uint_eq(tc_walk_runners(&f->target.mem, &site, tids, 1),
			  0); /* no room for two ids */
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(tc_model_loopref(&w->model, thread_of(w, worker)->loop)->addr, loop);
	ck_assert_uint_eq(thread_of(w, f->main_thread)->loop, 0);
	ck_assert_uint_eq(w->walk.python.n_loop_tids, 1);
	ck_assert_uint_eq(w->walk.python.loop_tids[0], 101);
	walked_free(w);
	fake_put(f, f->runtime + f->py.at.rt_interp_head, 0);
	ck_assert_uint_eq(tc_walk_runners(&f->target.mem, &site, tids, 8), 0);
	fake_free(f);
}
END_TEST

/* Damage. */

START_TEST(test_thread_of_another_interpreter_ends_the_list)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr worker = fake_thread(f, f->interp, 101);

	fake_put(f, f->main_thread + f->py.at.ts_interp, 0x10);
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.threads, 1);
	ck_assert_uint_eq(w->model.pythreads[0].addr, worker);
	ck_assert_uint_eq(w->model.faults[0].addr, f->main_thread);
	ck_assert_uint_eq(w->model.faults[0].error, TC_ETORN);
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_stack_that_cannot_be_read_is_torn)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr worker = fake_thread(f, f->interp, 101), frame;

	run(f, f->main_thread, "main");
	ck_assert_int_eq(tc_thread_frame(&f->py, f->main_thread, &frame), 0);
	fake_put(f,
		 frame + (f->py.at.frames == TC_FRAMES_OBJECT ? f->py.at.fo_back :
								f->py.at.if_previous),
		 frame); /* its own caller */
	fake_run(f, worker,
		 fake_frame(f, (struct fake_frame){ .code = f->none })); /* without a code */
	ck_assert_int_eq(tc_thread_frame(&f->py, worker, &frame), 0);
	fake_put(f,
		 frame + (f->py.at.frames == TC_FRAMES_OBJECT ? f->py.at.fo_back :
								f->py.at.if_previous),
		 0x10);
	struct walked *w = fake_walk(f);
	ck_assert(thread_of(w, f->main_thread)->flags & TC_PYTHREAD_TORN);
	ck_assert(thread_of(w, worker)->flags & TC_PYTHREAD_TORN);
	ck_assert_str_eq(walked_chain(w, thread_of(w, worker)->chain), "?");
	walked_free(w);
	fake_free(f);
}
END_TEST

/* Frames in a ring: read until the bound. */
START_TEST(test_ring_of_frames_is_cut)
{
	struct fake *f = fake_new(minors[_i]);
	uint16_t previous =
		f->py.at.frames == TC_FRAMES_OBJECT ? f->py.at.fo_back : f->py.at.if_previous;
	tc_addr frame;

	run(f, f->main_thread, "a");
	ck_assert_int_eq(tc_thread_frame(&f->py, f->main_thread, &frame), 0);
	run(f, f->main_thread, "b");
	tc_addr top;
	ck_assert_int_eq(tc_thread_frame(&f->py, f->main_thread, &top), 0);
	fake_put(f, frame + previous, top);
	struct walked *w = fake_walk(f);
	uint32_t at = w->model.pythreads[0].chain;
	while (tc_model_chain(&w->model, at)->parent)
		at = tc_model_chain(&w->model, at)->parent;
	ck_assert_uint_eq(tc_model_chain(&w->model, at)->kind, TC_FRAME_TEXT);
	ck_assert_str_eq(walked_string(w, tc_model_chain(&w->model, at)->ref), "outer frames cut");
	walked_free(w);
	fake_free(f);
}
END_TEST

/* The list of threads is a ring: as many as there is room for. */
START_TEST(test_ring_of_threads_is_cut_and_said)
{
	struct fake *f = fake_new(minors[_i]);

	fake_put(f, f->main_thread + f->py.at.ts_next, f->main_thread);
	struct walked *w = fake_walk_with(f, &(struct tc_walk_options){ .seed = 1 }, 12u << 20);
	ck_assert_uint_gt(w->walk.counts.threads, 1);
	ck_assert(walked_says(w, "more threads of the interpreter"));
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_frames_of_threads_without_a_loop_are_left_out_when_it_is_late)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr worker = fake_thread(f, f->interp, 101);

	run(f, f->main_thread, "main");
	run(f, worker, "work");
	struct walked *w =
		fake_walk_with(f, &(struct tc_walk_options){ .threads_end_ns = 1 }, 32u << 20);
	ck_assert_str_eq(walked_chain(w, thread_of(w, f->main_thread)->chain), "main:11");
	ck_assert_uint_eq(thread_of(w, worker)->chain, 0);
	ck_assert(walked_says(w, "there was no time"));
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_gil_that_cannot_be_read_is_unknown)
{
	struct fake *f = fake_new(minors[_i]);

	if (f->py.at.is_gil == TC_NONE)
		return fake_free(f); /* it is in _PyRuntime, which was read */
	fake_put(f, f->interp + f->py.at.is_gil, 0x10);
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->model.pythreads[0].flags, TC_PYTHREAD_MAIN);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* Interpreters. */

START_TEST(test_each_interpreter_has_its_record)
{
	struct fake *f = fake_new(minors[_i]);

	fake_interp(f, 7);
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.interps, 2);
	ck_assert_uint_eq(w->walk.counts.threads, 2);
	ck_assert_uint_eq(w->model.interps[1].flags, 0);
	ck_assert_uint_eq(w->model.interps[2].flags, TC_INTERP_NO_ASYNCIO);
	ck_assert_uint_eq(w->model.interps[2].id, 7);
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_ring_of_interpreters_ends)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr second = fake_interp(f, 1), third = fake_interp(f, 2);

	fake_put(f, third + f->py.at.is_next, second);
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.interps, 1024);
	ck_assert(walked_says(w, "more than 1024 interpreters"));
	walked_free(w);
	fake_put(f, third + f->py.at.is_next, f->interp); /* to the first */
	w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.interps, 3);
	walked_free(w);
	fake_free(f);
}
END_TEST

START_TEST(test_debug_build_and_collection_are_told)
{
	struct fake *f = fake_new(minors[_i]);

	fake_put(f, f->interp + f->py.at.is_sysdict,
		 fake_dict(f, FAKE_PAIRS({ "hexversion", fake_int(f, f->version) },
					 { "abiflags", fake_str(f, "d") })));
	if (f->py.at.is_gc_collecting != TC_NONE)
		fake_put32(f, f->interp + f->py.at.is_gc_collecting, 1);
	struct walked *w = fake_walk(f);
	ck_assert(w->walk.python.debug);
	ck_assert_uint_eq(
		w->model.interps[1].flags,
		TC_INTERP_DEBUG |
			(f->py.at.is_gc_collecting != TC_NONE ? TC_INTERP_COLLECTING : 0u));
	walked_free(w);
	fake_free(f);
}
END_TEST

static bool refuse(void *context, uint32_t holder, uint32_t n_threads)
{
	ck_assert_uint_eq(holder, 100);
	ck_assert_uint_eq(n_threads, 1);
	*(int *)context += 1;
	return false;
}

START_TEST(test_walk_ends_where_an_interpreter_is_not_wanted)
{
	struct fake *f = fake_new(minors[_i]);
	int calls = 0;

	fake_hold_gil(f, f->main_thread);
	struct walked *w = fake_walk_with(
		f, &(struct tc_walk_options){ .on_interp = refuse, .context = &calls }, 32u << 20);
	ck_assert_int_eq(w->r, -TC_EBOUND);
	ck_assert_int_eq(calls, 1);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* The walk where something is missing: what is done to it, the result, what is said. */
static void no_module(struct fake *f)
{
	f->target.mem.n_modules = 0;
}

static void not_started(struct fake *f)
{
	fake_put(f, f->runtime + f->py.at.rt_interp_head, 0);
}

static void other_layout(struct fake *f)
{
	fake_put(f, f->interp + f->py.at.is_sysdict, fake_dict(f, FAKE_EMPTY));
}

static void free_threaded(struct fake *f)
{
	fake_put(f, f->runtime + 16, 1);
}

static void no_modules_dict(struct fake *f)
{
	fake_put(f, f->interp + f->py.at.is_modules, 0);
}

static void wild_modules(struct fake *f)
{
	fake_put(f, f->interp + f->py.at.is_modules, 0x10);
}

static void trio(struct fake *f)
{
	fake_dict_add(f, f->modules, fake_str(f, "trio"), f->none);
}

static void no_asyncio_offsets(struct fake *f)
{
	fake_put(f, fake_word(f, f->asyncio_c + f->py.at.module_state) + f->py.at.as_debug, 0);
}

static const struct {
	void (*breaks)(struct fake *f);
	int want;
	const char *says;
} missing[] = {
	{ no_module, -TC_ENOPYTHON, NULL },
	{ not_started, -TC_ESTARTING, "has not started yet" },
	{ other_layout, -TC_EPROBE, "layout is not known" },
	{ free_threaded, -TC_EUNKNOWN, "free-threaded" },
	{ no_modules_dict, 0, NULL },
	{ wild_modules, 0, "sys.modules could not be read whole" },
	{ trio, 0, "trio is loaded" },
	{ no_asyncio_offsets, 0, "asyncio's own offsets could not be read" },
};

START_TEST(test_what_is_missing_is_said)
{
	struct fake *f = fake_new(14);

	missing[_i].breaks(f);
	struct walked *w = fake_walk(f);
	ck_assert_int_eq(w->r, missing[_i].want);
	if (missing[_i].says)
		ck_assert_msg(walked_says(w, missing[_i].says), "%s", w->walk.notices.lines[0]);
	else
		ck_assert_uint_eq(w->walk.notices.n, 0);
	ck_assert_uint_eq(w->walk.counts.interps, missing[_i].want != -TC_ENOPYTHON);
	if (w->walk.counts.interps)
		ck_assert_int_eq((w->model.interps[1].flags & TC_INTERP_UNKNOWN) != 0,
				 missing[_i].want != 0);
	walked_free(w);
	fake_free(f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("threads");
	TCase *c = tcase_create("threads");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, test_threads_have_their_frames_ids_and_gil, 0, ROWS(minors));
	tcase_add_loop_test(c, test_who_waits_for_the_gil_is_known_by_the_futex, 0, ROWS(minors));
	tcase_add_loop_test(c, test_thread_is_known_by_the_c_librarys_own_id_too, 0, ROWS(minors));
	tcase_add_loop_test(c, test_only_thread_of_a_process_is_the_one_state_that_has_frames, 0,
			    ROWS(minors));
	tcase_add_loop_test(c, test_running_loop_of_a_thread_is_named_and_found_by_runners, 0,
			    ROWS(minors));
	tcase_add_loop_test(c, test_thread_of_another_interpreter_ends_the_list, 0, ROWS(minors));
	tcase_add_loop_test(c, test_stack_that_cannot_be_read_is_torn, 0, ROWS(minors));
	tcase_add_loop_test(c, test_ring_of_frames_is_cut, 0, ROWS(minors));
	tcase_add_loop_test(c, test_ring_of_threads_is_cut_and_said, 0, ROWS(minors));
	tcase_add_loop_test(c, test_frames_of_threads_without_a_loop_are_left_out_when_it_is_late,
			    0, ROWS(minors));
	tcase_add_loop_test(c, test_gil_that_cannot_be_read_is_unknown, 0, ROWS(minors));
	tcase_add_loop_test(c, test_each_interpreter_has_its_record, 0, ROWS(minors));
	tcase_add_loop_test(c, test_ring_of_interpreters_ends, 0, ROWS(minors));
	tcase_add_loop_test(c, test_debug_build_and_collection_are_told, 0, ROWS(minors));
	tcase_add_loop_test(c, test_walk_ends_where_an_interpreter_is_not_wanted, 0, ROWS(minors));
	tcase_add_loop_test(c, test_what_is_missing_is_said, 0, ROWS(missing));
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
