/* SPDX-License-Identifier: Apache-2.0
 * Where asyncio registers its tasks: weak sets and sets, from 3.14 on also lists of each thread and
 * of the interpreter (Lib/asyncio/tasks.py, Modules/_asynciomodule.c). All addresses are collected
 * before any task is read, because that is quick, and a running target changes little meanwhile. */
#include "lib/walk/walk_registry.h"

#include "lib/walk/order.h"
#include "lib/walk/walk_note.h"
#include "lib/walk/walk_resize.h"
#include "lib/walk/walk_settle.h"
#include "lib/walk/walk_task.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

#define SET_TRIES 5
/* tries for a batch: each try may find that another link of a chain has changed */
#define ROUNDS 10
#define LIST_REPAIRS 50000u
#define LIST_MAX (1u << 26)
enum { SET_OBJECT_BYTES = 200 };

/* Addresses, one behind the other in the arena. */
struct collected {
	tc_addr *addrs;
	size_t n;
	bool cut;
};

static void collect(struct tc_walker *w, struct collected *to, tc_addr addr)
{
	/* Two addresses at a time, because the arena hands out 16 bytes at a time. Nothing else may
	 * take from it meanwhile. */
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
	tc_walker_note_full(w);
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

/* Does a registry of n tasks exceed max_tasks? Then the walk ends. */
static bool too_many(struct tc_walker *w, uint64_t n)
{
	if (w->options->max_tasks && n > w->options->max_tasks)
		w->stopped = true;
	return w->stopped;
}

static int collect_all(struct tc_walker *w, struct tc_seq *seq, struct collected *ret)
{
	tc_addr key;
	int r = 0;

	*ret = (struct collected){ 0 };
	while (!ret->cut && (r = tc_seq_next(seq, &key)) > 0)
		collect(w, ret, key);
	return r;
}

/* The target stands still, and this was collected with the result r. If the set counts another
 * number of keys, it was stopped while they moved to another table. */
static int finish_still(struct tc_walker *w, const struct set_head *head, bool weak, int r,
			struct collected *ret)
{
	struct tc_moved_set moved = {
		.table = head->table,
		.used = head->used,
		.found = ret->addrs,
		.n = ret->n,
		.weak = weak,
	};
	struct tc_seq seq;

	if (r == 0 && ret->n == head->used)
		return 0;
	if (tc_walker_old_table(w, &moved, &seq))
		return collect_all(w, &seq, ret);
	w->counts->disagreed = true;
	return r;
}

/* Collect all keys of the set. If its table changed meanwhile, they are collected again. */
static int collect_set(struct tc_walker *w, tc_addr set, bool weak, struct collected *ret)
{
	struct set_head before, after;
	struct tc_arena arena = *w->arena;
	int r = -TC_ETORN;

	for (int tries = 0; tries < SET_TRIES; tries++) {
		struct tc_seq seq;
		/* Give back what the last try has taken, and zero it, because the arena promises
		 * zeroed memory. */
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
		r = collect_all(w, &seq, ret);
		if (!w->mem->live && !ret->cut)
			r = finish_still(w, &before, weak, r, ret);
		if (ret->cut) {
			cut_rest(w, before.used > ret->n ? before.used - ret->n : 0);
			return 0;
		}
		if (!w->mem->live)
			return r;
		if (read_head(w, set, &after) == 0 && after.table == before.table &&
		    after.mask == before.mask && r == 0)
			return 0;
		w->counts->retaken++;
	}
	w->counts->disagreed = true;
	return r < 0 ? r : -TC_ETORN;
}

/* The object that a weak reference refers to: a task, or None when the task is dead; 0: ref is no
 * weak reference (any more). */
static tc_addr referent(struct tc_walker *w, tc_addr ref)
{
	const struct tc_walk_type *type = tc_walker_type_of(w, ref);
	tc_addr object;

	if (!type || type->kind != TC_KIND_WEAKREF ||
	    tc_get(w->mem, ref + TC_WEAKREF_OBJECT, &object) < 0)
		return 0;
	return object;
}

/* Count a task that should have been found through ref. */
static void lost(struct tc_walker *w, tc_addr ref)
{
	w->counts->found++;
	w->counts->torn++;
	tc_walker_fault(w, ref, TC_ETYPE, "weak reference to a task");
}

/* Walk a batch of tasks of a running target. In each round, the tasks whose chains were proven to
 * be of one moment are walked at once, while the cache still has that moment. The others are tried
 * again in the next round; those that are left after the last one are torn. All tasks[] are 0
 * afterwards. */
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

/* Walk up to TC_BATCH tasks. The memory that they need next is asked for together, because each
 * single request takes long, above all to another process. known: flags for all of them. */
static void walk_batch(struct tc_walker *w, const tc_addr *keys, size_t n, bool weak,
		       uint32_t known)
{
	tc_addr tasks[TC_BATCH], coros[TC_BATCH];
	size_t n_tasks = 0, n_coros = 0;
	const struct tc_walk_type *type;

	tc_hint(w->mem, keys, n);
	for (size_t i = 0; i < n; i++) {
		tc_addr task = weak ? referent(w, keys[i]) : keys[i];
		if (task)
			tasks[n_tasks++] = task;
		else if (!w->mem->live) /* the target does not run, so nobody can have removed it */
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
	bool live = w->mem->live;
	for (size_t i = 0; i < n_tasks; i++) {
		/* a target that stands still may be let go in the middle of the batch */
		if (i == 0 ? tc_walker_moves(w) : !live && w->mem->live)
			walk_moving(w, tasks + i, n_tasks - i, known);
		if (tasks[i])
			tc_walker_task(w, tasks[i], known, false);
	}
}

/* Only after all tasks of the set were walked it is known whether this is needed. */
static void walk_completions(struct tc_walker *w, const tc_addr *keys, size_t n, bool weak)
{
	const struct tc_walk_options *options = w->options;

	for (size_t i = 0; i < n && w->completions.met && !w->stopped; i++) {
		if (i % TC_BATCH == 0 && options->give_up && options->give_up(options->context))
			return;
		tc_walker_completion(w, weak ? referent(w, keys[i]) : keys[i]);
	}
}

/* Replace weak references by the tasks that they refer to. For targets that do not run. */
static void deref(struct tc_walker *w, struct collected *refs)
{
	size_t n = 0;

	for (size_t i = 0; i < refs->n; i++) {
		tc_addr ref = refs->addrs[i], task;
		if (i % TC_BATCH == 0)
			tc_hint(w->mem, refs->addrs + i,
				refs->n - i < TC_BATCH ? refs->n - i : TC_BATCH);
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
	int r = collect_set(w, set, weak, &keys);

	if (r < 0) {
		tc_walker_fault(w, set, r, "set of tasks");
		tc_notices_add(
			w->notices,
			"a set of tasks changed at each try to read it: tasks may be missing");
	}
	if (!w->mem->live && weak) {
		deref(w, &keys);
		weak = false;
	}
	/* A set is not ordered by address, and jumping between pages is slow. */
	if (!w->mem->live)
		keys.addrs = tc_order_by_page(keys.addrs, keys.n, w->arena);
	for (size_t i = 0; i < keys.n && !w->stopped; i += TC_BATCH)
		walk_batch(w, keys.addrs + i, keys.n - i < TC_BATCH ? keys.n - i : TC_BATCH, weak,
			   known);
	walk_completions(w, keys.addrs, keys.n, weak);
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

/* The list changed while we followed it: go back to the last visited node that is still linked.
 * *ret_at gets the node after it, to go on with, and *ret_prev the node itself. -TC_ETORN: there is
 * none. */
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

/* The position in a list that is followed forwards. */
struct cursor {
	tc_addr prev, at;
	tc_addr stuck_at; /* the last repair led here */
	unsigned repairs, stuck;
};

/* Set the cursor to a good node after one that does not fit. If three repairs lead to the same
 * node, the list is broken, not changing: -TC_ETORN. */
static int mend(struct tc_walker *w, tc_addr head, struct collected *nodes, struct cursor *cursor)
{
	if (!w->mem->live || cursor->repairs++ == LIST_REPAIRS ||
	    repair(w, head, nodes, &cursor->prev, &cursor->at) < 0)
		return -TC_ETORN;
	cursor->stuck = cursor->at == cursor->stuck_at ? cursor->stuck + 1 : 0;
	cursor->stuck_at = cursor->at;
	return cursor->stuck < 3 ? 0 : -TC_ETORN;
}

/* Collect from the end of the list backwards, when it is broken on the way from its front. */
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
		tc_notices_add(
			w->notices,
			"a list of tasks could not be followed to its end: tasks may be missing");
	}
	if (nodes.cut)
		tc_notices_add(
			w->notices,
			"the walker's memory is full, tasks are missing: raise --max-memory");
	for (size_t i = 0; i < nodes.n; i++)
		nodes.addrs[i] -= w->py.at.task_node;
	if (!w->mem->live)
		nodes.addrs = tc_order_by_page(nodes.addrs, nodes.n, w->arena);
	for (size_t i = 0; i < nodes.n && !w->stopped; i += TC_BATCH)
		walk_batch(w, nodes.addrs + i, nodes.n - i < TC_BATCH ? nodes.n - i : TC_BATCH,
			   false, known);
}

static int module_attr(struct tc_walker *w, tc_addr module, const char *name, tc_addr *ret)
{
	tc_addr dict;

	if (!module || tc_get(w->mem, module + TC_MODULE_DICT, &dict) < 0)
		return -TC_EFAULT;
	return tc_dict_get(&w->py, dict, name, ret);
}

/* The registries of asyncio/tasks.py; from 3.14 on only pure-Python tasks are in these. */
static void walk_python_side(struct tc_walker *w)
{
	tc_addr object;

	if (w->py.at.registry == TC_REGISTRY_ALL) {
		if (module_attr(w, w->interp.asyncio_tasks, "_all_tasks", &object) == 0)
			walk_weakset(w, object, 0);
		return;
	}
	/* The eager tasks first: a task may be in both, and only this set says that it is eager. */
	if (module_attr(w, w->interp.asyncio_tasks, "_eager_tasks", &object) == 0)
		walk_set(w, object, false, TC_TASK_EAGER);
	if (module_attr(w, w->interp.asyncio_tasks, "_scheduled_tasks", &object) == 0)
		walk_weakset(w, object, 0);
}

/* The registries in the state of module _asyncio; from 3.14 on third-party tasks are only there. */
static void walk_c_side(struct tc_walker *w)
{
	tc_addr state, object;

	if (w->py.at.as_scheduled == TC_NONE || !w->interp.asyncio_c ||
	    tc_get(w->mem, w->interp.asyncio_c + w->py.at.module_state, &state) < 0 || !state)
		return;
	if (tc_get(w->mem, state + w->py.at.as_eager, &object) == 0 && object)
		walk_set(w, object, false, TC_TASK_EAGER);
	if (tc_get(w->mem, state + w->py.at.as_scheduled, &object) == 0 && object)
		walk_weakset(w, object, 0);
}

static void walk_lists(struct tc_walker *w)
{
	for (uint32_t i = 0; i < w->threads.n; i++)
		walk_list(w, w->threads.at[i].tstate + w->py.at.ts_tasks_head, 0);
	/* Tasks of threads that ended are handed to the interpreter. */
	walk_list(w, w->interp.addr + w->py.at.is_tasks_head, TC_TASK_ORPHAN);
}

void tc_walker_registries(struct tc_walker *w)
{
	if (!w->interp.asyncio_tasks && !w->interp.asyncio_c)
		return;
	if (w->py.at.registry == TC_REGISTRY_LISTS)
		walk_lists(w);
	walk_python_side(w);
	walk_c_side(w);
}
