/* SPDX-License-Identifier: Apache-2.0
 * Chains that lead through a suspended greenlet, out of a fake interpreter, of each version and
 * each layout of greenlet. */
#include <check.h>

#include "tests/unit/run_suite.h"
#include "tests/unit/walked.h"

/* Where releases keep stack_start and the innermost frame: in the object (1.1.3), in the C++
 * object (2.0.2), in the C++ object behind _self (3.1.0). top and start are those from Python
 * 3.11 on; the item that lies before them is 16 bytes longer up to 3.10. */
static const struct release {
	const char *name;
	bool in_object, self;
	unsigned start, top;
} releases[] = {
	{ "1.1.3", true, false, 16, 72 },
	{ "2.0.2", false, false, 48, 96 },
	{ "3.1.0", false, true, 56, 104 },
};

#define N_RELEASES (int)(sizeof(releases) / sizeof(releases[0]))
#define N_CASES (N_RELEASES * (int)(sizeof(minors) / sizeof(minors[0])))

enum { STACK = 0x7ff0000, STACK_BYTES = 0x1000 };

/* An interpreter with greenlet imported, and a task that waits through a greenlet. */
struct scene {
	struct fake *f;
	const struct release *release;
	tc_addr class, greenlet,
		state; /* a class derived from greenlet.greenlet; an instance; where its state is */
	tc_addr inner_frame, outer_frame;
	tc_addr future;
};

static unsigned more(const struct scene *s)
{
	return !s->release->in_object && s->f->py.at.frames == TC_FRAMES_OBJECT ? 16 : 0;
}

static void make_class(struct scene *s)
{
	struct fake *f = s->f;
	tc_addr base =
		fake_static_type(f, "greenlet.greenlet", 0, s->release->in_object ? 144 : 40);
	tc_addr module = fake_object(f, f->types[FAKE_MODULE], 64);

	fake_put(f, module + TC_MODULE_DICT, fake_dict(f, FAKE_PAIRS({ "greenlet", base })));
	fake_dict_add(f, f->modules, fake_str(f, "greenlet"), module);
	s->class = fake_class(f, (struct fake_class){ .name = "_AsyncIoGreenlet",
						      .module = "sqlalchemy",
						      .bases = { base } });
}

static void make_greenlet(struct scene *s)
{
	struct fake *f = s->f;

	s->greenlet = fake_object(f, s->class, 160);
	s->state = s->release->in_object ? s->greenlet : fake_alloc(f, 256);
	if (!s->release->in_object)
		fake_put(f, s->greenlet + 32, s->state);
	if (s->release->self)
		fake_put(f, s->state + 8, s->greenlet);
	fake_put(f, s->state + s->release->start + more(s), STACK);
	fake_put(f, s->state + s->release->start + more(s) + 8, STACK + STACK_BYTES);
	fake_put(f, s->state + s->release->top + more(s), fake_frame_object(f, s->inner_frame));
}

/* handed: what the innermost frame of the greenlet has as a local; awaited: what the coroutine
 * awaits. */
static void make_task(struct scene *s, tc_addr handed, tc_addr awaited)
{
	struct fake *f = s->f;
	tc_addr outer = fake_code(f, (struct fake_code){ .name = "query", .line = 20 });
	tc_addr inner = fake_code(
		f, (struct fake_code){ .name = "await_only", .line = 30, .names = "awaitable" });
	tc_addr code = fake_code(f, (struct fake_code){ .name = "greenlet_spawn",
							.names = "context",
							.flags = TC_CO_COROUTINE,
							.awaits = true });

	s->outer_frame = fake_frame(f, (struct fake_frame){ .code = outer, .lasti = 2 });
	s->inner_frame = fake_frame(f, (struct fake_frame){ .code = inner,
							    .lasti = 2,
							    .previous = s->outer_frame,
							    .n_locals = 1,
							    .locals = &handed });
	make_greenlet(s);
	tc_addr coro = fake_coro(f, (struct fake_coro){ .code = code,
							.qualname = "greenlet_spawn",
							.awaits = awaited,
							.n_locals = 1,
							.locals = &s->greenlet });
	fake_register(f, fake_task(f, (struct fake_task){ .name = fake_str(f, "T"),
							  .coro = coro,
							  .waiter = s->future }));
}

static struct scene scene(int i)
{
	struct scene s = { .f = fake_new(minors[i / N_RELEASES]),
			   .release = &releases[i % N_RELEASES] };

	make_class(&s);
	s.future = fake_future(s.f, (struct fake_future){ 0 });
	return s;
}

/* A coroutine that awaits the future of the scene. */
static tc_addr driver(struct scene *s, size_t n_locals, const tc_addr *locals)
{
	tc_addr code = fake_code(s->f, (struct fake_code){ .name = "wait",
							   .flags = TC_CO_COROUTINE,
							   .names = n_locals ? "self" : NULL,
							   .awaits = true });

	return fake_coro(s->f, (struct fake_coro){ .code = code,
						   .qualname = "wait",
						   .awaits = s->future,
						   .n_locals = n_locals,
						   .locals = locals });
}

/* The chain of the one task must be so; n: torn, cut. */
static void check(struct scene *s, const char *chain, unsigned torn, unsigned cut)
{
	struct walked *w = fake_walk(s->f);

	ck_assert_msg(w->model.n_tasks == 1, "%s: %zu tasks", s->release->name, w->model.n_tasks);
	const char *found = walked_chain(w, w->model.tasks[0].chain);
	ck_assert_msg(strcmp(found, chain) == 0, "%s: %s", s->release->name, found);
	ck_assert_uint_eq(w->walk.counts.torn, torn);
	ck_assert_uint_eq(w->walk.counts.cut, cut);
	walked_free(w);
	fake_free(s->f);
}

#define WITHOUT "greenlet_spawn:11 > wait:11"
#define WHOLE "greenlet_spawn:11 > query:21 > await_only:31 > wait:11"

START_TEST(test_frames_of_the_greenlet_come_between_the_coroutine_and_what_it_awaits)
{
	struct scene s = scene(_i);
	tc_addr awaited = driver(&s, 0, NULL);

	make_task(&s, awaited, awaited);
	check(&s, WHOLE, 0, 0);
}
END_TEST

START_TEST(test_object_with_an_await_method_is_known_by_its_generator)
{
	struct scene s = scene(_i);
	tc_addr object = fake_object(s.f, s.f->types[FAKE_DEQUE], 64);
	tc_addr wrapper = fake_wrapper(s.f, FAKE_CORO_WRAPPER, driver(&s, 1, &object));

	make_task(&s, fake_cell(s.f, object), wrapper);
	check(&s, WHOLE, 0, 0);
}
END_TEST

START_TEST(test_greenlet_that_handed_over_something_else_is_not_waited_for)
{
	struct scene s = scene(_i);

	make_task(&s, s.f->none, driver(&s, 0, NULL));
	check(&s, WITHOUT, 0, 0);
}
END_TEST

/* stack_start is 0 (PythonState has a frame left), or it runs and has none. */
START_TEST(test_greenlet_that_is_not_suspended_is_left_out)
{
	for (int running = 0; running < 2; running++) {
		struct scene s = scene(_i);
		tc_addr awaited = driver(&s, 0, NULL);
		make_task(&s, awaited, awaited);
		fake_put(s.f, s.state + more(&s) + (running ? s.release->top : s.release->start),
			 0);
		check(&s, WITHOUT, 0, 0);
	}
}
END_TEST

START_TEST(test_stack_that_leads_nowhere_is_torn)
{
	struct scene s = scene(_i);
	tc_addr awaited = driver(&s, 0, NULL);
	const struct tc_layout *at = &s.f->py.at;

	make_task(&s, awaited, awaited);
	fake_put(s.f,
		 s.inner_frame + (at->frames == TC_FRAMES_OBJECT ? at->fo_back : at->if_previous),
		 0x4000);
	check(&s, "greenlet_spawn:11 > await_only:31 > wait:11", 1, 0);
}
END_TEST

/* The innermost 4096 frames stay. */
START_TEST(test_stack_in_a_ring_ends_and_is_cut)
{
	struct scene s = scene(_i);
	tc_addr awaited = driver(&s, 0, NULL);
	const struct tc_layout *at = &s.f->py.at;

	make_task(&s, awaited, awaited);
	fake_put(s.f,
		 s.outer_frame + (at->frames == TC_FRAMES_OBJECT ? at->fo_back : at->if_previous),
		 s.inner_frame);
	struct walked *w = fake_walk(s.f);
	const struct tc_chain *link = tc_model_chain(&w->model, w->model.tasks[0].chain);
	ck_assert_uint_eq(link->depth, 4096 + 3);
	ck_assert_uint_eq(w->walk.counts.cut, 1);
	walked_free(w);
	fake_free(s.f);
}
END_TEST

/* Up to 3.0.2 on Python 3.12 the entries of calls from C are on the C stack, which was moved
 * away. */
START_TEST(test_frame_on_the_moved_part_of_the_stack_is_read_where_it_was_moved)
{
	struct scene s = scene(_i);
	tc_addr awaited = driver(&s, 0, NULL);
	const struct tc_layout *at = &s.f->py.at;

	make_task(&s, awaited, awaited);
	if (at->frames != TC_FRAMES_OBJECT) {
		tc_addr copy = fake_alloc(s.f, STACK_BYTES);
		tc_addr entry = copy + 256;
		fake_put(s.f, s.state + s.release->start + 16, copy);
		fake_put(s.f, s.state + s.release->start + 24, STACK_BYTES);
		fake_put(s.f, entry + at->if_previous, s.outer_frame);
		fake_put8(s.f, entry + at->if_owner, at->owner_foreign);
		fake_put(s.f, s.inner_frame + at->if_previous, STACK + 256);
	}
	check(&s, WHOLE, 0, 0);
}
END_TEST

/* The task runs in the greenlet: outer has entered greenlet_spawn, in whose locals is the
 * greenlet that runs; the stack of the thread is the greenlet's. entered: the frames say so. */
static void run_in_greenlet(struct scene *s, bool entered)
{
	struct fake *f = s->f;
	const struct tc_layout *at = &f->py.at;
	tc_addr code = fake_code(
		f, (struct fake_code){ .name = "outer", .flags = TC_CO_COROUTINE, .awaits = true });
	tc_addr spawn = fake_code(f, (struct fake_code){ .name = "greenlet_spawn",
							 .names = "context",
							 .flags = TC_CO_COROUTINE,
							 .awaits = true });
	tc_addr loop = fake_loop(f, (struct fake_loop){ 0 });

	make_greenlet(s);
	fake_put(f, s->state + more(s) + s->release->top, 0);
	tc_addr inner = fake_coro(f, (struct fake_coro){ .code = spawn,
							 .qualname = "greenlet_spawn",
							 .state = TC_GEN_EXECUTING,
							 .n_locals = 1,
							 .locals = &s->greenlet });
	tc_addr outer = fake_coro(
		f,
		(struct fake_coro){ .code = code, .qualname = "outer", .state = TC_GEN_EXECUTING });
	fake_await(f, outer, inner);
	if (entered)
		fake_put(f,
			 fake_coro_frame(f, inner) +
				 (at->frames == TC_FRAMES_OBJECT ? at->fo_back : at->if_previous),
			 fake_coro_frame(f, outer));
	tc_addr task = fake_task(f, (struct fake_task){ .name = fake_str(f, "T"), .coro = outer });
	fake_register(f, task);
	fake_dict_add(f, f->current, loop, task);
	fake_running_loop(f, f->main_thread, loop);
	fake_run(f, f->main_thread,
		 fake_frame(f,
			    (struct fake_frame){
				    .code = fake_code(f, (struct fake_code){ .name = "block" }) }));
}

START_TEST(test_task_that_runs_in_a_greenlet_has_its_coroutines)
{
	struct scene s = scene(_i);

	run_in_greenlet(&s, true);
	check(&s, "outer:11 > greenlet_spawn:11 > block:10", 0, 0);
}
END_TEST

START_TEST(test_coroutine_that_was_entered_from_elsewhere_is_left_out_and_said)
{
	struct scene s = scene(_i);

	run_in_greenlet(&s, false);
	check(&s, "outer:11 > 'frames are left out here: a greenlet runs' > block:10", 0, 0);
}
END_TEST

/* Any word of the state forged: no harm, and nothing invented in the chain but what is torn or
 * cut. */
START_TEST(test_forged_state_does_no_harm)
{
	static const tc_addr words[] = { 1, 8, 0x4000, UINT64_MAX, FAKE_BASE };
	struct scene s = scene(_i);
	tc_addr awaited = driver(&s, 0, NULL);

	make_task(&s, awaited, awaited);
	for (unsigned offset = 16; offset < 128; offset += 8)
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			uint64_t right = fake_word(s.f, s.state + offset);
			fake_put(s.f, s.state + offset, words[i]);
			struct walked *w = fake_walk(s.f);
			const char *chain = walked_chain(w, w->model.tasks[0].chain);
			ck_assert_msg(w->walk.counts.torn || w->walk.counts.cut ||
					      !strcmp(chain, WHOLE) || !strcmp(chain, WITHOUT),
				      "%s", chain);
			walked_free(w);
			fake_put(s.f, s.state + offset, right);
		}
	fake_free(s.f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("greenlets");
	TCase *c = tcase_create("greenlets");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(
		c, test_frames_of_the_greenlet_come_between_the_coroutine_and_what_it_awaits, 0,
		N_CASES);
	tcase_add_loop_test(c, test_object_with_an_await_method_is_known_by_its_generator, 0,
			    N_CASES);
	tcase_add_loop_test(c, test_greenlet_that_handed_over_something_else_is_not_waited_for, 0,
			    N_CASES);
	tcase_add_loop_test(c, test_greenlet_that_is_not_suspended_is_left_out, 0, N_CASES);
	tcase_add_loop_test(c, test_stack_that_leads_nowhere_is_torn, 0, N_CASES);
	tcase_add_loop_test(c, test_stack_in_a_ring_ends_and_is_cut, 0, N_CASES);
	tcase_add_loop_test(c, test_frame_on_the_moved_part_of_the_stack_is_read_where_it_was_moved,
			    0, N_CASES);
	tcase_add_loop_test(c, test_task_that_runs_in_a_greenlet_has_its_coroutines, 0, N_CASES);
	tcase_add_loop_test(c, test_coroutine_that_was_entered_from_elsewhere_is_left_out_and_said,
			    0, N_CASES);
	tcase_add_loop_test(c, test_forged_state_does_no_harm, 0, N_CASES);
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
