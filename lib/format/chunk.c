/* SPDX-License-Identifier: Apache-2.0
 * The header of a chunk, which later versions may make longer. */
#include "lib/format/chunk.h"

#include <string.h>

#include "lib/base/safe.h"

bool tc_chunk_head(const uint8_t *chunk, size_t size, struct tc_chunk *ret)
{
	if (size < TC_CHUNK_BASES)
		return false;
	memcpy(ret, chunk, TC_CHUNK_BASES);
	if (ret->header_size > size || ret->header_size < TC_CHUNK_BASES ||
	    ret->n_tables > (ret->header_size - TC_CHUNK_BASES) / sizeof(ret->base[0]))
		return false;
	for (uint32_t t = 0; t < TC_N_TABLES; t++)
		ret->base[t] = 1;
	memcpy(ret->base, chunk + TC_CHUNK_BASES,
	       sizeof(ret->base[0]) * (ret->n_tables < TC_N_TABLES ? ret->n_tables : TC_N_TABLES));
	return true;
}
