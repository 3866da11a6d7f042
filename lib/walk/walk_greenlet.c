/* SPDX-License-Identifier: Apache-2.0
 * Greenlets in chains: the frames of a suspended one that a coroutine waits for, and the coroutines
 * of a task that runs in one. SQLAlchemy's asyncio runs its synchronous
 * part in a greenlet: the coroutine greenlet_spawn starts it, await_only in the greenlet hands over
 * what is to be awaited and suspends it, and the coroutine awaits that
 * (lib/sqlalchemy/util/concurrency.py). What the task is doing is in the greenlet's frames. */
#include "lib/walk/walk_greenlet.h"

#include "lib/python/pygreenlet.h"
#include "lib/walk/walk_code.h"
#include "lib/walk/walk_locals.h"
#include "lib/walk/walk_ties.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

#define GREENLETS_MAX 8u /* of the locals of one coroutine */
#define HANDED_MAX 4u
#define VALUES_MAX 32u /* of a frame's stack */
enum { WRAPPED = 16 };

/* What a coroutine awaits, under all the names by which the greenlet may have handed it over. */
struct handed {
	tc_addr objects[HANDED_MAX];
	unsigned n;
};

/* The object in a slot; of a cell its content. */
static tc_addr slot_object(struct tc_walker *w, uint64_t slot)
{
	tc_addr object = tc_slot_object(slot);
	const struct tc_walk_type *type = object ? tc_walker_type_of(w, object) : NULL;

	if (type && type->kind == TC_KIND_CELL && tc_get(w->mem, object + TC_CELL_REF, &object) < 0)
		return 0;
	return object;
}

/* Of a generator its first local: in one that __await__ has made, that is the object whose
 * __await__ it was. Of an iterator what it iterates over. 0: none. */
static tc_addr inner_object(struct tc_walker *w, tc_addr object)
{
	const struct tc_walk_type *type = tc_walker_type_of(w, object);
	struct tc_gen gen;
	tc_addr word;

	switch (type ? type->kind : TC_KIND_NONE) {
	case TC_KIND_CORO:
	case TC_KIND_GENERATOR:
		if (tc_gen_read(&w->py, object, &gen) < 0 || gen.state != TC_GEN_SUSPENDED ||
		    tc_get(w->mem, gen.frame.locals, &word) < 0)
			return 0;
		return slot_object(w, word);
	case TC_KIND_GEN_PROXY:
	case TC_KIND_WRAPPER:
	case TC_KIND_FUTURE_ITER:
	case TC_KIND_CYTHON_WRAPPER:
		return tc_get(w->mem, object + WRAPPED, &word) < 0 ? 0 : word;
	default:
		return 0;
	}
}

static struct handed handed_over(struct tc_walker *w, const struct tc_gen *gen)
{
	struct handed handed = { { 0 }, 0 };

	for (tc_addr object = gen->target; object && handed.n < HANDED_MAX;
	     object = inner_object(w, object))
		handed.objects[handed.n++] = object;
	return handed;
}

/* Does a local of the frame refer to one of these objects? */
static bool holds(struct tc_walker *w, const struct tc_frame_view *frame,
		  const struct handed *handed)
{
	const struct tc_walk_code *code = tc_walker_code(w, frame->code, 0);
	uint32_t n = code ? tc_walker_slots(w, code, frame->locals) : 0;

	for (uint32_t i = 0; i < n; i++) {
		tc_addr object = slot_object(w, w->locals.words[i]);
		for (unsigned h = 0; object && h < handed->n; h++)
			if (handed->objects[h] == object)
				return true;
	}
	return false;
}

static void tie(struct tc_walker *w, tc_addr addr, const struct tc_greenlet *greenlet)
{
	tc_walker_tie(w, addr + TC_OB_TYPE, addr + TC_GREENLET_BYTES);
	tc_walker_tie(w, greenlet->state, greenlet->end);
	if (w->py.at.fo_frame != TC_NONE)
		tc_walker_tie(w, greenlet->top + TC_OB_TYPE, greenlet->top + w->py.at.fo_frame + 8);
}

/* The frames from the innermost one on. */
static void read_stack(struct tc_walker *w, const struct tc_greenlet *greenlet, tc_addr at,
		       struct tc_walk_stack *ret)
{
	tc_addr previous;
	bool foreign;

	for (uint32_t n = 0; at; n++, at = previous) {
		if (n == 2 * TC_STACK_MAX || ret->n == TC_STACK_MAX) {
			ret->cut = true;
			return;
		}
		tc_walker_anew(w, at);
		if (tc_greenlet_frame(&w->py, greenlet, at, &ret->frames[ret->n], &foreign,
				      &previous) < 0 ||
		    previous == at) {
			ret->torn = true;
			return;
		}
		ret->n += !foreign;
	}
}

static bool is_frame(struct tc_walker *w, tc_addr object)
{
	const struct tc_walk_type *type = tc_walker_type_of(w, object);

	return type && type->kind == TC_KIND_FRAME;
}

/* The stack of the greenlet at addr, if it is suspended and its innermost frame has handed over
 * what is awaited: a coroutine may well have a greenlet that it does not wait for. */
static bool read_greenlet(struct tc_walker *w, tc_addr addr, const struct handed *handed,
			  struct tc_walk_stack *ret)
{
	uint64_t size = w->greenlets.type->facts.basicsize;
	struct tc_greenlet greenlet;
	struct tc_frame_view innermost;
	tc_addr top, previous;
	bool foreign;

	tc_walker_anew(w, addr);
	if (tc_greenlet_read(&w->py, addr, size, &greenlet) < 0 || !greenlet.top)
		return false;
	tc_walker_anew(w, greenlet.state);
	if (tc_greenlet_read(&w->py, addr, size, &greenlet) < 0 || !greenlet.top)
		return false;
	tc_walker_anew(w, greenlet.top);
	if (!is_frame(w, greenlet.top) || tc_greenlet_top(&w->py, &greenlet, &top) < 0)
		return false;
	tc_walker_anew(w, top);
	if (tc_greenlet_frame(&w->py, &greenlet, top, &innermost, &foreign, &previous) < 0 ||
	    foreign || !holds(w, &innermost, handed))
		return false;
	tie(w, addr, &greenlet);
	read_stack(w, &greenlet, top, ret);
	return true;
}

static unsigned find_greenlets(struct tc_walker *w, const struct tc_frame_view *frame,
			       const struct tc_walk_code *code, tc_addr *ret)
{
	uint32_t n = tc_walker_slots(w, code, frame->locals);
	unsigned found = 0;

	for (uint32_t i = 0; i < n && found < GREENLETS_MAX; i++) {
		tc_addr object = slot_object(w, w->locals.words[i]);
		const struct tc_walk_type *type = object ? tc_walker_type_of(w, object) : NULL;
		if (type && type->greenlet)
			ret[found++] = object;
	}
	return found;
}

/* Room for the frames: taken when the first greenlet is met, because most programs have none. */
static bool take_room(struct tc_walker *w)
{
	if (!w->greenlets.stack)
		w->greenlets.stack =
			tc_arena_take(w->arena, TC_STACK_MAX * sizeof(*w->greenlets.stack));
	w->full |= !w->greenlets.stack;
	return w->greenlets.stack;
}

void tc_walker_greenlet(struct tc_walker *w, const struct tc_gen *gen,
			const struct tc_walk_code *code, struct tc_walk_stack *ret)
{
	tc_addr greenlets[GREENLETS_MAX];
	unsigned n = find_greenlets(w, &gen->frame, code, greenlets);

	*ret = (struct tc_walk_stack){ 0 };
	if (n == 0 || !take_room(w))
		return;
	ret->frames = w->greenlets.stack;
	struct handed handed = handed_over(w, gen);
	for (unsigned i = 0; i < n; i++)
		if (read_greenlet(w, greenlets[i], &handed, ret))
			return;
}

/* Does the object execute, entered from this frame? Then *ret is set. */
static bool is_entered(struct tc_walker *w, tc_addr object, const struct tc_frame_view *frame,
		       struct tc_gen *ret)
{
	const struct tc_walk_type *type = tc_walker_type_of(w, object);
	struct tc_frame_view view;
	tc_addr previous;
	bool foreign;

	return type &&
	       (type->kind == TC_KIND_CORO || type->kind == TC_KIND_GENERATOR ||
		type->kind == TC_KIND_ASYNCGEN) &&
	       tc_gen_read(&w->py, object, ret) == 0 && ret->state == TC_GEN_EXECUTING &&
	       tc_frame_read(&w->py, ret->frame.addr, &view, &foreign, &previous) == 0 &&
	       previous == frame->addr;
}

tc_addr tc_walker_entered(struct tc_walker *w, const struct tc_frame_view *frame,
			  const struct tc_walk_code *code, struct tc_gen *ret)
{
	tc_addr at = frame->locals + 8ul * code->facts.n_slots, object, word;

	for (unsigned i = 0; i < VALUES_MAX; i++, at += 8) {
		if (tc_get(w->mem, at, &word) < 0)
			return 0;
		object = tc_slot_object(word);
		const struct tc_walk_type *type = object ? tc_walker_type_of(w, object) : NULL;
		if (type && (type->kind == TC_KIND_WRAPPER || type->kind == TC_KIND_GEN_PROXY) &&
		    tc_get(w->mem, object + WRAPPED, &object) < 0)
			continue;
		if (type && is_entered(w, object, frame, ret))
			return object;
	}
	return 0;
}

bool tc_walker_runs_greenlet(struct tc_walker *w, const struct tc_frame_view *frame,
			     const struct tc_walk_code *code)
{
	tc_addr greenlets[GREENLETS_MAX];
	struct tc_greenlet greenlet;
	unsigned n = find_greenlets(w, frame, code, greenlets);

	for (unsigned i = 0; i < n; i++)
		if (tc_greenlet_read(&w->py, greenlets[i], w->greenlets.type->facts.basicsize,
				     &greenlet) == 0 &&
		    greenlet.active && !greenlet.top)
			return true;
	return false;
}
