/* SPDX-License-Identifier: Apache-2.0
 * One value of docs/format.md section 7. */
#ifndef TC_VALUE_H
#define TC_VALUE_H

#include "lib/format/cursor.h"
#include "lib/format/format.h"

struct tc_value {
	uint8_t tag;   /* enum tc_val */
	uint32_t type; /* of TC_VAL_REF, TC_VAL_SIZED and TC_VAL_ATOM */
	uint64_t word; /* integer (as int64_t), string, address or word, as the tag says */
	double number; /* of TC_VAL_FLOAT */
	uint64_t size; /* length of TC_VAL_SIZED and TC_VAL_ATOM */
};

/* Read one value; *previous is the stream "references". False when the rest of the record cannot be
 * understood: the end, damage (bad is set) or a tag of a later version, or one that stands for
 * another value (values.h). *ret is always filled. */
bool tc_cur_value(struct tc_cursor *cur, uint64_t *previous, struct tc_value *ret);

#endif
