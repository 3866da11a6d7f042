/* SPDX-License-Identifier: Apache-2.0
 * Event loops, and what is in their queues (Lib/asyncio/base_events.py, selector_events.py). */
#include "lib/walk/walk_loop.h"

#include "lib/walk/walk_code.h"
#include "lib/walk/walk_thread.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walk_value.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

#define TIMERS_MAX 4000000u /* timers looked at */
#define BASES_MAX 32u	    /* of a loop's class */

/* A loop as it was read. The numbers are counts plus 1; 0: unknown. */
struct loop {
	tc_addr addr;
	uint32_t id, flags;
	tc_addr ready, scheduled, selector;
	uint64_t thread_ident;
	uint32_t tid;
	uint64_t n_ready, n_timers, n_overdue, n_fds, n_cancelled;
	uint64_t first_due_ns;
};

/* Offsets of the slots of Handle and TimerHandle, found once for each loop. */
struct handle_slots {
	uint64_t callback, args, cancelled, when;
};

static uint32_t define_loop(struct tc_walker *w, tc_addr addr, const struct tc_walk_type *type,
			    uint64_t *slot)
{
	uint32_t id = 0;

	tc_record_begin(w->out, TC_REC_LOOPREF);
	tc_put_u(w->out, addr);
	tc_put_u(w->out, type->id);
	tc_record_define(w->out, TC_TAB_LOOP, &id);
	*slot = id;
	if (w->loops.n == TC_LOOPS_MAX)
		tc_notices_add(w->notices,
			       "more than 4096 loops: of the rest only the names are recorded");
	if (id && w->loops.n < TC_LOOPS_MAX)
		w->loops.at[w->loops.n++] = (struct tc_walk_loop){ .addr = addr, .id = id };
	return id;
}

uint32_t tc_walker_loop(struct tc_walker *w, tc_addr addr)
{
	if (addr == w->loops.last)
		return w->loops.last_id;
	const struct tc_walk_type *type = tc_walker_type_of(w, addr);
	if (!type || type->kind == TC_KIND_NONE)
		return 0;
	uint64_t *slot = tc_hash_at(&w->loops.ids, addr);
	if (!slot)
		return 0;
	w->loops.last = addr;
	w->loops.last_id = *slot ? (uint32_t)*slot : define_loop(w, addr, type, slot);
	return w->loops.last_id;
}

static bool find_slots(struct tc_walker *w, tc_addr handle, struct handle_slots *ret)
{
	const struct tc_walk_type *type = tc_walker_type_of(w, handle);

	if (!type || tc_slot_offset(&w->py, type->addr, "_callback", &ret->callback) < 0 ||
	    tc_slot_offset(&w->py, type->addr, "_args", &ret->args) < 0 ||
	    tc_slot_offset(&w->py, type->addr, "_cancelled", &ret->cancelled) < 0)
		return false;
	if (tc_slot_offset(&w->py, type->addr, "_when", &ret->when) < 0)
		ret->when = 0;
	return true;
}

/* The code that a callback runs and the task that it steps or wakes; 0: unknown. */
static void callback_facts(struct tc_walker *w, tc_addr callback, uint32_t *code, tc_addr *task)
{
	const struct tc_walk_type *type = tc_walker_type_of(w, callback);
	tc_addr next;

	*code = 0;
	*task = 0;
	if (type && type->kind == TC_KIND_METHOD) {
		const struct tc_walk_type *self;
		if (tc_get(w->mem, callback + TC_METHOD_SELF, &next) == 0 &&
		    (self = tc_walker_type_of(w, next)) && tc_kind_is_task(self->kind))
			*task = next;
		if (tc_get(w->mem, callback + TC_METHOD_FUNC, &callback) < 0)
			return;
		type = tc_walker_type_of(w, callback);
	}
	if (type && type->kind == TC_KIND_FUNCTION &&
	    tc_get(w->mem, callback + w->py.at.func_code, &next) == 0) {
		const struct tc_walk_code *pycode = tc_walker_code(w, next, 0);
		*code = pycode ? pycode->id : 0;
	} else if (type && (type->kind == TC_KIND_TASK_WAKEUP || type->kind == TC_KIND_BUILTIN) &&
		   tc_get(w->mem, callback + (type->kind == TC_KIND_BUILTIN ? 24 : 16), &next) ==
			   0) {
		type = tc_walker_type_of(w, next);
		*task = type && tc_kind_is_task(type->kind) ? next : 0;
	}
}

static bool is_cancelled(struct tc_walker *w, tc_addr handle, const struct handle_slots *slots)
{
	struct tc_walk_value value = { .tag = TC_VAL_UNBOUND };
	tc_addr object;

	if (tc_get(w->mem, handle + slots->cancelled, &object) == 0)
		tc_walker_fact(w, object, &value);
	return value.tag == TC_VAL_TRUE;
}

static void put_handle(struct tc_walker *w, const struct loop *loop, tc_addr handle,
		       const struct handle_slots *slots, enum tc_handle_where where,
		       uint64_t fd_plus_1, uint64_t due_ns)
{
	tc_addr callback = 0, args = 0, first = 0, task;
	struct tc_walk_value value, argument;
	uint32_t code;

	tc_get(w->mem, handle + slots->callback, &callback);
	if (tc_get(w->mem, handle + slots->args, &args) < 0 || !args ||
	    tc_get(w->mem, args + TC_OB_SIZE, &first) < 0 || first == 0 ||
	    tc_get(w->mem, args + w->py.at.tuple_item, &first) < 0)
		first = 0;
	callback_facts(w, callback, &code, &task);
	tc_walker_value(w, callback, &value);
	tc_walker_value(w, first, &argument);
	bool cancelled = is_cancelled(w, handle, slots);
	tc_record_begin(w->out, TC_REC_HANDLE);
	tc_put_u(w->out, loop->id);
	tc_put_u(w->out, where);
	tc_put_u(w->out, cancelled ? TC_HANDLE_CANCELLED : 0u);
	tc_put_u(w->out, fd_plus_1);
	tc_put_u(w->out, due_ns);
	tc_walker_put_value(w, &value);
	tc_put_u(w->out, code);
	tc_put_u(w->out, task);
	tc_walker_put_value(w, &argument);
	tc_record_end(w->out);
}

/* A function's closure tells for whom it is called: that of run_coroutine_threadsafe has the future
 * that a thread waits for, before there is a task (Lib/asyncio/tasks.py). */
static void want_function(struct tc_walker *w, tc_addr handle, const struct handle_slots *slots)
{
	const struct tc_walk_type *type;
	tc_addr callback;

	if (tc_get(w->mem, handle + slots->callback, &callback) == 0 &&
	    (type = tc_walker_type_of(w, callback)) && type->kind == TC_KIND_FUNCTION)
		tc_walker_want(w, callback, 0);
}

static void read_ready(struct tc_walker *w, struct loop *loop)
{
	struct tc_seq seq;
	struct handle_slots slots;
	tc_addr handle;
	bool known = false;

	if (!loop->ready || tc_seq_open(&w->py, loop->ready, TC_SEQ_DEQUE, &seq) < 0)
		return;
	loop->n_ready = seq.total + 1;
	for (unsigned n = 0; n < TC_HANDLES_MAX && tc_seq_next(&seq, &handle) > 0; n++) {
		if (!known && !(known = find_slots(w, handle, &slots)))
			return;
		put_handle(w, loop, handle, &slots, TC_HANDLE_READY, 0, 0);
		want_function(w, handle, &slots);
	}
}

/* When a timer is due, in ns of the loop's clock; 0: unknown. */
static uint64_t due_ns(struct tc_walker *w, tc_addr handle, const struct handle_slots *slots)
{
	tc_addr object;
	struct tc_walk_value value = { .tag = TC_VAL_UNBOUND };
	double seconds = 0;

	if (slots->when && tc_get(w->mem, handle + slots->when, &object) == 0)
		tc_walker_fact(w, object, &value);
	if (value.tag == TC_VAL_FLOAT)
		memcpy(&seconds, &value.bits, 8);
	else if (value.tag == TC_VAL_INT)
		seconds = (double)(int64_t)value.bits;
	return seconds > 0 && seconds < 1e9 ? (uint64_t)(seconds * 1e9) : 0;
}

static void read_timers(struct tc_walker *w, struct loop *loop)
{
	struct tc_seq seq;
	struct handle_slots slots;
	tc_addr handle;
	bool known = false;

	if (!loop->scheduled || tc_seq_open(&w->py, loop->scheduled, TC_SEQ_LIST, &seq) < 0)
		return;
	loop->n_timers = seq.total + 1;
	loop->n_overdue = loop->n_cancelled = 1;
	for (unsigned n = 0; n < TIMERS_MAX && tc_seq_next(&seq, &handle) > 0; n++) {
		if (!known && !(known = find_slots(w, handle, &slots)))
			return;
		uint64_t due = due_ns(w, handle, &slots);
		if (is_cancelled(w, handle, &slots)) {
			loop->n_cancelled++;
		} else if (due) {
			loop->n_overdue += w->options->now_ns && due < w->options->now_ns;
			if (!loop->first_due_ns || due < loop->first_due_ns)
				loop->first_due_ns = due;
		}
		if (n < TC_HANDLES_MAX)
			put_handle(w, loop, handle, &slots, TC_HANDLE_TIMER, 0, due);
	}
}

/* SelectorKey is a tuple (fileobj, fd, events, data); data: (reader, writer), each a Handle or
 * None. */
static void read_key(struct tc_walker *w, struct loop *loop, tc_addr fd_object, tc_addr key)
{
	uint16_t item = w->py.at.tuple_item;
	tc_addr data, handle;
	struct tc_walk_value fd;

	tc_walker_fact(w, fd_object, &fd);
	if (fd.tag != TC_VAL_INT || (int64_t)fd.bits < 0 ||
	    tc_get(w->mem, key + item + 24, &data) < 0)
		return;
	const struct tc_walk_type *type = tc_walker_type_of(w, data);
	if (!type || type->kind != TC_KIND_TUPLE)
		return;
	for (int writer = 0; writer < 2; writer++) {
		struct handle_slots slots;
		if (tc_get(w->mem, data + item + 8ul * (unsigned)writer, &handle) == 0 &&
		    find_slots(w, handle, &slots))
			put_handle(w, loop, handle, &slots,
				   writer ? TC_HANDLE_WRITER : TC_HANDLE_READER, fd.bits + 1, 0);
	}
}

static void read_selector(struct tc_walker *w, struct loop *loop)
{
	struct tc_dict dict;
	tc_addr map, fd, key;

	if (!loop->selector || tc_attr_get(&w->py, loop->selector, "_fd_to_key", &map) < 0 ||
	    tc_dict_open(&w->py, map, &dict) < 0)
		return;
	loop->n_fds = dict.used + 1;
	for (unsigned n = 0; n < TC_HANDLES_MAX && tc_dict_next(&dict, &fd, &key) > 0; n++)
		read_key(w, loop, fd, key);
}

static void loop_attribute(struct tc_walker *w, struct loop *loop, tc_addr key, tc_addr object)
{
	struct tc_walk_value value;
	char name[24];

	if (tc_str_read(&w->py, key, name, sizeof(name), NULL) < 0)
		return;
	tc_walker_fact(w, object, &value);
	if (strcmp(name, "_ready") == 0 && value.kind == TC_KIND_DEQUE)
		loop->ready = object;
	else if (strcmp(name, "_scheduled") == 0 && value.kind == TC_KIND_LIST)
		loop->scheduled = object;
	else if (strcmp(name, "_selector") == 0)
		loop->selector = object;
	else if (strcmp(name, "_closed") == 0 && value.tag == TC_VAL_TRUE)
		loop->flags |= TC_LOOP_CLOSED;
	else if (strcmp(name, "_stopping") == 0 && value.tag == TC_VAL_TRUE)
		loop->flags |= TC_LOOP_STOPPING;
	else if (strcmp(name, "_thread_id") == 0 && value.tag == TC_VAL_INT)
		loop->thread_ident = value.bits;
}

/* Is this the function time of asyncio/base_events.py? */
static bool is_asyncio_time(struct tc_walker *w, tc_addr function)
{
	static const char file[] = "asyncio/base_events.py";
	const struct tc_walk_type *type = tc_walker_type_of(w, function);
	struct tc_code_facts facts;
	char path[512];
	tc_addr code;
	size_t size;

	return type && type->kind == TC_KIND_FUNCTION &&
	       tc_get(w->mem, function + w->py.at.func_code, &code) == 0 &&
	       tc_code_facts_read(&w->py, code, &facts) == 0 &&
	       tc_str_read(&w->py, facts.filename, path, sizeof(path), &size) == 0 &&
	       size >= sizeof(file) - 1 &&
	       memcmp(path + size - (sizeof(file) - 1), file, sizeof(file) - 1) == 0;
}

/* Has the loop another clock: an attribute or a class of its own with a function time? */
static bool has_own_clock(struct tc_walker *w, tc_addr loop)
{
	tc_addr type, dict, function;

	if (tc_attr_get(&w->py, loop, "time", &function) == 0)
		return true;
	int r = tc_get(w->mem, loop + TC_OB_TYPE, &type);
	for (unsigned depth = 0; r == 0 && type && depth < BASES_MAX; depth++) {
		if (tc_get(w->mem, type + TC_TP_DICT, &dict) == 0 && dict &&
		    tc_dict_get(&w->py, dict, "time", &function) == 0)
			return !is_asyncio_time(w, function);
		r = tc_get(w->mem, type + TC_TP_BASE, &type);
	}
	return false;
}

static void read_loop(struct tc_walker *w, struct loop *loop)
{
	const struct tc_walk_type *type = tc_walker_type_of(w, loop->addr);
	struct tc_dict dict;
	tc_addr key, value;

	if (type && tc_attrs_open(&w->py, loop->addr, &type->facts, &dict) == 0)
		while (tc_dict_next(&dict, &key, &value) > 0)
			loop_attribute(w, loop, key, value);
	if (!loop->ready)
		loop->flags |= TC_LOOP_OPAQUE;
	if (has_own_clock(w, loop->addr))
		loop->flags |= TC_LOOP_OWN_CLOCK;
	for (uint32_t i = 0; i < w->threads.n; i++) {
		const struct tc_walk_thread *thread = &w->threads.at[i];
		/* A loop whose callback runs another loop is not its thread's running loop any
		 * more, but it does run: it still has the thread's id. */
		bool outer = thread->running_loop && loop->thread_ident == thread->ident;
		if (thread->running_loop != loop->addr && !outer)
			continue;
		loop->flags |= TC_LOOP_RUNNING;
		loop->tid = thread->tid;
		if (!loop->thread_ident)
			loop->thread_ident = thread->ident;
	}
}

static void put_loop(struct tc_walker *w, const struct loop *loop)
{
	tc_record_begin(w->out, TC_REC_LOOP);
	tc_put_u(w->out, loop->id);
	tc_put_u(w->out, w->interp.id);
	tc_put_u(w->out, loop->flags);
	tc_put_u(w->out, loop->thread_ident);
	tc_put_u(w->out, loop->tid);
	tc_put_u(w->out, loop->n_ready);
	tc_put_u(w->out, loop->n_timers);
	tc_put_u(w->out, loop->n_overdue);
	tc_put_u(w->out, loop->n_fds);
	tc_put_u(w->out, loop->first_due_ns);
	tc_put_u(w->out, w->options->now_ns);
	tc_put_u(w->out, loop->n_cancelled);
	tc_record_end(w->out);
	w->counts->loops++;
	for (unsigned i = 0; i < w->python->n_loop_tids; i++)
		if (loop->n_ready > 1 && loop->tid == w->python->loop_tids[i])
			w->python->loops_ready |= 1ull << i;
}

void tc_walker_loop_records(struct tc_walker *w, uint32_t first)
{
	for (uint32_t i = first; i < w->loops.n; i++) {
		struct loop loop = { .addr = w->loops.at[i].addr, .id = w->loops.at[i].id };
		read_loop(w, &loop);
		read_ready(w, &loop);
		read_timers(w, &loop);
		read_selector(w, &loop);
		put_loop(w, &loop);
		tc_walker_objects(w);
	}
}
