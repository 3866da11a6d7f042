/* SPDX-License-Identifier: Apache-2.0
 * Chooses the bytes of stacks that a dump holds, and copies them. */
#include "lib/process/stacks.h"

#include "lib/base/strbuf.h"
#include "lib/format/format.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/base/safe.h"

/* Each stack is a program header, and the format has less than 65,535 of them. */
#define STACKS_MAX 16384u
/* So far below its stack an overflowing thread may point: Linux keeps 256 pages free below a stack
 * that grows (mm/mmap.c, stack_guard_gap); the guard pages of pthreads are fewer. */
#define OVERFLOW_MAX (1u << 20)

static tc_addr page_of(tc_addr addr)
{
	return addr & -(tc_addr)TC_ARCH_PAGE;
}

/* A stack is memory of the process alone: reading memory of a device may change its state. */
static bool is_stack(const struct tc_region *region)
{
	return (region->prot & TC_PROT_READ) && (region->prot & TC_PROT_WRITE) && !region->shared;
}

/* The mapping of the stack that sp points to. Where a stack has overflowed, sp points below it, to
 * its guard page or to nothing. NULL: there is none. */
static const struct tc_region *find_stack(const struct tc_maps *maps, tc_addr sp)
{
	const struct tc_region *at = tc_maps_find(maps, sp);

	for (size_t i = 0; !at && i < maps->n_regions; i++)
		if (maps->regions[i].start > sp)
			at = &maps->regions[i];
	if (at && !is_stack(at) && at + 1 < maps->regions + maps->n_regions)
		at++;
	if (!at || !is_stack(at) || (at->start > sp && at->start - sp > OVERFLOW_MAX))
		return NULL;
	return at;
}

/* What is kept of the stack of a thread if at most `most` bytes may be. */
static struct tc_range keep(const struct tc_os_thread *thread, uint64_t most)
{
	struct tc_range kept = { page_of(thread->sp - TC_ARCH_RED_ZONE), thread->stack.end };

	if (kept.start < thread->stack.start)
		kept.start = thread->stack.start;
	tc_addr from = thread->sp > kept.start ? thread->sp : kept.start;
	if (kept.end - from > most)
		kept.end = page_of(from + most + TC_ARCH_PAGE - 1);
	return kept;
}

struct choice {
	const struct tc_maps *maps;
	uint64_t left; /* of the limit for all */
	size_t n, n_lost;
};

static void choose(struct choice *choice, struct tc_os_thread *thread, uint64_t most)
{
	const struct tc_region *stack =
		thread->sp >= TC_ARCH_PAGE ? find_stack(choice->maps, thread->sp) : NULL;

	if (!stack)
		return;
	thread->stack = (struct tc_range){ stack->start, stack->end };
	if (!most)
		return;
	struct tc_range kept = keep(thread, most);
	uint64_t left = choice->n < STACKS_MAX ? page_of(choice->left) : 0;
	if (kept.end - kept.start > left) {
		kept.end = kept.start + left;
		choice->n_lost++;
	}
	if (kept.end == kept.start)
		return;
	choice->left -= kept.end - kept.start;
	choice->n++;
	thread->kept = kept;
}

/* 0: chosen first. */
static unsigned rank(const struct tc_os_thread *thread, uint32_t crashed)
{
	if (crashed && thread->tid == crashed)
		return 0;
	return thread->how == TC_REGS_CONTEXT ? 1 : 2;
}

size_t tc_stacks_choose(struct tc_os_thread *threads, size_t n, const struct tc_maps *maps,
			uint32_t crashed, const struct tc_stack_limits *limits)
{
	struct choice choice = { .maps = maps, .left = limits->all };

	for (size_t i = 0; i < n; i++) {
		threads[i].stack = threads[i].kept = (struct tc_range){ 0 };
		threads[i].kept_bytes = NULL;
	}
	for (unsigned round = 0; round < 3; round++)
		for (size_t i = 0; i < n; i++)
			if (rank(&threads[i], crashed) == round)
				choose(&choice, &threads[i],
				       round == 0 ? limits->crashed : limits->each);
	return choice.n_lost;
}

void tc_stacks_read(struct tc_mem *mem, tc_addr addr, uint8_t to[TC_ARCH_PAGE])
{
	if (tc_read(mem, addr, to, TC_ARCH_PAGE) < 0)
		memset(to, 0, TC_ARCH_PAGE);
}

size_t tc_stacks_copy(struct tc_os_thread *threads, size_t n, struct tc_mem *mem,
		      struct tc_arena *arena)
{
	size_t n_lost = 0;

	for (size_t i = 0; i < n; i++) {
		size_t size = (size_t)(threads[i].kept.end - threads[i].kept.start);
		uint8_t *to = size ? tc_arena_take(arena, size) : NULL;
		for (size_t at = 0; to && at < size; at += TC_ARCH_PAGE)
			tc_stacks_read(mem, threads[i].kept.start + at, to + at);
		threads[i].kept_bytes = to;
		if (size && !to) {
			threads[i].kept = (struct tc_range){ 0 };
			n_lost++;
		}
	}
	return n_lost;
}

void tc_stacks_note(struct tc_notices *notices, size_t n, const char *setting)
{
	char *line = n ? tc_notices_next(notices) : NULL;
	struct tc_strbuf text;

	if (!line)
		return;
	tc_strbuf_init(&text, line, TC_NOTICE_SIZE);
	tc_strbuf_s(&text, "the stacks of ");
	tc_strbuf_u(&text, n);
	tc_strbuf_s(&text, n == 1 ? " thread are left out, or a part of them: " :
				    " threads are left out, or a part of them: ");
	tc_strbuf_s(&text, setting);
}
