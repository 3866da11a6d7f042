/* SPDX-License-Identifier: Apache-2.0
 * The kinds of findings: their words, and what is true of each. What a kind means, its evidence and
 * its false alarms are in docs/detectors.md, one section each. */
#ifndef TC_CAUSE_H
#define TC_CAUSE_H

#include <stddef.h>

enum tc_cause_class { TC_CLASS_HANG, TC_CLASS_LEAK, TC_CLASS_CRASH };

/* clang-format off */
#define TC_CAUSES(K) \
	K(BLOCKED_SLEEP, HANG, "blocked-loop.sleep") \
	K(BLOCKED_SOCKET_RECV, HANG, "blocked-loop.socket-recv") \
	K(BLOCKED_SUBPROCESS, HANG, "blocked-loop.subprocess") \
	K(BLOCKED_THREAD_JOIN, HANG, "blocked-loop.thread-join") \
	K(BLOCKED_THREAD_QUEUE, HANG, "blocked-loop.thread-queue") \
	K(BLOCKED_FILE_IO, HANG, "blocked-loop.file-io") \
	K(BLOCKED_PIPE_WRITE, HANG, "blocked-loop.pipe-write") \
	K(BLOCKED_DNS, HANG, "blocked-loop.dns") \
	K(BLOCKED_CPU, HANG, "blocked-loop.cpu") \
	K(BLOCKED_CPU_NATIVE, HANG, "blocked-loop.cpu-native") \
	K(BLOCKED_NATIVE_GIL, HANG, "blocked-loop.native-gil") \
	K(BLOCKED_LOCK, HANG, "blocked-loop.lock") \
	K(BLOCKED_OTHER, HANG, "blocked-loop.other") \
	K(LOCK_CYCLE, HANG, "deadlock.lock-cycle") \
	K(SELF_LOCK, HANG, "deadlock.self-lock") \
	K(POOL_EXHAUSTED, HANG, "deadlock.pool-exhausted") \
	K(SELF_THREADLOCK, HANG, "deadlock.self-threadlock") \
	K(THREADLOCK, HANG, "deadlock.threadlock-across-await") \
	K(TASK_CYCLE, HANG, "deadlock.task-cycle") \
	K(LOST_WAKEUP_THREAD, HANG, "lost-wakeup.thread") \
	K(ORPHAN_FUTURE, HANG, "orphan.future") \
	K(ORPHAN_EVENT, HANG, "orphan.event") \
	K(ORPHAN_BARRIER, HANG, "orphan.barrier") \
	K(ORPHAN_QUEUE_EMPTY, HANG, "orphan.queue-empty") \
	K(ORPHAN_QUEUE_FULL, HANG, "orphan.queue-full") \
	K(ORPHAN_QUEUE_JOIN, HANG, "orphan.queue-join") \
	K(CANCEL_SHIELDED, HANG, "cancel.shielded") \
	K(LOCK_ABANDONED, HANG, "deadlock.lock-abandoned") \
	K(SEMAPHORE_LEAK, HANG, "deadlock.semaphore-leak") \
	K(FD_EXHAUSTED, HANG, "fd-exhausted") \
	K(EXECUTOR_EXHAUSTED, HANG, "executor-exhausted") \
	K(SHUTDOWN_EXECUTOR, HANG, "shutdown.executor-join") \
	K(SHUTDOWN_THREAD, HANG, "shutdown.thread-join") \
	K(SHUTDOWN_SERVER, HANG, "shutdown.server-waits-clients") \
	K(LOOP_STOPPED, HANG, "loop-stopped") \
	K(SELF_REQUEST, HANG, "deadlock.self-request") \
	K(LOOP_WAITS_ITSELF, HANG, "deadlock.loop-waits-itself") \
	K(LOOP_THREAD_CYCLE, HANG, "deadlock.loop-thread-cycle") \
	K(CRASH, CRASH, "crash")
/* clang-format on */

enum tc_cause {
#define K(name, class, word) TC_CAUSE_##name,
	TC_CAUSES(K)
#undef K
	TC_N_CAUSES
};

const char *tc_cause_word(enum tc_cause kind);
enum tc_cause_class tc_cause_class_of(enum tc_cause kind);
/* "hang", "leak", "crash". */
const char *tc_class_word(enum tc_cause_class class);
/* What to do, in a sentence; never NULL. */
const char *tc_cause_advice(enum tc_cause kind);

#endif
