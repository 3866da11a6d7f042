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
	TC_LOOP_BUSY,	 /* watched, and its thread never slept: it turns, or computes */
	TC_LOOP_RUNS,	 /* its thread ran while it was read: more is not known */
	TC_LOOP_STOPPED, /* open, but no thread runs it */
	TC_LOOP_IS_CLOSED,
	TC_LOOP_CRASHED, /* its thread raised the signal that ended the process */
	TC_N_LOOP_STATES
};

/* Whether what is known of the thread and of its memory is of one moment. */
enum tc_loop_moment {
	TC_MOMENT_UNKNOWN, /* it may be of two: nothing follows */
	TC_MOMENT_ONE,
	TC_MOMENT_RAN, /* it ran between: state and call say nothing about the memory */
};

struct tc_loop_facts {
	bool closed, running; /* flags of the record */
	/* its thread raised a fatal signal, so it was running; and that ended the process */
	bool faulted, killed;
	/* its queues are not Python objects: no selector frame is to be expected */
	bool opaque;
	bool has_thread;
	char state;	  /* of the thread, a letter of /proc; 0: unknown */
	bool has_frames;  /* the thread's Python frames are known */
	bool in_selector; /* its innermost frame is the selector's */
	bool in_callback; /* a task runs, or Handle._run is on the stack */
	int64_t syscall;  /* -1: none or unknown */
	uint64_t args[6];
	bool waits_gil;	     /* it sleeps in a futex of the GIL */
	bool may_wait_gil;   /* another thread holds the GIL, or that is unknown */
	uint64_t ready;	     /* + 1; 0: unknown */
	uint64_t overdue_ns; /* since when the earliest timer is due; 0: none is, or unknown */
	/* what a callback of this turn took, the running one included, on average; 0: unknown */
	uint64_t step_ns;
	bool frozen; /* its memory is of one moment, whatever its thread did before */
	enum tc_loop_moment moment;
	/* watched for some time after that (0: not): ready to run when that began; how long it ran
	 * meanwhile, and how often it went to sleep */
	bool awake;
	uint64_t watched_ns, run_ns, switches;
};

/* More than a state can say. */
enum tc_loop_hint {
	TC_LOOP_HINT_NONE,
	TC_LOOP_HINT_LOST_WAKEUP, /* callbacks are ready, and the thread sleeps without a bound */
	TC_LOOP_HINT_WAITS_GIL,	  /* awake, and waits for the GIL */
	TC_LOOP_HINT_COMPUTES,	  /* blocked, and its thread is running */
};

/* A running thread whose timer is overdue for so long does not turn its loop. A sleeping one that
 * was watched for so long and did not wake is held up. */
#define TC_LOOP_OVERDUE_NS 250000000ull
/* A turn whose callbacks took so long, each on average, is held up by one of them. On a machine
 * with three times as many runnable threads as processors a step of 0.15 s of work takes that. */
#define TC_LOOP_STEP_NS 500000000ull
/* One that waits for the GIL so long is. On a busy machine whoever holds the GIL may itself have no
 * processor: 0.41 s were seen of a healthy loop. */
#define TC_LOOP_GIL_NS 1000000000ull

enum tc_loop_state tc_loop_judge(const struct tc_loop_facts *facts, enum tc_loop_hint *ret_hint);

/* A thread that was watched for so long, ran for so much of it and never went to sleep is busy. A
 * service that works for 60 % of the time slept in each 40 ms, one that works for 5 % filled all of
 * 10 ms at times. How much it runs is a matter of who else wants the processor. */
#define TC_LOOP_WATCHED_NS 40000000ull
#define TC_LOOP_RAN_NS 20000000ull

/* Should a person look at this loop first? */
static inline bool tc_loop_is_urgent(enum tc_loop_state state)
{
	return state == TC_LOOP_BLOCKED || state == TC_LOOP_BUSY || state == TC_LOOP_CRASHED;
}

/* The word of contract.md; NULL for unknown. */
const char *tc_loop_word(enum tc_loop_state state);

#endif
