/* SPDX-License-Identifier: Apache-2.0
 * Memory for the walker: one fixed block from the caller, handed out from the front, never freed.
 * Everything here may run in a signal handler. */
#ifndef TC_ARENA_H
#define TC_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct tc_arena {
	uint8_t *at; /* next free byte */
	size_t left; /* bytes */
};

/* Make *arena hand out the size bytes at memory. They must be zero (fresh from mmap), and the
 * caller goes on owning them. */
static inline void tc_arena_init(struct tc_arena *arena, void *memory, size_t size)
{
	arena->at = memory;
	arena->left = size;
}

/* Take size zeroed bytes, aligned to 16. NULL: the arena is full. */
static inline void *tc_arena_take(struct tc_arena *arena, size_t size)
{
	size_t pad = (size_t)(-(uintptr_t)arena->at & 15);

	if (size > arena->left || pad > arena->left - size)
		return NULL;
	void *p = arena->at + pad;
	arena->at += pad + size;
	arena->left -= pad + size;
	return p;
}

/* Make an array in the arena size bytes longer. end is where the array ends now, NULL for an array
 * that is still empty. The start of the new bytes, which is end; NULL when the arena is full, or
 * when somebody else has taken bytes behind the array meanwhile. */
static inline void *tc_arena_extend(struct tc_arena *arena, const void *end, size_t size)
{
	struct tc_arena before = *arena;
	void *p = tc_arena_take(arena, size);

	if (!p || !end || p == end)
		return p;
	*arena = before;
	return NULL;
}

#endif
