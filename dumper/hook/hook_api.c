/* SPDX-License-Identifier: Apache-2.0
 * The C interface (lib/taskcore.h): a dump that the program itself asks for. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "dumper/hook/common/hook_outcome.h"
#include "dumper/hook/common/hook_process.h"
#include "dumper/hook/hook.h"
#include "dumper/hook/hook_request.h"
#include "dumper/hook/hook_turn.h"
#include "lib/sys/sys.h"
#include "lib/taskcore.h"

#define POLL_MS 1
#define ENDING_TRIES 100 /* of POLL_MS: how long taskcore_wait waits for the child's end */

static bool is_plain(const char *reason)
{
	size_t n = 0;

	for (; reason[n]; n++)
		if (!(reason[n] >= 'a' && reason[n] <= 'z') &&
		    !(reason[n] >= '0' && reason[n] <= '9') && reason[n] != '_' && reason[n] != '-')
			return false;
	return n > 0 && n < 32;
}

static int fail(int error)
{
	errno = error;
	return -1;
}

int taskcore_dump(const char *reason)
{
	struct tc_request request = { .reason = reason ? reason : "api" };
	int saved = errno;

	if (!is_plain(request.reason))
		return fail(EINVAL);
	if (!tc_hook_installed() || tc_process_kind() == TC_PROCESS_VFORKED)
		return fail(EPERM);
	int r = tc_hook_request(&request);
	if (r < 0)
		return fail(-r);
	errno = saved;
	return 0;
}

int taskcore_wait(int timeout_ms, char *path, size_t size)
{
	struct tc_hook_process *process = tc_hook_process();
	const struct tc_hook_outcome *outcome = process ? process->outcome : NULL;
	uint64_t end = tc_sys_clock_ns(CLOCK_MONOTONIC) + (uint64_t)timeout_ms * 1000000u;

	if (!outcome)
		return fail(ENOENT);
	while (outcome->state < TC_OUTCOME_SEALED &&
	       (outcome->state != TC_OUTCOME_RUNNING || !tc_hook_reap())) {
		if (tc_sys_clock_ns(CLOCK_MONOTONIC) > end)
			return fail(ETIMEDOUT);
		/* the child could wake us only by a signal, which the program might notice */
		poll(NULL, 0, POLL_MS);
	}
	/* The child is about to end, and the next dump can begin only then: so wait for that
	 * too. */
	for (int i = 0; i < ENDING_TRIES && !tc_hook_reap(); i++)
		poll(NULL, 0, POLL_MS);
	if (outcome->state != TC_OUTCOME_SEALED)
		return fail(EIO);
	if (path && size) {
		strncpy(path, outcome->path, size - 1);
		path[size - 1] = 0;
	}
	return 0;
}
