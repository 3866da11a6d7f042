/* SPDX-License-Identifier: Apache-2.0
 * Code objects, sites (an instruction of a code) and links of chains. Each is written to the dump
 * when it is met first. Safe in a handler. */
#ifndef TC_WALK_CODE_H
#define TC_WALK_CODE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/intern.h"
#include "lib/format/format.h"
#include "lib/python/pyframe.h"

struct tc_walk_code {
	tc_addr addr;
	struct tc_code_facts facts;
	uint32_t id;
	/* its file is of asyncio, concurrent.futures or threading: its locals show what is waited
	 * for */
	bool library;
};

struct tc_walk_codes {
	struct tc_hash known, sites, links;
	uint32_t *names; /* scratch, TC_NAMES_MAX */
};

struct tc_walker;

/* The identifier of each; 0 or NULL: unknown. qualname: that of the coroutine, used where code
 * objects have none (up to 3.10); may be 0. *ret_awaits: the frame is suspended in an await (known
 * up to 3.12 only). */
const struct tc_walk_code *tc_walker_code(struct tc_walker *w, tc_addr code, tc_addr qualname);
uint32_t tc_walker_site(struct tc_walker *w, const struct tc_walk_code *code, int64_t lasti,
			bool *ret_awaits);
uint32_t tc_walker_link(struct tc_walker *w, uint32_t parent, enum tc_frame kind,
			uint32_t reference);

/* The kind of frame that a code object with these co_flags makes. */
enum tc_frame tc_frame_kind(uint32_t co_flags);

#endif
