/* SPDX-License-Identifier: Apache-2.0
 * Starts and ends the process that asks for descriptors. It is a separate process because it has
 * duplicates of the target's sockets and pipes for some microseconds each, enters network
 * namespaces, and may hang where a file system does not answer. None of that may outlast the dump,
 * or cost it more than the descriptors. The process shares our memory and nothing else: a copy of
 * the memory would take longer than all its questions. */
#define _GNU_SOURCE
#include "dumper/outside/fds.h"

#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/sys/sys.h"

#define TIME_NS 2000000000 /* for all descriptors of a process */
#define GRACE_NS 50000000 /* then it has so long to end by itself before it is killed */
#define STACK (256u << 10)
/* The most bytes that a kept descriptor and its texts take. Sockets are kept up to three times: as
 * listed, as the kernel answers, with the peer's name. The memory is backed only where it is
 * used. */
#define KEPT_MAX (sizeof(struct tc_kept_fd) + 2 * TC_FD_ADDRESS_SIZE + TC_FD_WHAT_SIZE + 16)
#define KEPT_MEMORY (3 * TC_FDS_MAX * KEPT_MAX)
#define MEMORY (sizeof(struct tc_fds) + KEPT_MEMORY + TC_FDS_WORK + STACK)

/* In the child. */
static int run(void *fds)
{
	tc_fds_ask(fds);
	return 0;
}

void tc_fds_start(struct tc_fds_child *child, const struct tc_target *target)
{
	char *memory = tc_sys_map(MEMORY, false);

	*child = (struct tc_fds_child){ .fds = (struct tc_fds *)memory };
	if (!memory)
		return;
	child->fds->target = target;
	child->fds->parent = getpid();
	tc_arena_init(&child->fds->arena, memory + sizeof(struct tc_fds),
		      KEPT_MEMORY + TC_FDS_WORK);
	child->pid = clone(run, memory + MEMORY, CLONE_VM | CLONE_FILES | SIGCHLD, child->fds);
}

void tc_fds_go(struct tc_fds_child *child)
{
	child->end_ns = tc_sys_clock_ns(CLOCK_MONOTONIC) + TIME_NS;
	if (!child->fds)
		return;
	child->fds->end_ns = child->end_ns;
	child->fds->go = 1;
	syscall(SYS_futex, &child->fds->go, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Wait until it has ended. When its time is over it is killed, but not waited for: it may hang
 * where no signal ends it. False: it may still exist, and use our memory. */
static bool await(struct tc_fds_child *child, struct tc_watch *watch)
{
	struct pollfd end = { .fd = (int)syscall(SYS_pidfd_open, child->pid, 0), .events = POLLIN };

	bool late = false, ended;

	tc_watch_step(watch, "asking what its descriptors are");
	while (!(ended = waitpid(child->pid, NULL, WNOHANG) != 0) && !late) {
		late = tc_sys_clock_ns(CLOCK_MONOTONIC) > child->end_ns + GRACE_NS;
		if (late)
			kill(child->pid, SIGKILL);
		poll(&end, end.fd >= 0, end.fd >= 0 ? 20 : 1); /* no pidfd before Linux 5.3 */
		watch->beats++;
	}
	if (end.fd >= 0)
		close(end.fd);
	return ended || waitpid(child->pid, NULL, WNOHANG) != 0;
}

static void note(const struct tc_fds *fds, uint32_t n, char *notice)
{
	if (fds->error)
		snprintf(notice, TC_NOTICE_SIZE, "descriptors: none could be listed: %s",
			 strerror(fds->error));
	else if (!fds->done || fds->late)
		snprintf(notice, TC_NOTICE_SIZE,
			 "descriptors: not all could be asked in %d ms: %u are recorded",
			 (int)(TIME_NS / 1000000), n);
	else if (fds->n_left)
		snprintf(notice, TC_NOTICE_SIZE,
			 "descriptors: the first %u are recorded, %u more are not", n, fds->n_left);
}

void tc_fds_finish(struct tc_fds_child *child, struct tc_records *rec, struct tc_watch *watch,
		   char *notice)
{
	struct tc_fds *fds = child->fds;

	notice[0] = 0;
	if (!fds || child->pid <= 0) {
		snprintf(notice, TC_NOTICE_SIZE, "descriptors: no process could be started to ask");
		return;
	}
	bool ended = await(child, watch);
	uint32_t n = fds->n;
	for (uint32_t i = 0; i < n; i++)
		tc_fd_put_record(rec, fds->one[i]);
	note(fds, n, notice);
	if (ended)
		tc_sys_unmap(fds, MEMORY);
	child->fds = NULL;
}
