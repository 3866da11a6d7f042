/* SPDX-License-Identifier: Apache-2.0
 * Counts tasks and threads by what their registries say, without reading them (walk_registry.c and
 * walk_thread.c do that), to estimate what a walk would cost. */
#include "lib/python/pyobj.h"
#include "lib/walk/walk.h"

#include "lib/base/safe.h"

enum { SET_USED = 24 }; /* Include/cpython/setobject.h */
#define INTERPS_MAX 64

struct counter {
	struct tc_py py;
	tc_addr interp, tasks, c; /* the modules asyncio.tasks and _asyncio */
	uint64_t n, max;
};

static void find_modules(struct counter *counter)
{
	const struct tc_py *py = &counter->py;
	tc_addr modules, key, value, state, debug;
	struct tc_dict dict;

	counter->tasks = counter->c = 0;
	if (tc_get(py->mem, counter->interp + py->at.is_modules, &modules) < 0 ||
	    tc_dict_open(py, modules, &dict) < 0)
		return;
	while (!(counter->tasks && counter->c) && tc_dict_next(&dict, &key, &value) > 0)
		if (!counter->tasks && tc_str_is(py, key, "asyncio.tasks"))
			counter->tasks = value;
		else if (!counter->c && tc_str_is(py, key, "_asyncio"))
			counter->c = value;
	if (py->at.as_debug != TC_NONE && counter->c &&
	    tc_get(py->mem, counter->c + py->at.module_state, &state) == 0 && state &&
	    tc_get(py->mem, state + py->at.as_debug, &debug) == 0 && debug)
		tc_layout_asyncio(py->mem, debug, &counter->py.at);
}

static void count_set(struct counter *counter, tc_addr set)
{
	uint64_t used;

	if (tc_get(counter->py.mem, set + SET_USED, &used) == 0)
		counter->n += used;
}

static void count_weakset(struct counter *counter, tc_addr weakset)
{
	tc_addr set;

	if (tc_attr_get(&counter->py, weakset, "data", &set) == 0)
		count_set(counter, set);
}

static void count_list(struct counter *counter, tc_addr head)
{
	tc_addr at;

	if (tc_get(counter->py.mem, head, &at) < 0)
		return;
	for (; at && at != head && counter->n <= counter->max; counter->n++)
		if (tc_get(counter->py.mem, at, &at) < 0)
			return;
}

/* Count the threads, and, if they have lists of tasks (3.14+), the tasks in these. */
static void count_threads(struct counter *counter, bool lists)
{
	const struct tc_py *py = &counter->py;
	tc_addr tstate = 0;

	tc_get(py->mem, counter->interp + py->at.is_threads_head, &tstate);
	for (; tstate && counter->n <= counter->max; counter->n++) {
		if (lists)
			count_list(counter, tstate + py->at.ts_tasks_head);
		if (tc_get(py->mem, tstate + py->at.ts_next, &tstate) < 0)
			break;
	}
	if (lists)
		count_list(counter, counter->interp + py->at.is_tasks_head);
}

static void count_interp(struct counter *counter)
{
	const struct tc_py *py = &counter->py;
	tc_addr dict, object, state;

	find_modules(counter);
	count_threads(counter, py->at.registry == TC_REGISTRY_LISTS &&
				       (counter->tasks || counter->c));
	if (counter->tasks && tc_get(py->mem, counter->tasks + TC_MODULE_DICT, &dict) == 0) {
		bool all = py->at.registry == TC_REGISTRY_ALL;
		if (!all && tc_dict_get(py, dict, "_eager_tasks", &object) == 0)
			count_set(counter, object);
		if (tc_dict_get(py, dict, all ? "_all_tasks" : "_scheduled_tasks", &object) == 0)
			count_weakset(counter, object);
	}
	if (py->at.as_scheduled == TC_NONE || !counter->c ||
	    tc_get(py->mem, counter->c + py->at.module_state, &state) < 0 || !state)
		return;
	if (tc_get(py->mem, state + py->at.as_eager, &object) == 0 && object)
		count_set(counter, object);
	if (tc_get(py->mem, state + py->at.as_scheduled, &object) == 0 && object)
		count_weakset(counter, object);
}

int tc_walk_count(struct tc_mem *mem, const struct tc_runtime_site *site, uint64_t max,
		  uint64_t *ret)
{
	struct counter counter = { .py.mem = mem, .max = max };
	char source[64];
	uint32_t version;
	int r = tc_layout_choose(mem, site, &counter.py.at, &version, source);

	if (r == 0)
		r = tc_get(mem, site->runtime + counter.py.at.rt_interp_head, &counter.interp);
	for (unsigned i = 0; r == 0 && counter.interp && i < INTERPS_MAX && counter.n <= max; i++) {
		count_interp(&counter);
		r = tc_get(mem, counter.interp + counter.py.at.is_next, &counter.interp);
	}
	if (r == 0)
		*ret = counter.n;
	return r;
}
