/* SPDX-License-Identifier: Apache-2.0
 * The fatal signal that a dump is of: who took it, what ran there, who sent it, and what came of
 * it as far as the dump can tell. */
#ifndef TC_CRASH_VIEW_H
#define TC_CRASH_VIEW_H

#include "analyzer/base/out.h"
#include "analyzer/facts/thread_view.h"

enum tc_crash_cause {
	TC_CRASH_BY_FAULT, /* an instruction raised it */
	TC_CRASH_BY_SELF,  /* the process sent it to itself */
	TC_CRASH_BY_OTHER, /* another process sent it, or it is not known who */
};

/* The dump is older than what the program does with the signal. */
enum tc_crash_fate {
	TC_FATE_KILLED,	 /* the signal ends the process */
	TC_FATE_HANDLED, /* the program has a handler of its own: it may have survived */
};

struct tc_crash_view {
	const struct tc_crash_record *record; /* NULL: the dump is of no fatal signal */
	const struct tc_threads *threads;
	const struct tc_thread_view *thread; /* that took it; NULL: it is not recorded */
	const struct tc_task *task;	     /* that this thread ran; NULL: none is known */
	uint32_t link; /* where a person should look in the thread's frames of Python; 0: none */
	enum tc_crash_cause cause;
	enum tc_crash_fate fate;
	uint64_t n_others; /* tasks that were pending, without that one */
};

/* threads must outlive the view. */
void tc_crash_view_init(struct tc_crash_view *crash, const struct tc_threads *threads);

/* Was it this thread that raised the signal, by what it did? Then whatever else is known of it is
 * of that moment. */
bool tc_crash_is_of(const struct tc_crash_view *crash, const struct tc_thread_view *thread);

/* "SIGSEGV", "signal 10", "a signal that is not known". */
void tc_crash_say_signal(struct tc_out *out, const struct tc_crash_view *crash);
/* "the process itself", "process 7 of user 0". */
void tc_crash_say_sender(struct tc_out *out, const struct tc_crash_view *crash);

#endif
