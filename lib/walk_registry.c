/* SPDX-License-Identifier: Apache-2.0
 * Where asyncio keeps its tasks: weak sets and sets, from 3.14 on also lists of the threads and the
 * interpreter (Lib/asyncio/tasks.py, Modules/_asynciomodule.c). First all addresses are collected,
 * quickly, so that a target that runs changes little meanwhile; then the tasks are read. */
#include "order.h"
#include "walker.h"

#include "safe.h"

#define SET_TRIES 5
#define ROUNDS 10 /* a chain may be found to have moved link by link */
#define LIST_REPAIRS 50000u
#define LIST_MAX (1u << 26)
enum { SET_OBJECT_BYTES = 200 };

/* Addresses in the arena, one behind the other. */
struct collected {
	tc_addr *addrs;
	size_t n;
	bool cut;
};

static void collect(struct tc_walker *w, struct collected *to, tc_addr addr)
{
	/* Two to a piece: the arena hands out sixteen bytes after sixteen while nothing else takes
	 * from it. */
	if (to->n % 2 == 0) {
		const tc_addr *end = to->addrs ? to->addrs + to->n : NULL;
		tc_addr *pair = tc_arena_extend(w->arena, end, 2 * sizeof(*pair));
		if (!pair) {
			tc_walker_check_arena(w);
			to->cut = true;
			return;
		}
		if (!to->addrs)
			to->addrs = pair;
	}
	to->addrs[to->n++] = addr;
}

static void cut_rest(struct tc_walker *w, uint64_t n)
{
	w->counts->found += n;
	w->counts->cut += n;
	tc_walker_notice(w, "the walker's memory is full: raise --max-memory");
}

struct set_head {
	uint64_t used, mask;
	tc_addr table;
};

static int read_head(struct tc_walker *w, tc_addr set, struct set_head *ret)
{
	tc_forget(w->mem, set, SET_OBJECT_BYTES);
	return tc_get(w->mem, set + 24, ret); /* used, mask, table: Include/cpython/setobject.h */
}

/* Whether a registry of n tasks is more than the walk shall take on. */
static bool too_many(struct tc_walker *w, uint64_t n)
{
	if (w->options->max_tasks && n > w->options->max_tasks)
		w->stopped = true;
	return w->stopped;
}

/* All keys of the set, from a table that was the same before and after. */
static int collect_set(struct tc_walker *w, tc_addr set, struct collected *ret)
{
	struct set_head before, after;
	struct tc_arena arena = *w->arena;
	int r = -TC_ETORN;

	for (int tries = 0; tries < SET_TRIES; tries++) {
		struct tc_seq seq;
		tc_addr key;
		/* What the last try collected is thrown away; the arena's promise is zeroed memory.
		 */
		memset(arena.at, 0, arena.left - w->arena->left);
		*w->arena = arena;
		*ret = (struct collected){ 0 };
		if (read_head(w, set, &before) < 0)
			return -TC_EFAULT;
		if (too_many(w, before.used))
			return 0;
		if (tries > 0)
			tc_forget(w->mem, before.table, 16 * (before.mask + 1));
		if (tc_seq_open(&w->py, set, TC_SEQ_SET, &seq) < 0)
			return -TC_ETYPE;
		while (!ret->cut && (r = tc_seq_next(&seq, &key)) > 0)
			collect(w, ret, key);
		if (ret->cut) {
			cut_rest(w, before.used > ret->n ? before.used - ret->n : 0);
			return 0;
		}
		if (read_head(w, set, &after) == 0 && after.table == before.table &&
		    after.mask == before.mask && r == 0) {
			w->counts->disagreed |= !w->mem->live && ret->n != before.used;
			return 0;
		}
		w->counts->retaken++;
	}
	w->counts->disagreed = true;
	return r < 0 ? r : -TC_ETORN;
}

/* What a weak reference refers to: a task, or None when that is dead; 0: it is no weak reference
 * any more. */
static tc_addr referent(struct tc_walker *w, tc_addr ref)
{
	const struct tc_type *type = tc_walker_type_of(w, ref);
	tc_addr object;

	if (!type || type->kind != TC_KIND_WEAKREF ||
	    tc_get(w->mem, ref + TC_WEAKREF_OBJECT, &object) < 0)
		return 0;
	return object;
}

/* A task that was to be found through ref. */
static void lost(struct tc_walker *w, tc_addr ref)
{
	w->counts->found++;
	w->counts->torn++;
	tc_walker_fault(w, ref, TC_ETYPE, "weak reference to a task");
}

/* Those tasks of a target that runs whose chains hold are walked at once, before anything is read
 * anew; the others are tried again, and are torn in the end. Their places are 0 then. */
static void walk_moving(struct tc_walker *w, tc_addr *tasks, size_t n, uint32_t known)
{
	bool whole[TC_BATCH] = { false };
	size_t left = n;

	for (int round = 0; round < ROUNDS && left > 0; round++) {
		left = tc_walker_settle(w, tasks, n, round == 0, whole);
		for (size_t i = 0; i < n; i++) {
			if (!tasks[i] || !whole[i])
				continue;
			if (tc_walker_task(w, tasks[i], known, round + 1 < ROUNDS)) {
				tasks[i] = 0;
			} else {
				whole[i] = false;
				left++;
			}
		}
	}
	for (size_t i = 0; i < n; i++)
		if (tasks[i])
			tc_walker_task(w, tasks[i], known | TC_TASK_TORN, false);
	memset(tasks, 0, n * sizeof(*tasks));
}

/* Walk up to TC_BATCH tasks: what they need next is asked for together, because memory answers late,
 * the memory of another process above all. */
static void walk_batch(struct tc_walker *w, const tc_addr *keys, size_t n, bool weak,
		       uint32_t known)
{
	tc_addr tasks[TC_BATCH], coros[TC_BATCH];
	size_t n_tasks = 0, n_coros = 0;
	const struct tc_type *type;

	tc_hint(w->mem, keys, n);
	for (size_t i = 0; i < n; i++) {
		tc_addr task = weak ? referent(w, keys[i]) : keys[i];
		if (task)
			tasks[n_tasks++] = task;
		else if (!w->mem->live) /* nobody can have removed it meanwhile */
			lost(w, keys[i]);
	}
	if (weak)
		tc_hint(w->mem, tasks, n_tasks);
	for (size_t i = 0; i < n_tasks; i++) {
		type = tc_walker_type_of(w, tasks[i]);
		if (type && type->kind == TC_KIND_NONE)
			tasks[i] = 0;
		else if (type && type->kind == TC_KIND_TASK &&
			 tc_get(w->mem, tasks[i] + w->py.at.task_coro, &coros[n_coros]) == 0 &&
			 coros[n_coros])
			n_coros++;
	}
	tc_hint(w->mem, coros, n_coros);
	for (size_t i = 0; i < n_tasks; i++)
		if (tasks[i] && !tc_walker_task_new(w, tasks[i]))
			tasks[i] = 0;
	if (tc_walker_moves(w))
		walk_moving(w, tasks, n_tasks, known);
	for (size_t i = 0; i < n_tasks; i++)
		if (tasks[i])
			tc_walker_task(w, tasks[i], known, false);
}

/* In memory that stands still: the tasks that weak references lead to, in their place. */
static void deref(struct tc_walker *w, struct collected *refs)
{
	size_t n = 0;

	for (size_t i = 0; i < refs->n; i++) {
		tc_addr ref = refs->addrs[i], task;
		if (i % TC_BATCH == 0)
			tc_hint(w->mem, refs->addrs + i, refs->n - i < TC_BATCH ? refs->n - i : TC_BATCH);
		if ((task = referent(w, ref)))
			refs->addrs[n++] = task;
		else
			lost(w, ref);
	}
	refs->n = n;
}

static void walk_set(struct tc_walker *w, tc_addr set, bool weak, uint32_t known)
{
	struct collected keys;
	int r = collect_set(w, set, &keys);

	if (r < 0) {
		tc_walker_fault(w, set, r, "set of tasks");
		tc_walker_notice(
			w, "a set of tasks changed at each try to read it: tasks may be missing");
	}
	if (!w->mem->live && weak) {
		deref(w, &keys);
		weak = false;
	}
	/* A set has no order, and from page to page memory answers late. */
	if (!w->mem->live)
		keys.addrs = tc_order_by_page(keys.addrs, keys.n, w->arena);
	for (size_t i = 0; i < keys.n && !w->stopped; i += TC_BATCH)
		walk_batch(w, keys.addrs + i, keys.n - i < TC_BATCH ? keys.n - i : TC_BATCH, weak, known);
}

/* WeakSet keeps a set of weak references in its attribute `data` (Lib/_weakrefset.py). */
static void walk_weakset(struct tc_walker *w, tc_addr weakset, uint32_t known)
{
	tc_addr set;

	if (tc_attr_get(&w->py, weakset, "data", &set) == 0)
		walk_set(w, set, true, known);
	else
		tc_walker_fault(w, weakset, TC_ETYPE, "WeakSet of tasks");
}

struct node {
	tc_addr next, prev;
};

static int read_node(struct tc_walker *w, tc_addr at, bool fresh, struct node *ret)
{
	if (fresh)
		tc_forget(w->mem, at, sizeof(*ret));
	return tc_get(w->mem, at, ret);
}

/* The list moved under us: go back to the last visited node that is still linked, and on from
 * there. *ret_at gets the node to go on with and *ret_prev the one before it. */
static int repair(struct tc_walker *w, tc_addr head, struct collected *nodes, tc_addr *ret_prev,
		  tc_addr *ret_at)
{
	for (size_t i = nodes->n + 1; i-- > 0;) {
		tc_addr at = i == 0 ? head : nodes->addrs[i - 1];
		struct node node, next;
		if (read_node(w, at, true, &node) == 0 && node.next &&
		    read_node(w, node.next, true, &next) == 0 && next.prev == at) {
			*ret_prev = at;
			*ret_at = node.next;
			return 0;
		}
	}
	return -TC_ETORN;
}

/* Where a forward walk stands. */
struct cursor {
	tc_addr prev, at;
	tc_addr stuck_at; /* the last repair led here */
	unsigned repairs, stuck;
};

/* Mend the cursor after a node that does not fit. A place that was repaired in vain three times is
 * broken, not moving. */
static int mend(struct tc_walker *w, tc_addr head, struct collected *nodes, struct cursor *cursor)
{
	if (!w->mem->live || cursor->repairs++ == LIST_REPAIRS ||
	    repair(w, head, nodes, &cursor->prev, &cursor->at) < 0)
		return -TC_ETORN;
	cursor->stuck = cursor->at == cursor->stuck_at ? cursor->stuck + 1 : 0;
	cursor->stuck_at = cursor->at;
	return cursor->stuck < 3 ? 0 : -TC_ETORN;
}

/* What can be had from the list's end when the way from its front is broken. */
static void collect_backward(struct tc_walker *w, tc_addr head, struct collected *nodes)
{
	struct node node;
	tc_addr next = head, last = nodes->n ? nodes->addrs[nodes->n - 1] : 0, at;

	if (read_node(w, head, true, &node) < 0)
		return;
	at = node.prev;
	while (at && at != head && at != last && nodes->n < LIST_MAX && !nodes->cut) {
		if (read_node(w, at, false, &node) < 0 || node.next != next)
			return;
		collect(w, nodes, at);
		next = at;
		at = node.prev;
	}
}

/* A circular list with a head (Include/internal/pycore_llist.h). Each node must know the one it was
 * reached from. */
static int collect_list(struct tc_walker *w, tc_addr head, struct collected *ret)
{
	struct cursor cursor = { .prev = head };
	struct node node;

	*ret = (struct collected){ 0 };
	if (read_node(w, head, true, &node) < 0)
		return -TC_EFAULT;
	cursor.at = node.next; /* 0: never used */
	while (cursor.at && cursor.at != head && ret->n < LIST_MAX && !ret->cut) {
		if (too_many(w, ret->n))
			return 0;
		if (read_node(w, cursor.at, false, &node) == 0 && node.prev == cursor.prev &&
		    node.next) {
			collect(w, ret, cursor.at);
			cursor.prev = cursor.at;
			cursor.at = node.next;
		} else if (mend(w, head, ret, &cursor) < 0) {
			collect_backward(w, head, ret);
			return -TC_ETORN;
		}
	}
	return 0;
}

static void walk_list(struct tc_walker *w, tc_addr head, uint32_t known)
{
	struct collected nodes;
	int r = collect_list(w, head, &nodes);

	if (r < 0) {
		w->counts->disagreed = true;
		tc_walker_fault(w, head, r, "list of tasks");
		tc_walker_notice(
			w,
			"a list of tasks could not be followed to its end: tasks may be missing");
	}
	if (nodes.cut)
		tc_walker_notice(
			w, "the walker's memory is full, tasks are missing: raise --max-memory");
	for (size_t i = 0; i < nodes.n; i++)
		nodes.addrs[i] -= w->py.at.task_node;
	if (!w->mem->live)
		nodes.addrs = tc_order_by_page(nodes.addrs, nodes.n, w->arena);
	for (size_t i = 0; i < nodes.n && !w->stopped; i += TC_BATCH)
		walk_batch(w, nodes.addrs + i, nodes.n - i < TC_BATCH ? nodes.n - i : TC_BATCH, false,
			   known);
}

static int module_attr(struct tc_walker *w, tc_addr module, const char *name, tc_addr *ret)
{
	tc_addr dict;

	if (!module || tc_get(w->mem, module + TC_MODULE_DICT, &dict) < 0)
		return -TC_EFAULT;
	return tc_dict_get(&w->py, dict, name, ret);
}

/* What the Python side of asyncio names; from 3.14 on these hold the pure-Python tasks only. */
static void walk_python_side(struct tc_walker *w)
{
	tc_addr object;

	if (w->py.at.registry == TC_REGISTRY_ALL) {
		if (module_attr(w, w->asyncio_tasks, "_all_tasks", &object) == 0)
			walk_weakset(w, object, 0);
		return;
	}
	/* Eager ones first: a task may be in both, and the set says more. */
	if (module_attr(w, w->asyncio_tasks, "_eager_tasks", &object) == 0)
		walk_set(w, object, false, TC_TASK_EAGER);
	if (module_attr(w, w->asyncio_tasks, "_scheduled_tasks", &object) == 0)
		walk_weakset(w, object, 0);
}

/* What only the state of module _asyncio knows: third-party tasks from 3.14 on. */
static void walk_c_side(struct tc_walker *w)
{
	tc_addr state, object;

	if (w->py.at.as_scheduled == TC_NONE || !w->asyncio_c ||
	    tc_get(w->mem, w->asyncio_c + w->py.at.module_state, &state) < 0 || !state)
		return;
	if (tc_get(w->mem, state + w->py.at.as_eager, &object) == 0 && object)
		walk_set(w, object, false, TC_TASK_EAGER);
	if (tc_get(w->mem, state + w->py.at.as_scheduled, &object) == 0 && object)
		walk_weakset(w, object, 0);
}

static void walk_lists(struct tc_walker *w)
{
	for (uint32_t i = 0; i < w->n_threads; i++)
		walk_list(w, w->threads[i].tstate + w->py.at.ts_tasks_head, 0);
	/* Tasks of threads that ended are handed to the interpreter. */
	walk_list(w, w->interp + w->py.at.is_tasks_head, TC_TASK_ORPHAN);
}

void tc_walker_registries(struct tc_walker *w)
{
	if (!w->asyncio_tasks && !w->asyncio_c)
		return;
	if (w->py.at.registry == TC_REGISTRY_LISTS)
		walk_lists(w);
	walk_python_side(w);
	walk_c_side(w);
}
