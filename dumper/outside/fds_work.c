/* SPDX-License-Identifier: Apache-2.0
 * What fds_ask.c and fds_tables.c have in common: the time, and replacing an answer. */
#include "dumper/outside/fds_work.h"

#include <time.h>

#include "lib/sys/sys.h"
#include "lib/base/safe.h"

#define QUESTIONS_PER_LOOK 16

/* The clock is read once in so many questions: reading it takes as long as a question. */
bool tc_fds_late(struct tc_fds_work *work)
{
	if (work->n_looks++ % QUESTIONS_PER_LOOK == 0)
		work->late |= tc_sys_clock_ns(CLOCK_MONOTONIC) > work->fds->end_ns;
	return work->late;
}

void tc_fds_replace(struct tc_fds_work *work, uint32_t at, struct tc_fd_facts *facts)
{
	struct tc_kept_fd *fd = work->fds->one[at];

	facts->fd.fd = fd->fd;
	facts->fd.type = fd->type;
	if ((fd = tc_fd_keep(&work->fds->arena, facts)))
		work->fds->one[at] = fd;
}
