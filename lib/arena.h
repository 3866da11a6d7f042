/* SPDX-License-Identifier: Apache-2.0
 * Memory for the walker: a fixed piece given by the caller, handed out from the front, never freed.
 */
#ifndef TC_ARENA_H
#define TC_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct tc_arena {
	uint8_t *at; /* next free byte */
	size_t left; /* bytes */
};

/* Make *arena hand out the size bytes at memory, which must be zeroed (fresh from mmap) and stay
 * the caller's. */
static inline void tc_arena_init(struct tc_arena *arena, void *memory, size_t size)
{
	arena->at = memory;
	arena->left = size;
}

/* size zeroed bytes, aligned to 16; NULL when the arena is full. Safe in a handler. */
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

/* The next size bytes of an array that grows and ends at end, NULL: its first ones. NULL when the arena
 * is full, and when somebody else has taken from it since: then these bytes would lie elsewhere. */
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
