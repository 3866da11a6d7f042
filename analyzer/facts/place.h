/* SPDX-License-Identifier: Apache-2.0
 * Where a link of a chain stands: function, file, line; and whose code that is. */
#ifndef TC_PLACE_H
#define TC_PLACE_H

#include "analyzer/dump/model.h"

enum tc_owner {
	TC_OWNER_USER,	  /* the program's own */
	TC_OWNER_PACKAGE, /* site-packages, dist-packages */
	TC_OWNER_LIBRARY, /* the standard library */
	TC_OWNER_NONE,	  /* a link without code */
};

struct tc_place {
	const struct tc_chain *link;
	uint32_t code;		       /* 0: none */
	struct tc_text function, file; /* file is empty where there is no code */
	struct tc_text module;	       /* of a type: shown before the function */
	uint32_t line;		       /* 0: unknown */
	uint32_t column;	       /* + 1; 0: unknown */
};

/* Describe one link. An unknown one gets a function of "?". */
void tc_place_init(struct tc_place *place, const struct tc_model *model, uint32_t chain);

/* Whose code the file is: by its path, and by where the library of this target is. */
enum tc_owner tc_place_owner(const struct tc_model *model, struct tc_text file);

/* The path as a person reads it: of the program's own files without the folder root, which may be
 * empty; of others without what stands before the standard library's or a package's own name. */
struct tc_text tc_place_short(const struct tc_model *model, struct tc_text root,
			      struct tc_text file);

/* Is its function the one of this name, perhaps of a class? */
bool tc_place_is_in(const struct tc_place *place, const char *function);
/* Does the file's path end in this, and the function's name in the other (its last parts; NULL: any
 * function)? */
bool tc_place_is(const struct tc_place *place, const char *file, const char *function);

/* The link of the chain where a person should look: the innermost of the program's own code, else
 * of a package, else the innermost with code, else the innermost; of a thread's frames only those
 * that its event loop has called. 0 for the chain 0. */
uint32_t tc_place_best(const struct tc_model *model, uint32_t chain);

/* The word of the JSON report for a frame kind. */
const char *tc_place_kind(unsigned kind);

/* The links of a chain, outermost first, into list, which grows. At most max links: the innermost
 * ones. Returns their number. */
struct tc_links_list {
	uint32_t *ids;
	size_t room;
};
size_t tc_place_list(const struct tc_model *model, uint32_t chain, size_t max,
		     struct tc_links_list *list);

#endif
