/* SPDX-License-Identifier: Apache-2.0
 * What is known about the object that a task waits for: the numbers that a person asks for next. */
#ifndef TC_DETAIL_H
#define TC_DETAIL_H

#include "analyzer/facts/descriptor.h"
#include "analyzer/graph/waits.h"

#define TC_DETAIL_UNKNOWN INT64_MIN

/* Each TC_DETAIL_UNKNOWN where it is not known or does not belong to this kind of wait. */
struct tc_detail {
	int64_t value;		 /* of a semaphore */
	int64_t size, max_size;	 /* of a queue; max_size 0: no bound */
	int64_t unfinished;	 /* of a queue: items not yet reported done */
	int64_t parties, arrived; /* of a barrier */
	int64_t child;		 /* pid of a child process */
	int64_t fd;		 /* of a stream */
	const struct tc_fd *descriptor; /* its record, or NULL */
};

void tc_detail_find(const struct tc_model *model, enum tc_wait_kind wait,
		    const struct tc_object *object, struct tc_detail *ret);

#endif
