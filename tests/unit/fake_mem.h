/* SPDX-License-Identifier: Apache-2.0
 * A target that is a byte array: for unit tests of everything that reads through struct tc_mem. */
#ifndef TC_FAKE_MEM_H
#define TC_FAKE_MEM_H

#include "lib/mem/mem.h"

struct fake_mem {
	struct tc_mem mem;
	tc_addr base;	/* address of bytes[0] */
	uint8_t *bytes; /* the caller's */
	size_t size;
	uint64_t n_reads;
};

static inline int fake_mem_read(struct tc_mem *mem, tc_addr from, void *to, size_t size)
{
	struct fake_mem *fake = (struct fake_mem *)mem;

	fake->n_reads++;
	if (from < fake->base || from - fake->base > fake->size ||
	    size > fake->size - (from - fake->base))
		return -TC_EFAULT;
	memcpy(to, fake->bytes + (from - fake->base), size);
	mem->bytes_read += size;
	return 0;
}

static const struct tc_mem_ops fake_mem_ops = { .read = fake_mem_read };

static inline void fake_mem_init(struct fake_mem *fake, tc_addr base, void *bytes, size_t size)
{
	*fake = (struct fake_mem){
		.mem = { .ops = &fake_mem_ops }, .base = base, .bytes = bytes, .size = size
	};
}

/* xorshift64 (Marsaglia 2003): the same numbers on every run. */
static inline uint64_t fake_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
