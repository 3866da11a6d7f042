/* SPDX-License-Identifier: Apache-2.0
 * Which local variables the code of a suspended frame may still use. */
#ifndef TC_LIVE_H
#define TC_LIVE_H

#include <stdbool.h>

#include "analyzer/dump/model.h"

#define TC_LIVE_SLOTS 256u  /* slots with a higher number count as used */
#define TC_LIVE_NAMES 1024u /* and names */

/* Slots that are used, a bit each; all: every slot is, and it may raise. */
struct tc_live {
	bool all;
	bool raises; /* it may raise an exception of its own: by a statement, outside of handlers */
	uint32_t n;  /* instructions that it may still reach */
	uint64_t slots[TC_LIVE_SLOTS / 64];
	uint64_t names[TC_LIVE_NAMES / 64]; /* attributes and globals that are loaded, by number */
};

/* Find out what a frame at this site may still load: by the instructions that can be reached from
 * where it is suspended, through jumps and handlers of exceptions. All, where its bytecode is not
 * recorded or not understood. */
void tc_live_at(const struct tc_model *model, uint32_t site, struct tc_live *ret);

/* The same for a code from its beginning on. */
void tc_live_code(const struct tc_model *model, uint32_t code, struct tc_live *ret);

/* Does the code of this site set the variable in this slot itself, and load it in one place alone?
 * Then it hands it to nobody, if that is where the frame waits for it. */
bool tc_live_is_private(const struct tc_model *model, uint32_t site, uint32_t slot);

static inline bool tc_live_has(const struct tc_live *live, uint32_t slot)
{
	return live->all || slot >= TC_LIVE_SLOTS || live->slots[slot / 64] >> (slot & 63) & 1;
}

static inline bool tc_live_names(const struct tc_live *live, uint32_t name)
{
	return live->all || name >= TC_LIVE_NAMES || live->names[name / 64] >> (name & 63) & 1;
}

#endif
