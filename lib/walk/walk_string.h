/* SPDX-License-Identifier: Apache-2.0
 * Strings: written to the dump when they are met first, and known by their identifier after that.
 * Safe in a handler. */
#ifndef TC_WALK_STRING_H
#define TC_WALK_STRING_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/intern.h"
#include "lib/format/format.h"
#include "lib/mem/mem.h"

#define TC_NAME_CACHE 256u
#define TC_LABEL_CACHE 1024u

struct tc_walk_strings {
	struct tc_hash known;
	/* small caches in front of it: of attribute names, by the address of their str; of the
	 * names of tasks, which are in no table */
	struct tc_name_cache {
		tc_addr str;
		uint64_t length, hash;
		uint32_t id;
	} names[TC_NAME_CACHE];
	struct tc_label_cache {
		uint64_t hash;
		uint32_t id;
	} labels[TC_LABEL_CACHE];
	char *text; /* TC_STRING_MAX bytes: the text that was read last */
};

struct tc_walker;

/* Each function returns the identifier of a string; 0: unknown, because the arena is full or the
 * object cannot be read. */
uint32_t tc_walker_text(struct tc_walker *w, const char *text, size_t len, enum tc_str class);
/* The name of a task. Most names occur once, so they are not in the hash table: only those met last
 * are recognised, others are written again. */
uint32_t tc_walker_label(struct tc_walker *w, const char *text, size_t len);
uint32_t tc_walker_str(struct tc_walker *w, tc_addr str, enum tc_str class);
/* The name of an attribute: faster than tc_walker_str for a str that comes again and again. */
uint32_t tc_walker_name(struct tc_walker *w, tc_addr str);

#endif
