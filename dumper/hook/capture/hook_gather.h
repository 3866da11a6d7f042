/* SPDX-License-Identifier: Apache-2.0
 * What a dump says about the process besides its tasks: registers, maps, modules, threads,
 * names. Safe in a handler. */
#ifndef TC_HOOK_GATHER_H
#define TC_HOOK_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tc_arena;
struct tc_hook_dump;
struct tc_walk_options;

/* Give the registers of the interrupted thread to dump->mem, if it was interrupted by a signal. */
void tc_hook_gather_registers(struct tc_hook_dump *dump);
/* Read the maps of the process and list its modules, in the arena. 0; -ENOENT: there is no /proc,
 * and no maps were kept; -ENOMEM. */
int tc_hook_gather_maps(struct tc_hook_dump *dump, struct tc_arena *arena);
/* Choose what is kept of the threads' stacks, after the maps were read. Where the walk is made in
 * place it is copied to the arena, as much as a part of that has room for, because the file will be
 * made when the process has gone on. Of threads that stand still in a handler of ours it adds what
 * that has interrupted. */
void tc_hook_gather_stacks(struct tc_hook_dump *dump, struct tc_arena *arena);
/* Keep a copy of the maps, for a dump that cannot read /proc (after chroot). arena is scratch. */
void tc_hook_keep_maps(struct tc_arena *arena);
/* Fill dump->process: names, ids, clocks. */
void tc_hook_gather_names(struct tc_hook_dump *dump);
/* Read registers and system calls of threads, until end_ns (CLOCK_MONOTONIC): first of the main
 * thread, of this one, and of those that run event loops. list: then list the ids of the rest too.
 * n: how many threads there are; 0: unknown. */
void tc_hook_gather_threads(struct tc_hook_dump *dump, size_t n, uint64_t end_ns, bool list);
/* In a child with its own descriptor table: open dump->proc. */
void tc_hook_open_target(struct tc_hook_dump *dump);
/* In a child: list the ids of the threads that the handler had no time or no descriptor for. Their
 * states are not read: they are of a later moment than the dump. */
void tc_hook_gather_threads_late(struct tc_hook_dump *dump);
/* Add the notice that says how many these are. */
void tc_hook_note_threads(struct tc_hook_dump *dump);
/* Read the names and times of the threads, and whether they ran meanwhile; into dump->mem. */
void tc_hook_gather_thread_names(struct tc_hook_dump *dump);
/* The options of a walk by the settings; its bounds are up to the caller. */
void tc_hook_walk_options(const struct tc_hook_dump *dump, struct tc_walk_options *ret);

#endif
