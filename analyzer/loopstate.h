/* SPDX-License-Identifier: Apache-2.0
 * Is a loop idle, blocked or busy? Decided from facts that a sample of one instant holds. */
#ifndef TC_LOOPSTATE_H
#define TC_LOOPSTATE_H

#include <stdbool.h>
#include <stdint.h>

enum tc_loop_state {
	TC_LOOP_UNKNOWN,
	TC_LOOP_IDLE,	 /* sleeps until something happens */
	TC_LOOP_BLOCKED, /* its thread is held up and cannot turn it */
	TC_LOOP_BUSY,	 /* turns, or computes */
	TC_LOOP_STOPPED, /* open, but no thread runs it */
	TC_LOOP_IS_CLOSED,
	TC_N_LOOP_STATES
};

struct tc_loop_facts {
	bool closed, running; /* flags of the record */
	/* its queues are not Python objects: no selector frame is to be expected */
	bool opaque;
	bool has_thread;
	char state;	  /* of the thread, a letter of /proc; 0: unknown */
	bool has_frames;  /* the thread's Python frames are known */
	bool in_selector; /* its innermost frame is the selector's */
	bool in_callback; /* a task runs, or Handle._run is on the stack */
	int64_t syscall;  /* -1: none or unknown */
	uint64_t args[6];
	uint64_t ready;	     /* + 1; 0: unknown */
	uint64_t overdue_ns; /* since when the earliest timer is due; 0: none is, or unknown */
};

/* More than a state can say. */
enum tc_loop_hint {
	TC_LOOP_HINT_NONE,
	TC_LOOP_HINT_LOST_WAKEUP, /* callbacks are ready, and the thread sleeps without a bound */
	TC_LOOP_HINT_WAITS_GIL,	  /* back from the selector, and waits: most likely for the GIL */
	TC_LOOP_HINT_COMPUTES,	  /* blocked, and its thread is running */
};

/* A running thread whose timer is overdue for so long does not turn its loop. */
#define TC_LOOP_OVERDUE_NS 250000000ull

enum tc_loop_state tc_loop_judge(const struct tc_loop_facts *facts, enum tc_loop_hint *ret_hint);

/* The word of contract.md; NULL for unknown. */
const char *tc_loop_word(enum tc_loop_state state);

/* True for the calls with which an event loop waits for descriptors. */
bool tc_loop_wait_call(int64_t syscall);

#endif
