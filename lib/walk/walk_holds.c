/* SPDX-License-Identifier: Apache-2.0
 * While a frame is in a with block, the manager's exit function lies on the frame's stack: as a
 * bound method up to 3.13, from 3.14 on as a function with the manager above it
 * (Python/bytecodes.c, BEFORE_WITH, BEFORE_ASYNC_WITH, LOAD_SPECIAL). Managers that hold others are
 * looked into: those made from a generator, and exit stacks (Lib/contextlib.py). */
#include "lib/walk/walk_holds.h"

#include "lib/python/pywith.h"
#include "lib/walk/walk_string.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

enum {
	STACK_MAX = 64,	    /* values that are looked at, from the bottom on */
	DEPTH_MAX = 4,	    /* managers inside managers */
	CALLBACKS_MAX = 32, /* of one exit stack */
};

struct scan {
	struct tc_walker *w;
	uint32_t parent; /* the link that those of with statements follow */
	unsigned depth;
};

/* What an exit function is called: __exit__ or __aexit__; and whether it is that of contextlib's
 * managers made from generators, or their subclasses. */
struct leave {
	bool exits, async, generator;
};

static bool ends_with(const char *name, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && memcmp(name + len - n, end, n) == 0;
}

static struct leave leave_by_name(const char *name, size_t len)
{
	static const char sync[] = "__exit__", async[] = "__aexit__";
	size_t class = 0;

	for (size_t i = len; i > 0 && !class; i--)
		class = name[i - 1] == '.' ? i : 0;
	struct leave leave = {
		.async = len - class == sizeof(async) - 1 &&
			 memcmp(name + class, async, sizeof(async) - 1) == 0,
		.generator = class && ends_with(name, class - 1, "GeneratorContextManager"),
	};
	leave.exits = leave.async || (len - class == sizeof(sync) - 1 &&
				      memcmp(name + class, sync, sizeof(sync) - 1) == 0);
	return leave;
}

static struct leave leave_by_str(struct tc_walker *w, tc_addr at)
{
	tc_addr name;
	size_t len;

	if (tc_get(w->mem, at, &name) < 0 ||
	    tc_str_read(&w->py, name, w->strings.text, TC_STRING_MAX, &len) < 0)
		return (struct leave){ 0 };
	return leave_by_name(w->strings.text, len);
}

/* Is the object at addr a function, a method of C or a bound one of C, and an exit function? */
static struct leave leave_of(struct tc_walker *w, tc_addr addr, enum tc_kind kind)
{
	size_t i = addr >> 4 & (TC_EXITS_KNOWN - 1);
	struct leave leave;
	char text[sizeof("__exit__")];
	tc_addr def, name;

	if (kind == TC_KIND_BUILTIN) { /* made anew each time: its address says nothing */
		if (tc_get(w->mem, addr + TC_BUILTIN_DEF, &def) < 0 ||
		    tc_get(w->mem, def, &name) < 0 || tc_get(w->mem, name, &text) < 0)
			return (struct leave){ 0 };
		return (struct leave){ .exits = memcmp(text, "__exit__", sizeof(text)) == 0 };
	}
	if (kind != TC_KIND_FUNCTION && kind != TC_KIND_METHOD_DESCRIPTOR)
		return (struct leave){ 0 };
	if (w->holds.known[i].addr == addr)
		return (struct leave){ w->holds.known[i].exits, w->holds.known[i].async,
				       w->holds.known[i].generator };
	leave = leave_by_str(
		w, addr + (kind == TC_KIND_FUNCTION ? w->py.at.func_qualname : TC_DESCRIPTOR_NAME));
	w->holds.known[i].addr = addr;
	w->holds.known[i].exits = leave.exits;
	w->holds.known[i].async = leave.async;
	w->holds.known[i].generator = leave.generator;
	return leave;
}

static tc_addr word_at(struct tc_walker *w, tc_addr at)
{
	tc_addr word = 0;

	return tc_get(w->mem, at, &word) < 0 ? 0 : word;
}

/* The manager whose exit function the value at addr is; above: the value above it on the stack. 0:
 * it is none. Up to 3.13 a function with an object above it is a call whose arguments are
 * awaited. */
static tc_addr manager_of(struct tc_walker *w, tc_addr addr, tc_addr above, struct leave *ret)
{
	const struct tc_walk_type *type = addr ? tc_walker_type_of(w, addr) : NULL;
	enum tc_kind kind = type ? type->kind : TC_KIND_OTHER;
	tc_addr manager = w->py.at.with_values == 2 ? above : 0, function = addr;

	if (kind == TC_KIND_METHOD) {
		manager = word_at(w, addr + TC_METHOD_SELF);
		function = word_at(w, addr + TC_METHOD_FUNC);
		type = function ? tc_walker_type_of(w, function) : NULL;
		kind = type ? type->kind : TC_KIND_OTHER;
	} else if (kind == TC_KIND_BUILTIN) {
		manager = word_at(w, addr + TC_BUILTIN_SELF);
	}
	*ret = leave_of(w, function, kind);
	return ret->exits ? manager : 0;
}

/* Asked before anything is written for one more. */
static bool has_room(struct tc_walk_holds *holds)
{
	if (holds->n < TC_HOLDS_MAX)
		return true;
	holds->n_cut++;
	return false;
}

static void add_held(struct scan *scan, tc_addr manager, struct leave leave, uint32_t place)
{
	struct tc_walker *w = scan->w;
	const struct tc_walk_type *type = tc_walker_type_of(w, manager);

	if (!type)
		return;
	w->holds.at[w->holds.n++] = (struct tc_held){
		.manager = manager,
		.place = place,
		.flags = (leave.async ? TC_HOLD_ASYNC : 0u) | (scan->depth ? TC_HOLD_INSIDE : 0u),
		.type = type->id,
		.depth = scan->depth,
		.generator = leave.generator,
	};
}

/* The site of the with statement; where it is unknown, that at which the frame is. */
static uint32_t begin_site(struct tc_walker *w, const struct tc_walk_code *code,
			   const struct tc_frame_view *frame, uint32_t depth)
{
	struct tc_with_begun *known =
		&w->holds.begins[((code->addr >> 4) + (uint64_t)frame->lasti * 7 + depth) %
				 TC_EXITS_KNOWN];
	bool awaits;

	if (known->code != code->addr || known->lasti != frame->lasti || known->depth != depth) {
		int64_t begin = tc_with_begin(&w->py, frame, depth);
		known->site = tc_walker_site(w, code, begin < 0 ? frame->lasti : begin, &awaits);
		known->code = code->addr;
		known->lasti = frame->lasti;
		known->depth = depth;
	}
	return known->site;
}

/* Add the managers on the stack of a suspended frame. */
static void scan_stack(struct scan *scan, const struct tc_gen *gen, const struct tc_walk_code *code,
		       bool awaits)
{
	struct tc_walker *w = scan->w;
	tc_addr base = gen->frame.locals + 8ul * code->facts.n_slots, manager;
	tc_addr end = awaits ? gen->slot : gen->stack_end;
	uint64_t words[STACK_MAX];
	struct leave leave;

	if (!end || end <= base)
		return;
	uint64_t n = (end - base) / 8;
	uint32_t n_read = n < STACK_MAX ? (uint32_t)n : STACK_MAX;
	if (tc_read_words(w->mem, base, words, n_read) < 0)
		return;
	for (uint32_t i = 0; i < n_read; i++) {
		tc_addr above = i + 1 < n_read ? tc_slot_object(words[i + 1]) : 0;
		if (!(manager = manager_of(w, tc_slot_object(words[i]), above, &leave)))
			continue;
		/* right below what is awaited: perhaps the block is not entered yet; one of a plain
		 * `with` is, nothing of it is awaited */
		uint32_t depth = i + w->py.at.with_values;
		if (awaits && leave.async && depth == n &&
		    tc_code_awaited(&w->py, code->addr, gen->frame.lasti) != TC_AWAITED_OTHER)
			continue;
		if (!has_room(&w->holds))
			continue;
		uint32_t site = begin_site(w, code, &gen->frame, depth);
		add_held(scan, manager, leave,
			 tc_walker_link(w, scan->parent, tc_frame_kind(code->facts.flags), site));
	}
}

/* A function that names `release` may give back by hand what it holds, or what those hold that
 * called it. */
static void mark_releases(struct tc_walker *w, const struct tc_walk_code *code)
{
	size_t i = code->addr >> 4 & (TC_EXITS_KNOWN - 1);

	if (!w->holds.n || code->library)
		return;
	if (w->holds.releases[i].code != code->addr) {
		w->holds.releases[i].names = tc_code_names(&w->py, code->addr, "release");
		w->holds.releases[i].code = code->addr;
	}
	for (uint32_t held = 0; held < w->holds.n && w->holds.releases[i].names; held++)
		w->holds.at[held].flags |= TC_HOLD_RELEASES;
}

/* The frame of the generator that a manager was made from. */
static void look_into_generator(struct scan *scan, tc_addr addr)
{
	struct tc_walker *w = scan->w;
	struct tc_gen gen;
	bool awaits;

	if (tc_gen_read(&w->py, addr, &gen) < 0 || gen.state != TC_GEN_SUSPENDED)
		return;
	const struct tc_walk_code *code = tc_walker_code(w, gen.frame.code, gen.qualname);
	if (!code)
		return;
	tc_walker_site(w, code, gen.frame.lasti, &awaits);
	scan_stack(scan, &gen, code, gen.awaits_known ? gen.awaits : awaits);
	mark_releases(w, code);
}

/* The callbacks of an exit stack: tuples (is_sync, function), the function of a manager being its
 * exit function as a bound method. */
static void look_into_stack(struct scan *scan, tc_addr callbacks)
{
	struct tc_walker *w = scan->w;
	struct tc_seq seq;
	tc_addr item, manager;
	struct leave leave;

	if (tc_seq_open(&w->py, callbacks, TC_SEQ_DEQUE, &seq) < 0)
		return;
	for (unsigned i = 0; i < CALLBACKS_MAX && tc_seq_next(&seq, &item) > 0; i++) {
		const struct tc_walk_type *type = tc_walker_type_of(w, item);
		if (!type || type->kind != TC_KIND_TUPLE || word_at(w, item + TC_OB_SIZE) != 2)
			continue;
		manager = manager_of(w, word_at(w, item + w->py.at.tuple_item + 8), 0, &leave);
		if (manager && has_room(&w->holds))
			add_held(scan, manager, leave, scan->parent);
	}
}

/* Add what a held manager holds: one made from a generator, which is its attribute `gen`, or one
 * that has callbacks as `_exit_callbacks`. Any class may have an attribute `gen`. */
static void look_inside(struct tc_walker *w, const struct tc_held *held)
{
	struct scan scan = { w, held->place, held->depth + 1 };
	const struct tc_walk_type *type = tc_walker_type_of(w, held->manager);
	tc_addr *plain = &w->holds.plain[held->manager >> 4 & (TC_EXITS_KNOWN - 1)];
	struct tc_dict dict;
	tc_addr key, value;

	if (!type || type->kind != TC_KIND_OTHER || *plain == held->manager ||
	    tc_attrs_open(&w->py, held->manager, &type->facts, &dict) < 0)
		return;
	for (unsigned i = 0; i < TC_ATTRS_MAX && tc_dict_next(&dict, &key, &value) > 0; i++) {
		uint32_t name = tc_walker_name(w, key);
		if (!name || (name != w->objects.gen_name && name != w->objects.callbacks_name))
			continue;
		const struct tc_walk_type *of = tc_walker_type_of(w, value);
		if (of && held->generator &&
		    (of->kind == TC_KIND_ASYNCGEN || of->kind == TC_KIND_GENERATOR))
			look_into_generator(&scan, value);
		else if (of && of->kind == TC_KIND_DEQUE)
			look_into_stack(&scan, value);
		return;
	}
	*plain = held->manager;
}

void tc_walker_holds_begin(struct tc_walker *w)
{
	w->holds.n = w->holds.n_cut = 0;
}

void tc_walker_frame_holds(struct tc_walker *w, const struct tc_gen *gen,
			   const struct tc_walk_code *code, bool awaits, uint32_t parent)
{
	struct scan scan = { .w = w, .parent = parent };
	uint32_t first = w->holds.n;

	scan_stack(&scan, gen, code, awaits);
	mark_releases(w, code);
	for (uint32_t i = first; i < w->holds.n; i++)
		if (w->holds.at[i].depth < DEPTH_MAX)
			look_inside(w, &w->holds.at[i]);
}

/* Of what code and position say of a frame from 3.11 on, the last results are kept: threads of
 * a pool stand at the same place. */
static uint32_t deepest(struct tc_walker *w, const struct tc_frame_view *frame)
{
	size_t i = ((frame->code >> 4) + (uint64_t)frame->lasti * 7) % TC_EXITS_KNOWN;

	if (w->py.at.frames == TC_FRAMES_OBJECT)
		return tc_with_deepest(&w->py, frame);
	if (w->holds.deepest[i].code != frame->code || w->holds.deepest[i].lasti != frame->lasti) {
		w->holds.deepest[i].depth = tc_with_deepest(&w->py, frame);
		w->holds.deepest[i].code = frame->code;
		w->holds.deepest[i].lasti = frame->lasti;
	}
	return w->holds.deepest[i].depth;
}

/* Is it a lock of threading, or has it one as its attribute _lock (a Condition or Semaphore of
 * threading)? */
static bool has_thread_lock(struct tc_walker *w, tc_addr manager)
{
	const struct tc_walk_type *type = tc_walker_type_of(w, manager);
	tc_addr lock;

	if (!type || type->kind == TC_KIND_LOCK)
		return type != NULL;
	return type->kind == TC_KIND_OTHER && tc_attr_get(&w->py, manager, "_lock", &lock) == 0 &&
	       (type = tc_walker_type_of(w, lock)) && type->kind == TC_KIND_LOCK;
}

void tc_walker_running_holds(struct tc_walker *w, const struct tc_frame_view *frame,
			     const struct tc_walk_code *code, uint32_t parent)
{
	struct scan scan = { .w = w, .parent = parent };
	tc_addr base = frame->locals + 8ul * code->facts.n_slots, manager;
	uint32_t n = deepest(w, frame);
	uint64_t words[STACK_MAX];
	struct leave leave;

	n = n < STACK_MAX ? n : STACK_MAX;
	if (n && tc_read_words(w->mem, base, words, n) < 0)
		n = 0;
	for (uint32_t i = 0; i < n; i++) {
		tc_addr above = i + 1 < n ? tc_slot_object(words[i + 1]) : 0;
		manager = manager_of(w, tc_slot_object(words[i]), above, &leave);
		if (!manager || leave.async || !has_thread_lock(w, manager) ||
		    tc_with_begin(&w->py, frame, i + w->py.at.with_values) < 0 ||
		    !has_room(&w->holds))
			continue;
		uint32_t site = begin_site(w, code, frame, i + w->py.at.with_values);
		add_held(&scan, manager, leave,
			 tc_walker_link(w, parent, tc_frame_kind(code->facts.flags), site));
	}
	mark_releases(w, code);
}

void tc_walker_put_holds(struct tc_walker *w, tc_addr near)
{
	const struct tc_walk_holds *holds = &w->holds;

	if (holds->n_cut)
		tc_notices_add(w->notices, "more than 256 context managers held by one task: the "
					   "rest is left out");
	if (!holds->n)
		return;
	tc_record_begin(w->out, TC_REC_HOLDS);
	tc_record_near(w->out, TC_STREAM_REF, near);
	tc_put_u(w->out, holds->n);
	for (uint32_t i = 0; i < holds->n; i++) {
		tc_put_u(w->out, holds->at[i].flags);
		tc_put_d(w->out, TC_STREAM_REF, holds->at[i].manager);
		tc_put_u(w->out, holds->at[i].type);
		tc_put_u(w->out, holds->at[i].place);
	}
	tc_record_end(w->out);
	for (uint32_t i = 0; i < holds->n; i++)
		tc_walker_want(w, holds->at[i].manager, 2);
}
