/* SPDX-License-Identifier: Apache-2.0
 * The await chain of a task, from its coroutine to the object that it waits for; the chain of a
 * running task goes on through the frames of its thread, and one that waits through a greenlet
 * goes through the frames of that. Sources for what each kind of object awaits:
 * Objects/genobject.c, Modules/_asynciomodule.c and, for Cython, Cython/Utility/Coroutine.c. */
#include "lib/walk/walk_chain.h"

#include "lib/walk/walk_code.h"
#include "lib/walk/walk_greenlet.h"
#include "lib/walk/walk_holds.h"
#include "lib/walk/walk_locals.h"
#include "lib/walk/walk_note.h"
#include "lib/walk/walk_object.h"
#include "lib/walk/walk_string.h"
#include "lib/walk/walk_thread.h"
#include "lib/walk/walk_ties.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

enum { PROXY_GEN = 16, WRAPPED = 16, ITER_FUTURE = 16 };

/* Cython's coroutine object, in bytes before its end: the qualified name at 40 in all versions; the
 * awaited object at 64 from Cython 3.1 on, at 56 up to 3.0, which has a class or nothing at 64
 * (Cython/Utility/Coroutine.c, measured with 0.29.37, 3.0.0, 3.0.12, 3.1 and 3.2). */
enum { CYTHON_WRAPPED = 16, CYTHON_QUALNAME_FROM_END = 40 };
static const uint8_t cython_awaited_from_end[] = { 64, 56 };

/* Nuitka's coroutines, generators and async generators begin alike: m_qualname, m_yield_from
 * (nuitka/build/include/nuitka/compiled_coroutine.h, compiled_generator.h and
 * compiled_asyncgen.h, the same in 0.6.19, 1.0, 1.9.7, 2.0, 2.8 and 4.0). */
enum { NUITKA_QUALNAME = 40, NUITKA_AWAITED = 48 };

#define LIBRARY_FRAMES \
	4 /* the locals of so many of the innermost asyncio frames get object records */

struct chain_walk {
	struct tc_walker *w;
	struct tc_walk_chain *out;
	tc_addr at; /* the next object of the chain; 0: the end */
	unsigned n_links;
};

static void add_link(struct chain_walk *walk, enum tc_frame kind, uint32_t reference)
{
	if (walk->w->ties.wanted) {
		walk->n_links++;
		return;
	}
	walk->out->id = tc_walker_link(walk->w, walk->out->id, kind, reference);
	walk->n_links++;
}

static void add_text(struct chain_walk *walk, const char *text)
{
	add_link(walk, TC_FRAME_TEXT, tc_walker_text(walk->w, text, strlen(text), TC_STR_CODE));
}

static struct tc_link_cache *link_cache(struct tc_walker *w, uint32_t parent,
					const struct tc_frame_view *frame)
{
	uint64_t hash = (frame->code >> 4) + (uint64_t)frame->lasti * 7 + parent * 31ul;

	return &w->links[hash % TC_LINK_CACHE];
}

/* While ties are gathered: the frame's code, without writing a link. */
static const struct tc_walk_code *add_unwritten(struct chain_walk *walk,
					     const struct tc_frame_view *frame, tc_addr qualname,
					     bool *ret_awaits)
{
	const struct tc_walk_code *code = tc_walker_code(walk->w, frame->code, qualname);

	walk->n_links++;
	if (code && walk->w->py.at.await != TC_AWAIT_STATE)
		tc_walker_site(walk->w, code, frame->lasti, ret_awaits);
	return code;
}

/* Add a frame as a link. Its code; NULL: it has none. *ret_awaits: the frame is suspended in an
 * await (known up to 3.12 only). */
static const struct tc_walk_code *add_frame(struct chain_walk *walk,
					    const struct tc_frame_view *frame, tc_addr qualname,
					    bool *ret_awaits)
{
	struct tc_walker *w = walk->w;
	uint32_t parent = walk->out->id;
	struct tc_link_cache *front = link_cache(w, parent, frame);

	*ret_awaits = false;
	if (w->ties.wanted)
		return add_unwritten(walk, frame, qualname, ret_awaits);
	if (front->code && front->parent == parent && front->addr == frame->code &&
	    front->lasti == frame->lasti && front->qualname == qualname) {
		walk->out->id = front->id;
		walk->n_links++;
		*ret_awaits = front->awaits;
		tc_walker_frame_locals(w, front->code, frame->locals);
		return front->code;
	}
	const struct tc_walk_code *code = tc_walker_code(w, frame->code, qualname);
	if (!code) {
		add_link(walk, TC_FRAME_UNKNOWN, 0);
		walk->out->torn = true;
		return NULL;
	}
	add_link(walk, tc_frame_kind(code->facts.flags),
		 tc_walker_site(w, code, frame->lasti, ret_awaits));
	if (!w->full)
		*front = (struct tc_link_cache){ code,	   frame->code,	  frame->lasti, qualname,
						 parent,   walk->out->id, *ret_awaits };
	tc_walker_frame_locals(w, code, frame->locals);
	return code;
}

/* Is the innermost frame of the thread still the one that was read? */
static bool top_is_same(struct tc_walker *w, const struct tc_walk_thread *thread)
{
	tc_addr at = thread->tstate + w->py.at.ts_frame, top;

	tc_walker_tie(w, at, at + 8);
	if (w->py.at.frames == TC_FRAMES_CFRAME && tc_get(w->mem, at, &at) == 0)
		tc_walker_tie(w, at + w->py.at.cf_current, at + w->py.at.cf_current + 8);
	return tc_thread_frame(&w->py, thread->tstate, &top) == 0 && top == thread->frames[0].addr;
}

/* What the coroutine awaits was handed over by a greenlet: the greenlet's frames come in
 * between. */
static void add_greenlet(struct chain_walk *walk, const struct tc_gen *gen,
			 const struct tc_walk_code *code)
{
	struct tc_walk_stack stack;
	bool awaits;

	tc_walker_greenlet(walk->w, gen, code, &stack);
	walk->out->torn |= stack.torn;
	walk->out->cut |= stack.cut;
	if (stack.cut)
		add_text(walk, "frames are left out here");
	for (uint32_t i = stack.n; i-- > 0;) {
		tc_walker_tie_frame(walk->w, &stack.frames[i], false);
		add_frame(walk, &stack.frames[i], 0, &awaits);
	}
}

/* The coroutine's frame, and those of the coroutines that it has entered and that lead to a
 * greenlet which runs. False: they do not. */
static bool add_entered(struct chain_walk *walk, struct tc_gen gen)
{
	struct tc_walker *w = walk->w;
	const struct tc_walk_code *code;
	bool awaits;

	for (;;) {
		struct tc_gen next;
		code = add_frame(walk, &gen.frame, gen.qualname, &awaits);
		if (!code || !w->greenlets.type)
			return false;
		if (tc_walker_runs_greenlet(w, &gen.frame, code))
			return true;
		gen.target = tc_walker_entered(w, &gen.frame, code, &next);
		if (!gen.target || walk->n_links > TC_CHAIN_MAX / 2)
			return false;
		tc_walker_anew(w, gen.target);
		tc_walker_tie_gen(w, gen.target, &next, NULL);
		add_greenlet(walk, &gen, code);
		gen = next;
	}
}

/* The task is the current task of a thread, and executes, but its frame is not on the stack that
 * was read. The thread runs a greenlet inside the task (as SQLAlchemy's greenlet_spawn does), or
 * the stack was cut. Add the task's frames, a text where they do not lead to the stack, then the
 * stack. False: this is not the case. */
static bool add_apart(struct chain_walk *walk, const struct tc_gen *gen)
{
	struct tc_walker *w = walk->w;
	bool awaits;

	for (uint32_t t = 0; t < w->threads.n; t++) {
		const struct tc_walk_thread *thread = &w->threads.at[t];
		if (!w->tasks.walking || thread->running_task != w->tasks.walking ||
		    !thread->n_frames || !top_is_same(w, thread))
			continue;
		walk->out->running = true;
		walk->out->tid = thread->tid;
		if (!add_entered(walk, *gen) || thread->cut)
			add_text(walk, thread->cut ? "frames are left out here" :
						     "frames are left out here: a greenlet runs");
		uint32_t n = thread->n_frames;
		if (n > TC_CHAIN_MAX - walk->n_links)
			n = TC_CHAIN_MAX - walk->n_links;
		for (uint32_t j = n; j-- > 0;) {
			tc_walker_tie_frame(w, &thread->frames[j], j == 0);
			add_frame(walk, &thread->frames[j], 0, &awaits);
		}
		return true;
	}
	return false;
}

/* The coroutine executes: find the thread that has its frame, and add the frames from there
 * inwards. */
static void add_running(struct chain_walk *walk, const struct tc_gen *gen, tc_addr frame)
{
	struct tc_walker *w = walk->w;
	bool awaits;

	for (uint32_t t = 0; t < w->threads.n; t++) {
		const struct tc_walk_thread *thread = &w->threads.at[t];
		for (uint32_t i = 0; i < thread->n_frames; i++) {
			if (thread->frames[i].addr != frame)
				continue;
			walk->out->running = true;
			walk->out->tid = thread->tid;
			walk->out->nested =
				i > 0 && (thread->running_task || thread->running_loop);
			for (uint32_t j = i + 1; j-- > 0;) {
				tc_walker_tie_frame(w, &thread->frames[j], j == 0);
				add_frame(walk, &thread->frames[j], 0, &awaits);
			}
			return;
		}
	}
	/* It executes, but is on no thread's stack: it changed while it was read. */
	walk->out->torn |= !add_apart(walk, gen);
}

/* A coroutine or generator that is suspended, or has not started. */
static void follow_suspended(struct chain_walk *walk, tc_addr here, const struct tc_gen *gen)
{
	bool awaits, created = gen->state == TC_GEN_CREATED;

	if (created && walk->n_links > 0) {
		/* an awaited coroutine has always started: this is another object at the same
		 * address */
		walk->out->torn = true;
		return;
	}
	walk->out->not_started |= created;
	uint32_t parent = walk->out->id;
	const struct tc_walk_code *code = add_frame(walk, &gen->frame, gen->qualname, &awaits);
	tc_walker_tie_gen(walk->w, here, gen, code);
	awaits = gen->awaits_known ? gen->awaits : awaits;
	if (code && !created && !walk->w->ties.wanted) {
		tc_walker_frame_holds(walk->w, gen, code, awaits, parent);
		tc_walker_sole_frame(walk->w, gen);
	}
	if (!code || created || !awaits)
		return;
	walk->at = gen->target;
	walk->out->torn |= !gen->target;
	if (walk->w->greenlets.type && gen->target)
		add_greenlet(walk, gen, code);
}

static void follow_gen(struct chain_walk *walk)
{
	struct tc_gen gen;
	tc_addr here = walk->at, frame;

	walk->at = 0;
	if (walk->w->py.at.frames == TC_FRAMES_OBJECT &&
	    tc_gen_frame(&walk->w->py, here, &frame) == 0)
		tc_walker_anew(walk->w, frame);
	if (tc_gen_read(&walk->w->py, here, &gen) < 0) {
		walk->out->torn = true;
		return;
	}
	switch (gen.state) {
	case TC_GEN_FINISHED:
		/* A finished coroutine is awaited only for the moment in which its task goes on. */
		walk->out->torn = true;
		return;
	case TC_GEN_EXECUTING:
		tc_walker_tie_gen(walk->w, here, &gen, NULL);
		if (tc_gen_frame(&walk->w->py, here, &frame) == 0)
			add_running(walk, &gen, frame);
		return;
	default:
		follow_suspended(walk, here, &gen);
	}
}

static void end_at(struct chain_walk *walk, const struct tc_walk_type *type)
{
	bool c_future = type && (type->kind == TC_KIND_FUTURE || type->kind == TC_KIND_TASK);

	tc_walker_tie(walk->w, walk->at + TC_OB_TYPE,
		      walk->at + (c_future ? walk->w->py.at.fut_state + 4u : TC_OB_TYPE + 8u));
	walk->out->leaf = walk->at;
	walk->out->leaf_type = type;
	walk->at = 0;
}

static int follow_word(struct chain_walk *walk, unsigned offset)
{
	tc_addr next;

	tc_walker_tie(walk->w, walk->at + TC_OB_TYPE, walk->at + offset + 8);
	if (tc_get(walk->w->mem, walk->at + offset, &next) < 0) {
		walk->out->torn = true;
		next = 0;
	}
	walk->at = next;
	return next != 0;
}

/* May a coroutine await an object of this type? It must be a coroutine or an iterator, because
 * __await__ must return an iterator (_PyCoro_GetAwaitableIter in Objects/genobject.c). */
static bool is_awaitable(const struct tc_walk_type *type)
{
	enum tc_kind kind = type ? type->kind : TC_KIND_NONE;

	return tc_kind_is_future(kind) || kind == TC_KIND_CORO || kind == TC_KIND_GENERATOR ||
	       kind == TC_KIND_GEN_PROXY || kind == TC_KIND_WRAPPER ||
	       kind == TC_KIND_FUTURE_ITER || kind == TC_KIND_CYTHON_CORO ||
	       kind == TC_KIND_CYTHON_WRAPPER || kind == TC_KIND_NUITKA_CORO ||
	       (type && type->facts.iternext);
}

static void follow_cython(struct chain_walk *walk, const struct tc_walk_type *type)
{
	struct tc_walker *w = walk->w;
	tc_addr end = walk->at + type->facts.basicsize, qualname, next;
	uint32_t name = 0;

	if (tc_get(w->mem, end - CYTHON_QUALNAME_FROM_END, &qualname) == 0)
		name = tc_walker_str(w, qualname, TC_STR_CODE);
	add_link(walk, TC_FRAME_NATIVE_CORO, name);
	tc_walker_tie(w, walk->at + TC_OB_TYPE, end);
	walk->at = 0;
	for (size_t i = 0; i < sizeof(cython_awaited_from_end) && !walk->at; i++)
		if (tc_get(w->mem, end - cython_awaited_from_end[i], &next) < 0)
			walk->out->torn = true;
		else if (next && is_awaitable(tc_walker_type_of(w, next)))
			walk->at = next;
}

static void follow_nuitka(struct chain_walk *walk, const struct tc_walk_type *type)
{
	struct tc_walker *w = walk->w;
	tc_addr here = walk->at, qualname = 0, next = 0;

	walk->at = 0;
	tc_walker_tie(w, here + TC_OB_TYPE, here + NUITKA_AWAITED + 8);
	if (tc_get(w->mem, here + NUITKA_QUALNAME, &qualname) < 0 ||
	    tc_get(w->mem, here + NUITKA_AWAITED, &next) < 0)
		walk->out->torn = true;
	uint32_t name = qualname ? tc_walker_str(w, qualname, TC_STR_CODE) : 0;
	if (!name) {
		tc_notices_add(w->notices, "coroutines compiled by a release of Nuitka that is not "
					   "known are not read");
		add_link(walk, TC_FRAME_AWAITABLE, type->id);
		return;
	}
	add_link(walk, TC_FRAME_NATIVE_CORO, name);
	if (next && is_awaitable(tc_walker_type_of(w, next)))
		walk->at = next;
	else
		walk->out->torn |= next != 0;
}

/* Follow the chain by one object. */
static void follow(struct chain_walk *walk)
{
	tc_walker_anew(walk->w, walk->at);
	const struct tc_walk_type *type = tc_walker_type_of(walk->w, walk->at);

	if (!type) {
		add_link(walk, TC_FRAME_UNKNOWN, 0);
		walk->out->torn = true;
		walk->at = 0;
		return;
	}
	switch (type->kind) {
	case TC_KIND_CORO:
	case TC_KIND_GENERATOR:
	case TC_KIND_ASYNCGEN:
		follow_gen(walk);
		break;
	case TC_KIND_GEN_PROXY:
		follow_word(walk, PROXY_GEN);
		break;
	case TC_KIND_WRAPPER:
		follow_word(walk, WRAPPED);
		break;
	case TC_KIND_CYTHON_WRAPPER:
		follow_word(walk, CYTHON_WRAPPED);
		break;
	case TC_KIND_CYTHON_CORO:
		follow_cython(walk, type);
		break;
	case TC_KIND_NUITKA_CORO:
		follow_nuitka(walk, type);
		break;
	case TC_KIND_FUTURE_ITER:
		if (!follow_word(walk, ITER_FUTURE))
			break;
		tc_walker_anew(walk->w, walk->at);
		end_at(walk, tc_walker_type_of(walk->w, walk->at));
		walk->out->by_iterator = true;
		break;
	case TC_KIND_FUTURE:
	case TC_KIND_TASK:
	case TC_KIND_PY_FUTURE:
	case TC_KIND_PY_TASK:
		end_at(walk, type);
		break;
	default:
		/* An object of another type: its type becomes the link. A task may be made of
		 * anything that has the methods of a coroutine, so the first object may be of any
		 * type; a later one must be awaitable. */
		walk->out->torn |= walk->n_links > 0 && !is_awaitable(type);
		add_link(walk, TC_FRAME_AWAITABLE, type->id);
		end_at(walk, type);
		break;
	}
}

/* Was this object met before? A chain leads back into itself only in torn or forged memory. */
static bool in_ring(tc_addr at, tc_addr *mark, unsigned step)
{
	/* Brent's algorithm: at each step that is a power of two, the present object becomes the
	 * mark. */
	if (at == *mark)
		return true;
	if ((step & (step - 1)) == 0)
		*mark = at;
	return false;
}

void tc_walker_chain(struct tc_walker *w, tc_addr coro, struct tc_walk_chain *ret)
{
	struct chain_walk walk = { .w = w, .out = ret, .at = coro };
	tc_addr mark = 0;

	*ret = (struct tc_walk_chain){ 0 };
	if (!w->ties.wanted) {
		tc_walker_locals_begin(w);
		tc_walker_holds_begin(w);
		tc_walker_sole_begin(w);
	}
	for (unsigned step = 1; walk.at; step++) {
		if (walk.n_links >= TC_CHAIN_MAX || step > 4 * TC_CHAIN_MAX) {
			add_text(&walk, "cut at 65536 links");
			ret->cut = true;
			break;
		}
		if (in_ring(walk.at, &mark, step)) {
			add_text(&walk, "a ring: this chain leads back into itself");
			ret->torn = true;
			break;
		}
		follow(&walk);
	}
	if (w->full) {
		tc_walker_note_full(w);
		ret->cut = true;
	}
	if (w->ties.wanted)
		return;
	tc_walker_want_locals(w, LIBRARY_FRAMES);
	if (ret->leaf)
		tc_walker_want(w, ret->leaf, TC_LEAF_DEPTH);
}
