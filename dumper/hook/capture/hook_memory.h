/* SPDX-License-Identifier: Apache-2.0
 * May the process be cloned, and how much memory may be used? Safe in a handler. */
#ifndef TC_HOOK_MEMORY_H
#define TC_HOOK_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

struct tc_hook_memory {
	uint64_t private_bytes; /* resident and not shared */
	uint64_t tables;	/* bytes of page tables; 0: unknown */
	uint64_t n_threads;	/* 0: unknown */
	uint64_t mappable;	/* bytes that RLIMIT_AS and _DATA allow; or TC_HOOK_NO_LIMIT */
	uint64_t room;		/* bytes that its cgroups allow; TC_HOOK_NO_LIMIT: or unknown */
	uint32_t n_numbers;	/* all its descriptors are below this number; 0: unknown */
	const char *no_clone;	/* static text: why no clone may be made; NULL: it may */
};

/* Ask for all of it. proc: a descriptor of the process's directory in /proc; -1: only what needs no
 * descriptor. own_oom_score: a clone of the process can set its own oom_score_adj, so that the OOM
 * killer takes it first. */
void tc_hook_memory(int proc, bool own_oom_score, struct tc_hook_memory *ret);

#endif
