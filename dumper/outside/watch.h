/* SPDX-License-Identifier: Apache-2.0
 * Work in a child process that may hang: the child reports its progress, the parent stops waiting
 * when there is none. */
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
	volatile uint64_t beats;       /* grows while the child makes progress */
	const char *volatile where;    /* static text: the step under way */
	int code;		       /* exit code of the job, set by the child */
	char line[TC_WATCH_LINE];      /* one line for stderr, or empty */
	char temporary[TC_WATCH_PATH]; /* file to remove when the child is stopped; empty: none */
	char result[TC_WATCH_PATH];    /* what the job made: the path of the dump */
	volatile bool released;	       /* the target was let go before the end (stop.h) */
};

/* Note the step that begins. text is static. */
static inline void tc_watch_step(struct tc_watch *watch, const char *text)
{
	watch->where = text;
	watch->beats++;
}

/* Run job(watch, context) in a child with oom_score_adj 1000 that dies with us, and return its exit
 * code, or 5 after silence_ms without progress: then the child is killed and not waited for, and
 * line says where it hung. *ret is the shared memory, readable after the child's end; never
 * unmapped. 70: no memory or no child. */
int tc_watch_run(int (*job)(struct tc_watch *watch, void *context), void *context,
		 unsigned silence_ms, struct tc_watch **ret);

/* The job's last words: set line by a format and return code. */
int tc_watch_end(struct tc_watch *watch, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
