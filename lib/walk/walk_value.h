/* SPDX-License-Identifier: Apache-2.0
 * Values of locals, attributes and context variables. Safe in a handler. */
#ifndef TC_WALK_VALUE_H
#define TC_WALK_VALUE_H

#include <stdint.h>

#include "lib/format/format.h"
#include "lib/walk/walk_type.h"

/* A value as it will be written (docs/format.md section 7). For each field: the tags that use
 * it. */
struct tc_walk_value {
	enum tc_val tag;
	uint32_t type; /* REF, SIZED, ATOM: of its type; STRING: of the string */
	uint64_t bits; /* INT, FLOAT (its bits), REF and SIZED (address) */
	uint64_t size; /* SIZED, ATOM */
	enum tc_kind kind;
	const struct tc_walk_type *of; /* type of a REF or SIZED */
};

#define TC_ENCODED_MAX 31u /* most bytes that a value takes: tag, type, address, size */

struct tc_walker;

/* What object is, as the options want it recorded; TC_VAL_UNBOUND: no object there. */
void tc_walker_value(struct tc_walker *w, tc_addr object, struct tc_walk_value *ret);
/* The same for the walk's own use: numbers are read even if they are not to be recorded. */
void tc_walker_fact(struct tc_walker *w, tc_addr object, struct tc_walk_value *ret);
void tc_walker_put_value(struct tc_walker *w, const struct tc_walk_value *value);
/* Encode the value at to: at most TC_ENCODED_MAX bytes. A reference is written as the difference to
 * *previous, which is set. Returns the end. */
uint8_t *tc_walker_encode(uint8_t *to, const struct tc_walk_value *value, uint64_t *previous);

#endif
