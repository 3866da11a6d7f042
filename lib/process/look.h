/* SPDX-License-Identifier: Apache-2.0
 * Did a thread run while its memory was read? The state and the system call of a thread are read at
 * one moment, its memory at another: they fit together only if it did not run in between.
 * Everything here may run in a signal handler but tc_look_watch, which waits. */
#ifndef TC_LOOK_H
#define TC_LOOK_H

#include "lib/mem/mem.h"
#include "lib/format/record.h"

#define TC_LOOKS_MAX 64u /* threads of event loops; more are not looked at */

/* What is known of the thread of an event loop; becomes a record TC_REC_LOOK. */
struct tc_thread_look {
	const struct tc_os_thread *thread;
	/* how long it was watched after its memory had been read; 0: it was not */
	uint64_t watched_ns;
	/* in this time: on a processor; waiting for one; how often it went to sleep */
	uint64_t run_ns, wait_ns, switches;
	bool awake; /* it was ready to run when the watch began */
	/* Used by tc_look_watch. */
	struct tc_sched sched;
	uint64_t switches_before, begun_ns;
	bool watched; /* still */
	bool ready;   /* its loop has callbacks ready */
	bool held;    /* it slept where it should not */
	bool again; /* it slept once, and the watch was started again */
};

struct tc_looks {
	struct tc_thread_look at[TC_LOOKS_MAX];
	unsigned n;
};

/* Call this before the state and the system call of the thread are read: notes its counters. proc:
 * a descriptor of /proc/PID, here and below. */
void tc_look_first(int proc, struct tc_os_thread *thread);

/* Call this when everything that must be of the same moment has been read: sets thread->look and
 * thread->last_state. */
void tc_look_last(int proc, struct tc_os_thread *thread);

/* Fill *looks with those of threads that have one of these ids (n of them, at most 64, in the
 * target's own pid namespace); bit i of ready: the loop of thread i has callbacks ready.
 * threads must stay where they are. */
void tc_look_choose(struct tc_looks *looks, const struct tc_os_thread *threads, size_t n_threads,
		    const uint32_t *tids_ns, unsigned n, uint64_t ready);

/* Find out which threads never sleep, and which do not get on. Threads that sleep in a call that
 * is not a loop's wait, or in one though callbacks are ready, are watched for 250 ms: without a
 * switch they were held up for so long. Threads that were found running are watched until they go
 * to sleep, for 44 ms and until they had 20 ms of a processor, but at most a second. Shorter times
 * cannot tell a loop that never sleeps from one that works now and then: one that works 5 % of the
 * time was seen to work up to 24 % of 40 ms, but at times all of 10 ms. *beats (beats may be NULL)
 * is incremented while we wait. */
void tc_look_watch(int proc, struct tc_looks *looks, volatile uint64_t *beats);

/* Write the records TC_REC_LOOK. An error stays in rec. */
void tc_look_put(const struct tc_looks *looks, struct tc_records *rec);

#endif
