/* SPDX-License-Identifier: Apache-2.0
 * Which bytes of the threads' stacks a dump holds. An unwinder needs them (docs/format.md section
 * 2). Safe in a handler. */
#ifndef TC_STACKS_H
#define TC_STACKS_H

#include "lib/base/arena.h"
#include "lib/base/notices.h"
#include "lib/mem/mem.h"
#include "lib/process/maps.h"
#include "lib/sys/arch_x86_64.h"

/* Of each thread, in bytes: the default, and the most that can be asked for. */
#define TC_STACK_BYTES (256u << 10)
#define TC_STACK_BYTES_MAX (8u << 20)

/* Bytes that are kept at most: of a thread, of the one that crashed, of all. */
struct tc_stack_limits {
	uint64_t each, crashed, all;
};

/* The limits that follow from one setting, the bytes of each thread, rounded up to pages; 0: no
 * stacks. */
static inline struct tc_stack_limits tc_stack_limits(uint64_t bytes)
{
	bytes = (bytes + TC_ARCH_PAGE - 1) & -(uint64_t)TC_ARCH_PAGE;
	return (struct tc_stack_limits){ bytes, 8 * bytes, 64 * bytes };
}

/* Set stack, kept and kept_bytes (to NULL) of each of the n threads, which the caller owns: kept
 * goes from the red zone below sp upwards. Threads whose sp is unknown have none. Where the limit
 * for all is reached, the thread with the id crashed (0: none) and those that were interrupted by a
 * signal come first, then the others in their order. Returns how many threads have lost something
 * to that limit. */
size_t tc_stacks_choose(struct tc_os_thread *threads, size_t n, const struct tc_maps *maps,
			uint32_t crashed, const struct tc_stack_limits *limits);

/* Copy what the threads keep into the arena, for a file that is written when the stacks have
 * changed. Threads for which it has no room keep nothing; returns how many these are. */
size_t tc_stacks_copy(struct tc_os_thread *threads, size_t n, struct tc_mem *mem,
		      struct tc_arena *arena);

/* Add the notice that n threads have lost something to the limit; setting: what the user may
 * change. Nothing where n is 0. */
void tc_stacks_note(struct tc_notices *notices, size_t n, const char *setting);

/* Copy the page at addr to *to, or zeros if it cannot be read. */
void tc_stacks_read(struct tc_mem *mem, tc_addr addr, uint8_t to[TC_ARCH_PAGE]);

#endif
