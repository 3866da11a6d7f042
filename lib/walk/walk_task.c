/* SPDX-License-Identifier: Apache-2.0
 * One task: its fields, in C (Modules/_asynciomodule.c, TaskObj) or in Python (asyncio/tasks.py),
 * its chain, its record. */
#include "lib/walk/walk_task.h"

#include "lib/base/strbuf.h"
#include "lib/walk/walk_chain.h"
#include "lib/walk/walk_context.h"
#include "lib/walk/walk_exception.h"
#include "lib/walk/walk_locals.h"
#include "lib/walk/walk_loop.h"
#include "lib/walk/walk_note.h"
#include "lib/walk/walk_object.h"
#include "lib/walk/walk_refs.h"
#include "lib/walk/walk_sole.h"
#include "lib/walk/walk_string.h"
#include "lib/walk/walk_ties.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walk_value.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

enum { FUT_LOOP = 16, FUT_EXCEPTION = 48, TASK_MAX = 200 };
#define NUMBER_MAX UINT32_MAX /* of a default name that is recorded as a number */

/* A task as it was read. */
struct task {
	tc_addr addr;
	const struct tc_walk_type *type;
	uint32_t flags;
	tc_addr loop, coro, waiter, name, context, exception;
	uint64_t cancels;
};

static tc_addr word_at(const uint8_t *body, uint16_t offset)
{
	tc_addr word;

	memcpy(&word, body + offset, 8);
	return word;
}

static bool flag_at(const struct tc_layout *at, const uint8_t *body, uint16_t offset, unsigned bit)
{
	int32_t value;

	if (at->flag_bits)
		return body[offset] >> bit & 1;
	memcpy(&value, body + offset, 4);
	return value != 0;
}

static int read_c_task(struct tc_walker *w, struct task *task)
{
	const struct tc_layout *at = &w->py.at;
	uint8_t body[TASK_MAX];
	uint32_t state, cancels = 0;

	if (at->task_size > TASK_MAX || tc_read(w->mem, task->addr, body, at->task_size) < 0)
		return -TC_EFAULT;
	tc_walker_tie(w, task->addr + TC_OB_TYPE, task->addr + at->task_context + 8);
	memcpy(&state, body + at->fut_state, 4);
	if (state > TC_STATE_FINISHED)
		return -TC_ETYPE;
	task->flags |= state |
		       (flag_at(at, body, at->task_must_cancel, 2) ? TC_TASK_MUST_CANCEL : 0u) |
		       (flag_at(at, body, at->fut_log_tb, 0) ? TC_TASK_LOG_TB : 0u) |
		       (flag_at(at, body, at->fut_blocking, 1) ? TC_TASK_BLOCKING : 0u);
	task->loop = word_at(body, FUT_LOOP);
	task->exception = word_at(body, FUT_EXCEPTION);
	task->coro = word_at(body, at->task_coro);
	task->waiter = word_at(body, at->task_waiter);
	task->name = word_at(body, at->task_name);
	task->context = word_at(body, at->task_context);
	if (at->task_cancels != TC_NONE)
		memcpy(&cancels, body + at->task_cancels, 4);
	task->cancels = cancels;
	return 0;
}

/* An object of a class derived from _asyncio.Future that is registered as a task: only state and
 * loop are known, because the rest is up to its class. */
static int read_c_future(struct tc_walker *w, struct task *task)
{
	uint32_t state;

	if (tc_get(w->mem, task->addr + w->py.at.fut_state, &state) < 0 ||
	    tc_get(w->mem, task->addr + FUT_LOOP, &task->loop) < 0)
		return -TC_EFAULT;
	if (state > TC_STATE_FINISHED)
		return -TC_ETYPE;
	task->flags |= state;
	return 0;
}

static uint32_t state_by_name(struct tc_walker *w, tc_addr str)
{
	return tc_str_is(&w->py, str, "PENDING")   ? TC_STATE_PENDING :
	       tc_str_is(&w->py, str, "CANCELLED") ? TC_STATE_CANCELLED :
	       tc_str_is(&w->py, str, "FINISHED")  ? TC_STATE_FINISHED :
						     TC_TASK_STATE_UNKNOWN;
}

static void python_field(struct tc_walker *w, struct task *task, const char *name, tc_addr object)
{
	struct tc_walk_value value;

	tc_walker_fact(w, object, &value);
	bool is_none = value.tag == TC_VAL_NONE;
	if (strcmp(name, "_coro") == 0)
		task->coro = object;
	else if (strcmp(name, "_fut_waiter") == 0)
		task->waiter = is_none ? 0 : object;
	else if (strcmp(name, "_loop") == 0)
		task->loop = object;
	else if (strcmp(name, "_name") == 0)
		task->name = object;
	else if (strcmp(name, "_context") == 0)
		task->context = object;
	else if (strcmp(name, "_exception") == 0)
		task->exception = is_none ? 0 : object;
	else if (strcmp(name, "_state") == 0)
		task->flags =
			(task->flags & ~(uint32_t)TC_TASK_STATE_UNKNOWN) | state_by_name(w, object);
	else if (strcmp(name, "_must_cancel") == 0)
		task->flags |= value.tag == TC_VAL_TRUE ? TC_TASK_MUST_CANCEL : 0u;
	else if (strcmp(name, "_Future__log_traceback") == 0 ||
		 strcmp(name, "__log_traceback") == 0)
		task->flags |= value.tag == TC_VAL_TRUE ? TC_TASK_LOG_TB : 0u;
	else if (strcmp(name, "_num_cancels_requested") == 0 && value.tag == TC_VAL_INT)
		task->cancels = value.bits;
}

/* A pure-Python task, or an instance of a class that has the same attributes (asyncio/tasks.py). */
static int read_python_task(struct tc_walker *w, struct task *task)
{
	struct tc_dict dict;
	tc_addr key, value;
	char name[32];
	int r = tc_attrs_open(&w->py, task->addr, &task->type->facts, &dict);

	/* Future._state is an attribute of the class until it changes: an instance without one is
	 * pending. */
	task->flags |=
		TC_TASK_PYTHON |
		(task->type->kind == TC_KIND_PY_TASK || task->type->kind == TC_KIND_PY_FUTURE ?
			 0u :
			 TC_TASK_STATE_UNKNOWN);
	if (r == -TC_ETYPE)
		return 0; /* no dictionary: we only know that it is registered */
	while (r >= 0 && (r = tc_dict_next(&dict, &key, &value)) > 0)
		if (tc_str_read(&w->py, key, name, sizeof(name), NULL) == 0)
			python_field(w, task, name, value);
	return r;
}

static int read_task(struct tc_walker *w, tc_addr addr, uint32_t known, struct task *ret)
{
	*ret = (struct task){ .addr = addr, .flags = known, .type = tc_walker_type_of(w, addr) };
	if (!ret->type)
		return -TC_ETYPE;
	if (ret->type->kind == TC_KIND_TASK)
		return read_c_task(w, ret);
	if (ret->type->kind != TC_KIND_PY_TASK) {
		/* A class of the program's own, which may be derived from Future. */
		if (ret->type->kind != TC_KIND_OTHER && !tc_kind_is_future(ret->type->kind))
			return -TC_ETYPE;
		ret->flags |= TC_TASK_THIRD_PARTY;
	}
	if (ret->type->kind == TC_KIND_FUTURE)
		return read_c_future(w, ret);
	return read_python_task(w, ret);
}

static bool is_current(const struct tc_walker *w, tc_addr task)
{
	for (uint32_t i = 0; i < w->threads.n_current; i++)
		if (w->threads.current[i] == task)
			return true;
	return false;
}

/* Does what was read fit together? A running task must be a current task; a chain that ends in a
 * future must end in the one that the task waits for. */
static bool consistent(const struct tc_walker *w, const struct task *task,
		       const struct tc_walk_chain *chain)
{
	if (chain->torn)
		return false;
	if (chain->running)
		return task->flags & TC_TASK_THIRD_PARTY || chain->nested ||
		       is_current(w, task->addr);
	if (!chain->leaf || !chain->leaf_type || !tc_kind_is_future(chain->leaf_type->kind) ||
	    !task->waiter)
		return true;
	return chain->leaf == task->waiter;
}

void tc_walker_task_ties(struct tc_walker *w, tc_addr addr)
{
	struct task task;
	struct tc_walk_chain chain;

	tc_walker_anew(w, addr);
	if (read_task(w, addr, 0, &task) < 0 ||
	    (task.flags & TC_TASK_STATE_MASK) != TC_STATE_PENDING)
		return;
	w->tasks.walking = addr;
	if (task.coro)
		tc_walker_chain(w, task.coro, &chain);
	if (task.name) {
		tc_walker_anew(w, task.name);
		tc_walker_tie_name(w, task.name);
	}
}

static int read_whole(struct tc_walker *w, tc_addr addr, uint32_t known, struct task *task,
		      struct tc_walk_chain *chain)
{
	*chain = (struct tc_walk_chain){ 0 };
	int r = read_task(w, addr, known & ~(uint32_t)TC_TASK_TORN, task);
	if (r < 0 || (task->flags & TC_TASK_STATE_MASK) != TC_STATE_PENDING)
		return r;
	w->tasks.walking = addr;
	if (task->coro)
		tc_walker_chain(w, task->coro, chain);
	return !(known & TC_TASK_TORN) && consistent(w, task, chain) ? 0 : -TC_ETORN;
}

static uint64_t number_of(const char *text, size_t len)
{
	uint64_t n = 0;

	if (len < 6 || memcmp(text, "Task-", 5) != 0 || text[5] < '1' || text[5] > '9')
		return 0;
	for (size_t i = 5; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || n > NUMBER_MAX / 10)
			return 0;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	return n <= NUMBER_MAX ? n : 0;
}

/* The name "Task-7" as its number; a number that is too large as a string. */
static uint64_t numbered_name(struct tc_walker *w, struct task *task, uint64_t number)
{
	struct tc_strbuf text;

	if (number <= NUMBER_MAX) {
		task->flags |= TC_TASK_LAZY_NAME;
		return number;
	}
	tc_strbuf_init(&text, w->strings.text, TC_STRING_MAX);
	tc_strbuf_s(&text, "Task-");
	tc_strbuf_u(&text, number);
	return tc_walker_label(w, w->strings.text, (size_t)(text.at - w->strings.text));
}

/* The name as it is written: the number of a default name ("Task-7", which from 3.12 on is only an
 * int until somebody asks for it), or a string. */
static uint64_t task_name(struct tc_walker *w, struct task *task)
{
	int64_t number;
	uint64_t digits;
	size_t len;
	const struct tc_walk_type *type = task->name ? tc_walker_type_of(w, task->name) : NULL;

	if (!type)
		return 0;
	if (type->kind == TC_KIND_INT && tc_int_read(&w->py, task->name, &number, &digits) == 0 &&
	    number > 0)
		return numbered_name(w, task, (uint64_t)number);
	if (type->kind != TC_KIND_STR ||
	    tc_str_read(&w->py, task->name, w->strings.text, TC_STRING_MAX, &len) < 0)
		return 0;
	uint64_t n = number_of(w->strings.text, len);
	return n ? numbered_name(w, task, n) : tc_walker_label(w, w->strings.text, len);
}

static void put_task(struct tc_walker *w, struct task *task, const struct tc_walk_chain *chain)
{
	const struct tc_walk_type *exception =
		task->exception ? tc_walker_type_of(w, task->exception) : NULL;
	uint32_t traceback = exception ? tc_walker_traceback(w, task->exception) : 0;
	uint32_t coroutine = exception ? tc_walker_coroutine(w, task->coro) : 0;
	uint64_t name = task_name(w, task);
	uint32_t loop = task->loop ? tc_walker_loop(w, task->loop) : 0;
	uint32_t context = task->context ? tc_walker_context(w, task->context) : 0;
	tc_addr leaf = chain->leaf ? chain->leaf : chain->running ? 0 : task->waiter;

	if (!task->waiter)
		task->flags |= TC_TASK_NO_WAITER;
	if (chain->by_iterator && leaf == task->waiter && chain->leaf_type &&
	    chain->leaf_type->kind == TC_KIND_FUTURE && tc_walker_is_sole(w, leaf))
		task->flags |= TC_TASK_SOLE;
	if (leaf && !chain->leaf)
		tc_walker_want(w, leaf, TC_LEAF_DEPTH);
	tc_record_begin(w->out, TC_REC_TASK);
	tc_put_u(w->out, task->flags);
	tc_put_u(w->out, w->interp.id);
	tc_put_d(w->out, TC_STREAM_TASK, task->addr);
	tc_put_u(w->out, task->type ? task->type->id : 0);
	tc_put_d(w->out, TC_STREAM_NAME, name);
	tc_put_u(w->out, loop);
	tc_put_s(w->out, task->coro ? (int64_t)(task->coro - task->addr) : 0);
	tc_put_u(w->out, chain->id);
	tc_put_s(w->out, leaf ? (int64_t)(leaf - task->addr) : 0);
	tc_put_s(w->out, task->waiter ? (int64_t)(task->waiter - (leaf ? leaf : task->addr)) : 0);
	tc_put_u(w->out, task->cancels);
	tc_put_d(w->out, TC_STREAM_CONTEXT, context);
	if (leaf && leaf != task->addr)
		tc_record_near(w->out, TC_STREAM_OBJECT, leaf); /* whose record is the next */
	/* Fields at the end that are 0 are not written (docs/format.md section 5). */
	if (exception || chain->tid) {
		tc_put_u(w->out, exception ? exception->id : 0);
		tc_put_u(w->out, chain->tid);
	}
	if (exception) {
		tc_put_u(w->out, TC_RUNTIME_CPYTHON);
		tc_put_u(w->out, traceback);
		tc_put_u(w->out, coroutine);
	}
	tc_record_end(w->out);
	if (!chain->id)
		return;
	tc_walker_put_locals(w, leaf ? leaf : task->addr);
	tc_walker_put_holds(w, leaf ? leaf : task->addr);
}

/* Count the task as done, torn, cut or read, and set the flags that say so in its record. */
static void count(struct tc_walker *w, struct task *task, const struct tc_walk_chain *chain, int r)
{
	if (r == 0 && (task->flags & TC_TASK_STATE_MASK) != TC_STATE_PENDING) {
		w->counts->done++;
		return;
	}
	w->counts->found++;
	if (r < 0) {
		task->flags |= TC_TASK_TORN;
		w->counts->torn++;
		tc_walker_fault(w, task->addr, r, "task");
	} else if (chain->cut) {
		task->flags |= TC_TASK_CUT;
		w->counts->cut++;
	} else {
		w->counts->read++;
	}
	if (chain->running)
		task->flags |= TC_TASK_RUNNING;
	if (chain->not_started)
		task->flags |= TC_TASK_NOT_STARTED;
}

bool tc_walker_task_new(struct tc_walker *w, tc_addr addr)
{
	int new = tc_seen_mark(&w->tasks.seen, addr);

	if (new == 0)
		return false;
	if (new > 0 && !(w->options->give_up && w->options->give_up(w->options->context)))
		return true;
	if (new < 0)
		tc_walker_note_full(w);
	w->counts->found++;
	w->counts->cut++;
	return false;
}

/* What it refers to, or did until it ended. */
static void note_refs(struct tc_walker *w, const struct task *task,
		      const struct tc_walk_chain *chain)
{
	const unsigned state = task->flags & TC_TASK_STATE_MASK;

	if (state == TC_STATE_PENDING && !chain->running)
		tc_walker_refs_task(w, task->addr);
	else if ((task->exception || state == TC_STATE_CANCELLED) && task->type &&
		 task->type->kind == TC_KIND_TASK)
		tc_walker_refs_ended(w, task->addr);
}

bool tc_walker_task(struct tc_walker *w, tc_addr addr, uint32_t known, bool again)
{
	struct task task;
	struct tc_walk_chain chain;

	bool live = w->mem->live;
	int r = read_whole(w, addr, known, &task, &chain);
	if (r == 0 && !live && w->mem->live) /* the target was let go while the task was read */
		r = -TC_ETORN;
	if (r < 0 && again) {
		w->counts->retaken++;
		return false;
	}
	if (r == 0 && (task.flags & TC_TASK_STATE_MASK) != TC_STATE_PENDING)
		w->locals.n_frames = 0;
	count(w, &task, &chain, r);
	if (task.type && (r == 0 || tc_kind_is_task(task.type->kind)))
		put_task(w, &task, &chain);
	if (r == 0)
		note_refs(w, &task, &chain);
	tc_walker_objects(w);
	return true;
}
