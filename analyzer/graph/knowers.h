/* SPDX-License-Identifier: Apache-2.0
 * Which tasks know an object: those whose frames refer to it, directly or through other objects.
 * Where all references to it are found, nobody else knows it. */
#ifndef TC_KNOWERS_H
#define TC_KNOWERS_H

#include "analyzer/base/lookup.h"
#include "analyzer/dump/model.h"
#include "analyzer/facts/live.h"
#include "analyzer/facts/names.h"

struct tc_knowers {
	const struct tc_model *model;
	struct tc_lookup by_addr;
	uint32_t *in_first, *in;	  /* the numbers of those that refer to each */
	uint32_t *in_words;		  /* for each: as ref_words of the model */
	struct tc_live **live;		  /* of each site; NULL: not asked for yet */
	uint32_t *seen, *stack, *visited; /* visited: by the last search */
	size_t n_visited;
	bool *cleared; /* of each: a search need not look behind it */
	uint32_t search;
	uint32_t steps; /* that are left, of all searches: a file may lie */
	struct tc_names names;
};

/* Index the references of the model, which must outlive the knowers. */
void tc_knowers_init(struct tc_knowers *knowers, const struct tc_model *model);
void tc_knowers_deinit(struct tc_knowers *knowers);

/* How a task leads to an object: by a variable of its frames that their code may still use; by the
 * callbacks that are called when it ends; by a frame that has ended, and is kept by the traceback
 * with which the task has failed; by the name under which the program keeps it. */
enum tc_known_by { TC_BY_FRAME, TC_BY_CALLBACK, TC_BY_TRACEBACK, TC_BY_NAME };

/* Call found for each way from a task to the object or other task at addr; task NULL: it has no
 * record. A task may come several times. calls: the functions of the object that count, where it is
 * kept under a name, as for tc_names_users. False: the object is not recorded, or others may know
 * it too: then those that were found may not be all. */
bool tc_knowers_find(struct tc_knowers *knowers, uint64_t addr, const char *const *calls,
		     void (*found)(void *context, const struct tc_task *task, enum tc_known_by by),
		     void *context);

/* The name under which a module, class or instance of the program keeps the object, where nobody
 * but tasks uses this name and makes one of the calls: a string; 0: none. */
uint32_t tc_knowers_key(struct tc_knowers *knowers, uint64_t addr, const char *const *calls);

/* What the last search has looked at need not be looked at again: nothing was found behind it that
 * counts. Until tc_knowers_forget. */
void tc_knowers_clear(struct tc_knowers *knowers);
void tc_knowers_forget(struct tc_knowers *knowers);
/* What a frame at this site may still do, kept for the next call. */
const struct tc_live *tc_knowers_live(struct tc_knowers *knowers, uint32_t site);
/* Does anything that refers to the object itself match? word: as ref_words of the model. */
bool tc_knowers_any(const struct tc_knowers *knowers, uint64_t addr,
		    bool (*match)(const struct tc_model *model, const struct tc_refs *refs,
				  uint32_t word));

#endif
