/* SPDX-License-Identifier: Apache-2.0
 * The request for a dump: all ways to a dump go through tc_hook_request, in a handler or not. */
#include "dumper/hook/hook_request.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "dumper/hook/capture/hook_still.h"
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
#include "lib/format/format.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

/* How long a fatal signal waits for a dump that is made in our memory; */
#define OTHERS_NS 300000000u
/* how long the end of the process waits for its own dump, in addition to the time that the dump may
 * take; for the child's end, when the file is sealed; how long a process that lives on waits for
 * the seal; and the time between two looks. */
#define SEAL_MORE_NS 3000000000u
#define REAP_NS 1000000000u
#define SEAL_LIVES_NS 2000000000u
#define SEAL_LOOK_NS 1000000

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

/* What is known of a fatal signal at once; the child adds the rest. */
static void describe_crash(struct tc_hook_dump *dump)
{
	const siginfo_t *info = dump->request.siginfo;
	const struct tc_arch_context *context = dump->request.context;
	bool page = info->si_code > 0 && context->trap == TC_ARCH_TRAP_PAGE;
	bool addressed = (info->si_signo == SIGSEGV || info->si_signo == SIGBUS) &&
			 info->si_code > 0 && info->si_code != SI_KERNEL;

	memcpy(dump->siginfo, info, sizeof(dump->siginfo));
	dump->crash = (struct tc_crash){
		.flags = (info->si_code <= 0 ? TC_CRASH_SENT : 0u) |
			 (addressed ? TC_CRASH_ADDRESS : 0u) |
			 (page && context->error & TC_ARCH_ERROR_WRITE ? TC_CRASH_WRITE : 0u) |
			 (page && context->error & TC_ARCH_ERROR_FETCH ? TC_CRASH_FETCH : 0u) |
			 (dump->request.handler && !dump->request.reports ? TC_CRASH_HANDLED : 0u),
		.code = info->si_code,
		.address = info->si_code > 0 ? (uintptr_t)info->si_addr : 0,
		.handler = (uintptr_t)dump->request.handler,
		.siginfo = dump->siginfo,
	};
	dump->process.crash = &dump->crash;
}

static void begin(struct tc_hook_dump *dump, const struct tc_request *request)
{
	/* memory of the last dump, if its child was killed before it could unmap it */
	tc_hook_release(dump);
	memset(dump, 0, offsetof(struct tc_hook_dump, names));
	dump->began_ns = tc_sys_clock_ns(CLOCK_MONOTONIC);
	dump->wall_ns = tc_sys_clock_ns(CLOCK_REALTIME);
	dump->boot_ns = tc_sys_clock_ns(CLOCK_BOOTTIME);
	uint64_t ms = request->siginfo ? tc_hook_settings.crash_ms : tc_hook_settings.budget_ms;
	dump->deadline_ns = dump->began_ns + ms * 1000000u;
	dump->pause_ns = request->dies ? ms * 1000000u : tc_hook_settings.pause_ms * 1000000u;
	dump->request = *request;
	dump->pid = tc_hook_process()->pid;
	dump->tid = tc_hook_own_tid();
	dump->proc = -1;
	dump->outcome = take_outcome(request);
	if (request->siginfo)
		describe_crash(dump);
	else
		tc_hook_still_begin();
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

/* Wait until the dump is a file, or will not be one; then until its child has ended, because nobody
 * else must get to reap it. */
static void await_seal(struct tc_hook_process *process, uint64_t end_ns)
{
	struct timespec wait = { 0, SEAL_LOOK_NS };
	uint64_t now;

	while ((now = tc_sys_clock_ns(CLOCK_MONOTONIC)) < end_ns) {
		if (tc_hook_reap_all())
			return;
		if (process->outcome && process->outcome->state >= TC_OUTCOME_SEALED &&
		    end_ns > now + REAP_NS)
			end_ns = now + REAP_NS;
		tc_syscall2(SYS_nanosleep, (long)&wait, 0);
	}
}

/* Take the turn. Another thread may have it, and get no processor for long on a busy machine. */
static bool take_turn_first(struct tc_hook_process *process, uint64_t *ret_mask)
{
	uint64_t end = tc_sys_clock_ns(CLOCK_MONOTONIC) + tc_hook_settings.crash_ms * 500000u;
	struct timespec wait = { 0, SEAL_LOOK_NS };

	while (!tc_hook_take_turn(process, ret_mask)) {
		if (tc_sys_clock_ns(CLOCK_MONOTONIC) > end)
			return false;
		tc_syscall2(SYS_nanosleep, (long)&wait, 0);
	}
	return true;
}

/* The child of another dump goes on beside ours, if it has memory of its own; it keeps its outcome.
 * One that uses our memory is waited for, and ended then. */
static void pass_by(struct tc_hook_process *process)
{
	uint64_t end = tc_sys_clock_ns(CLOCK_MONOTONIC) + OTHERS_NS;
	struct timespec wait = { 0, SEAL_LOOK_NS };
	uint32_t child = process->child;

	if (child && process->child_apart && !process->leaving) {
		process->leaving = child;
		process->child = 0;
		process->outcome = NULL;
		return;
	}
	while (!tc_hook_is_free(process) && tc_sys_clock_ns(CLOCK_MONOTONIC) < end)
		tc_syscall2(SYS_nanosleep, (long)&wait, 0);
	if ((child = process->child) != 0) {
		tc_syscall2(SYS_kill, child, SIGKILL);
		tc_syscall4(SYS_wait4, child, 0, __WCLONE, 0);
		process->child = 0;
	}
}

int tc_hook_request_crash(const struct tc_request *request)
{
	struct tc_hook_process *process = tc_hook_process();
	uint64_t mask;

	tc_hook_has_python();
	if (tc_hook_emulator())
		return -EOPNOTSUPP;
	if (!take_turn_first(process, &mask))
		return -EBUSY;
	if (!tc_hook_is_free(process))
		pass_by(process);
	process->child_apart = 0;
	int r = make(&tc_hook_dump, request);
	process->n_dumps++;
	uint64_t end_ns = tc_hook_dump.deadline_ns + SEAL_MORE_NS;
	/* who goes on after its handler must not stand for long */
	if (!request->dies && !request->reports)
		end_ns = tc_sys_clock_ns(CLOCK_MONOTONIC) + SEAL_LIVES_NS;
	if (r == 0)
		await_seal(process, end_ns);
	if (!request->dies)
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
