/* SPDX-License-Identifier: Apache-2.0
 * The kinds of waits, and their words in JSON and in knowledge files. */
#ifndef TC_WAIT_H
#define TC_WAIT_H

/* clang-format off */
#define TC_WAITS(W) \
	W(NONE, "") \
	W(SLEEP, "sleep") \
	W(FUTURE, "future") \
	W(TASK, "task") \
	W(GATHER, "gather") \
	W(WAIT, "wait") \
	W(WAIT_FOR, "wait_for") \
	W(SHIELD, "shield") \
	W(TASKGROUP, "taskgroup") \
	W(EXECUTOR, "executor") \
	W(LOCK, "lock") \
	W(SEMAPHORE, "semaphore") \
	W(CONDITION, "condition") \
	W(EVENT, "event") \
	W(BARRIER, "barrier") \
	W(QUEUE_GET, "queue_get") \
	W(QUEUE_PUT, "queue_put") \
	W(QUEUE_JOIN, "queue_join") \
	W(STREAM_READ, "stream_read") \
	W(STREAM_DRAIN, "stream_drain") \
	W(SOCK, "sock") \
	W(SUBPROCESS, "subprocess") \
	W(ASYNCGEN, "asyncgen") \
	W(AWAITABLE, "awaitable") \
	W(UNKNOWN, "unknown")

enum tc_wait_kind {
#define W(name, word) TC_WAIT_##name,
	TC_WAITS(W)
#undef W
	TC_N_WAITS
};
/* clang-format on */

/* The word of a kind; "" for TC_WAIT_NONE. */
const char *tc_wait_word(enum tc_wait_kind wait);
/* The kind of a word; TC_N_WAITS: there is none. */
enum tc_wait_kind tc_wait_of(const char *word);

#endif
