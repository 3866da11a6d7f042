/* SPDX-License-Identifier: Apache-2.0
 * The request for a dump: all ways to a dump go through tc_hook_request, in a handler or not. */
#include "dumper/hook/hook_request.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "dumper/hook/common/hook_dump.h"
#include "dumper/hook/common/hook_emulator.h"
#include "dumper/hook/common/hook_outcome.h"
#include "dumper/hook/common/hook_process.h"
#include "dumper/hook/common/hook_settings.h"
#include "dumper/hook/hook_freeze.h"
#include "dumper/hook/hook_python.h"
#include "dumper/hook/hook_refuse.h"
#include "dumper/hook/hook_turn.h"
#include "dumper/hook/signals/hook_guard.h"
#include "lib/base/strbuf.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

/* Of this process, or of one that it was forked from. */
static struct tc_hook_outcome *mapped;

/* The memory for the outcome of this process, with the request in it. A forked child maps its
 * own. */
static struct tc_hook_outcome *take_outcome(const struct tc_request *request)
{
	struct tc_hook_process *process = tc_hook_process();
	struct tc_strbuf text;

	if (!process->outcome) {
		if (mapped)
			tc_sys_unmap(mapped, sizeof(*mapped));
		process->outcome = mapped = tc_sys_map(sizeof(*mapped), true);
	}
	struct tc_hook_outcome *outcome = mapped;
	if (!outcome || request->again)
		return outcome;
	tc_strbuf_init(&text, outcome->reason, sizeof(outcome->reason));
	tc_strbuf_s(&text, request->reason);
	outcome->signal = request->signal;
	outcome->sender_pid = request->sender_pid;
	outcome->sender_uid = request->sender_uid;
	outcome->cookie = request->cookie;
	return outcome;
}

static void begin(struct tc_hook_dump *dump, const struct tc_request *request)
{
	/* memory of the last dump, if its child was killed before it could unmap it */
	tc_hook_release(dump);
	memset(dump, 0, offsetof(struct tc_hook_dump, names));
	dump->began_ns = tc_sys_clock_ns(CLOCK_MONOTONIC);
	dump->wall_ns = tc_sys_clock_ns(CLOCK_REALTIME);
	dump->boot_ns = tc_sys_clock_ns(CLOCK_BOOTTIME);
	dump->deadline_ns = dump->began_ns + tc_hook_settings.budget_ms * 1000000u;
	dump->request = *request;
	dump->pid = tc_hook_process()->pid;
	dump->tid = tc_hook_own_tid();
	dump->proc = -1;
	dump->outcome = take_outcome(request);
	if (!dump->outcome)
		return;
	dump->outcome->state = TC_OUTCOME_RUNNING;
	dump->outcome->pause_ns = 0;
	dump->request.reason = dump->outcome->reason;
}

static void capture(void *result)
{
	*(volatile int *)result = -EFAULT; /* if a fault ends it */
	*(int *)result = tc_hook_capture(&tc_hook_dump);
}

/* The caller has the turn, and no child uses our memory. */
static int make(struct tc_hook_dump *dump, const struct tc_request *request)
{
	int r = -EPERM;

	begin(dump, request);
	if (!tc_hook_guarded(capture, &r, false))
		tc_hook_capture_failed(dump);
	if (dump->outcome) {
		if (r < 0)
			dump->outcome->state = TC_OUTCOME_REFUSED;
		dump->outcome->pause_ns = tc_sys_clock_ns(CLOCK_MONOTONIC) - dump->began_ns;
	}
	return r;
}

int tc_hook_request(const struct tc_request *request)
{
	struct tc_hook_process *process = tc_hook_process();
	uint64_t mask;
	int r = -EBUSY, status;

	if (!tc_hook_has_python())
		return -ENOEXEC;
	if (tc_hook_emulator())
		return -EOPNOTSUPP;
	if (!tc_hook_take_turn(process, &mask))
		return -EBUSY;
	if (tc_hook_is_free(process)) {
		process->child_apart = 0;
		r = make(&tc_hook_dump, request);
		process->n_dumps++;
		/* it may have ended meanwhile: otherwise it stays a zombie beside the new child */
		tc_process_reap(&process->leaving, &status);
	}
	tc_hook_give_turn(process, mask);
	return r;
}

int tc_hook_request_again(const struct tc_arch_context *context)
{
	struct tc_hook_outcome *outcome = tc_hook_process()->outcome;
	uint32_t asked = TC_OUTCOME_AGAIN;

	if (!outcome ||
	    !atomic_compare_exchange_strong(&outcome->state, &asked, TC_OUTCOME_ACCEPTED))
		return -ENOENT;
	/* the child ends as soon as it sees ACCEPTED; if it does not, its own dump must do */
	if (!tc_hook_has_left()) {
		uint32_t accepted = TC_OUTCOME_ACCEPTED;
		atomic_compare_exchange_strong(&outcome->state, &accepted, TC_OUTCOME_RUNNING);
		return -EBUSY;
	}
	struct tc_request request = {
		.reason = outcome->reason,
		.signal = outcome->signal,
		.sender_pid = outcome->sender_pid,
		.sender_uid = outcome->sender_uid,
		.cookie = outcome->cookie,
		.context = context,
		.again = true,
	};
	int r = tc_hook_request(&request);
	if (r < 0)
		tc_hook_refuse(&request, r, 0);
	return r;
}
