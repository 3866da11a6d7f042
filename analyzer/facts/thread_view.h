/* SPDX-License-Identifier: Apache-2.0
 * The threads of the process: the kernel's and the interpreter's joined. */
#ifndef TC_THREAD_VIEW_H
#define TC_THREAD_VIEW_H

#include "analyzer/dump/model.h"

/* A thread as the kernel and the interpreter see it; either may be NULL. Its id is H and its index
 * + 1. */
struct tc_thread_view {
	const struct tc_thread *os;
	const struct tc_pythread *py;
	const struct tc_task *task; /* that it runs */
	uint32_t loop;		    /* that it runs, by identifier; 0: none */
};

struct tc_threads {
	struct tc_thread_view *at;
	size_t n, room;
	const struct tc_model *model;
	size_t *view_of_py; /* of each thread of the interpreter, the number of its view */
};

/* model must outlive the threads. */
void tc_threads_init(struct tc_threads *threads, const struct tc_model *model);
void tc_threads_deinit(struct tc_threads *threads);

/* The view of a thread of the interpreter; NULL: it has none. */
const struct tc_thread_view *tc_threads_of(const struct tc_threads *threads,
					   const struct tc_pythread *py);

/* The local of this name in the frame of this link of the thread's stack. False: there is none. */
bool tc_thread_local(const struct tc_model *model, const struct tc_pythread *thread, uint32_t link,
		     const char *name, struct tc_value *ret);

#endif
