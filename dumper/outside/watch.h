/* SPDX-License-Identifier: Apache-2.0
 * Does work that may hang in a child process. The child reports progress; the parent gives up when
 * there is none. Not for signal handlers. */
#ifndef TC_WATCH_H
#define TC_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TC_WATCH_PATH 4096
#define TC_WATCH_LINE 512

/* Memory that parent and child share. */
struct tc_watch {
	volatile uint64_t beats;       /* incremented while the child makes progress */
	const char *volatile where;    /* static text: what the child does now */
	int code;		       /* exit code of the job, set by the child */
	char line[TC_WATCH_LINE];      /* one line for stderr, or empty */
	char temporary[TC_WATCH_PATH]; /* file to remove if the child is killed; empty: none */
	char result[TC_WATCH_PATH];    /* what the job made: the path of the dump */
	/* a stopped target was let go because the time was over (stop.h) */
	volatile bool released;
};

/* Note what the child does now. text must be static. */
static inline void tc_watch_step(struct tc_watch *watch, const char *text)
{
	watch->where = text;
	watch->beats++;
}

/* Run job(watch, context) in a child, which has oom_score_adj 1000 and is killed when we end.
 * Returns the exit code of the job; 5 after silence_ms without progress (see is_silent): the
 * child is killed and not waited for, and watch->line says what it was doing; 70: there is no
 * memory, or no child can be made. If a signal asks us to end, the child is killed, its file
 * removed, and the signal raised again. *ret gets the shared memory, which stays mapped; it is
 * not set without memory. */
int tc_watch_run(int (*job)(struct tc_watch *watch, void *context), void *context,
		 unsigned silence_ms, struct tc_watch **ret);

/* End a job: set watch->line by the format, and return code. */
int tc_watch_end(struct tc_watch *watch, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
