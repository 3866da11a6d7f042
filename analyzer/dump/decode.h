/* SPDX-License-Identifier: Apache-2.0
 * Records into the model: docs/format.md sections 5 to 12. */
#ifndef TC_DECODE_H
#define TC_DECODE_H

#include "analyzer/dump/model.h"

/* Give every table its empty first entry. */
void tc_decode_init(struct tc_model *model);

/* Decode the records of one chunk. What cannot be understood is noted in the dump, and the rest of
 * the chunk left out: the streams of differences would go wrong behind it. */
void tc_decode_chunk(struct tc_model *model, const struct tc_loaded_chunk *chunk);

#endif
