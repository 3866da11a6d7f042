/* SPDX-License-Identifier: Apache-2.0
 * Who may still use what is kept under a name. Code that uses it names it; a function runs only if
 * code that runs names it, if somebody keeps it, or if its class or Python itself may call it. So
 * from the code that tasks and threads have still before them, all names that may be used are
 * found. */
#ifndef TC_NAMES_H
#define TC_NAMES_H

#include "analyzer/base/lookup.h"
#include "analyzer/dump/model.h"
#include "analyzer/facts/live.h"

#define TC_NAMES_CALLS 8u

struct tc_names {
	const struct tc_model *model;
	bool usable;		     /* all functions are known, and what threads may still do */
	uint32_t *ids;		     /* of the strings that are names: ascending, without doubles */
	size_t n;		     /* ids[i] is name i */
	uint32_t *name_of;	     /* of each entry of model->names: its name + 1; 0: none */
	uint8_t *reach;		     /* of each name: reaches attributes without naming them */
	uint32_t *first, *functions; /* the functions that have each name */
	uint64_t *others;	     /* a bit for each name that others than tasks may use */
	bool others_all;
	/* The chains of tasks that are alive, and what each may use; task: its tasks, by chain. */
	struct tc_names_chain {
		uint32_t chain;
		uint64_t *uses; /* NULL: all names */
		size_t first, n;
	} * chains;
	size_t n_chains;
	uint32_t *tasks;
	/* while names are found */
	uint32_t *seen, search, *stack;
	uint64_t steps; /* that are left */
	/* the names that the calls of the last search are */
	const char *const *calls;
	uint32_t call_names[TC_NAMES_CALLS];
	unsigned n_calls;
	uint32_t makers[TC_NAMES_CALLS]; /* names + 1 */
	size_t n_makers;
	uint32_t all_tasks; /* the name, + 1; 0: no code has it */
};

/* live: what a frame at this site may still do, kept by the caller. */
void tc_names_init(struct tc_names *names, const struct tc_model *model,
		   const struct tc_live *(*live)(void *context, uint32_t site), void *context);
void tc_names_deinit(struct tc_names *names);

/* Call found, which may be NULL, for each task that may use what is kept as `key` (a string), and
 * one of `calls` on it (a constant list of at most TC_NAMES_CALLS names that ends with NULL; NULL:
 * any use counts). False: others may use it too, or it is not known who may. */
bool tc_names_users(struct tc_names *names, uint32_t key, const char *const *calls,
		    void (*found)(void *context, const struct tc_task *task), void *context);

/* The same for asyncio.all_tasks(), which leads to every task. True where nothing is known of
 * names. */
bool tc_names_cancel_all(const struct tc_names *names,
			 void (*found)(void *context, const struct tc_task *task), void *context);

/* Does the function with this code use the name? */
bool tc_names_has(const struct tc_names *names, uint32_t code, uint32_t key);

#endif
