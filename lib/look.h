/* SPDX-License-Identifier: Apache-2.0
 * Did a thread run while its memory was read? State and system call of a thread are of one moment, its
 * memory is of another: they may be put together only where it has not run between. Everything here may run
 * in a signal handler, but tc_look_watch, which waits. */
#ifndef TC_LOOK_H
#define TC_LOOK_H

#include "mem.h"
#include "record.h"

#define TC_LOOKS_MAX 64u /* threads of loops that are looked at */

/* What is known of a loop's thread; becomes TC_REC_LOOK. */
struct tc_look {
	const struct tc_os_thread *thread;
	uint64_t watched_ns; /* after the memory was read; 0: not */
	uint64_t run_ns, wait_ns, switches; /* meanwhile: on a processor, waiting for one, gone to sleep */
	bool awake; /* it was ready to run when the watch began */
	/* while it is watched */
	struct tc_sched sched;
	uint64_t switches_before, begun_ns;
	uint8_t way;
	bool again; /* the watch began anew after a sleep */
};

struct tc_looks {
	struct tc_look at[TC_LOOKS_MAX];
	unsigned n;
};

/* Before state and system call of the thread are read. proc: the directory of its process. */
void tc_look_first(int proc, struct tc_os_thread *thread);

/* When what belongs to that moment has been read: fills thread->look and last_state. */
void tc_look_last(int proc, struct tc_os_thread *thread);

/* Choose from threads those with these ids of the target's own namespace. */
void tc_look_choose(struct tc_looks *looks, const struct tc_os_thread *threads, size_t n_threads,
		    const uint32_t *tids_ns, unsigned n);

/* Watch those that were found running until they go to sleep, for 44 ms and until they have had 8 ms of a
 * processor, 200 ms at most: shorter times do not tell a loop that never sleeps from one that works now and
 * then (5 % of the time: at most 24 % of 40 ms, but at times all of 10 ms). Those asleep in a futex for 12 ms:
 * who waits for the GIL looks for it each 5 ms (Python/ceval_gil.c, take_gil), who waits for a lock does not.
 * beats (may be NULL) is counted up. */
void tc_look_watch(int proc, struct tc_looks *looks, volatile uint64_t *beats);

void tc_look_put(const struct tc_looks *looks, struct tc_records *rec);

#endif
