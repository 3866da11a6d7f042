/* SPDX-License-Identifier: Apache-2.0
 * The signal handler: what each signal asks for. It runs on the stack of the thread that got the
 * signal, which may be small; everything that needs more switches to a stack of the hook's. */
#include "dumper/hook/hook_signal.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "dumper/base/wire.h"
#include "dumper/hook/capture/hook_still.h"
#include "dumper/hook/common/hook_outcome.h"
#include "dumper/hook/common/hook_process.h"
#include "dumper/hook/common/hook_settings.h"
#include "dumper/hook/hook_python.h"
#include "dumper/hook/hook_refuse.h"
#include "dumper/hook/hook_request.h"
#include "dumper/hook/hook_turn.h"
#include "dumper/hook/signals/hook_chain.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

/* Does a signal of this code name its sender? Those of timers and of the kernel do not. */
static bool has_sender(int code)
{
	return code == SI_USER || code == SI_TKILL || code == SI_QUEUE || code == SI_MESGQ;
}

/* TASKCORE_SIGNAL: make a dump, unless the last one was a moment ago. */
static void on_plain(int sig, siginfo_t *info, void *context)
{
	struct tc_hook_process *process = tc_hook_process();
	struct tc_request request = {
		.reason = tc_hook_settings.reason,
		.signal = sig,
		.sender_pid = has_sender(info->si_code) ? (uint32_t)info->si_pid : 0,
		.sender_uid = has_sender(info->si_code) ? (uint32_t)info->si_uid : 0,
		.context = context,
	};
	uint64_t now = tc_sys_clock_ns(CLOCK_MONOTONIC), last = process->last_ns;
	uint64_t interval = tc_hook_settings.min_interval_s * 1000000000u;

	if (last && interval && now - last < interval) {
		tc_hook_refuse(&request, -EAGAIN, (now - last) / 1000000000u);
		return;
	}
	int r = tc_hook_request(&request);
	if (r == 0)
		process->last_ns = now;
	else if (r != -ENOEXEC)
		tc_hook_refuse(&request, r, 0);
}

/* The private signal, sent by taskcore signal or by the hook itself (wire.h). */
static void on_cookie(siginfo_t *info, void *context, uint64_t cookie)
{
	struct tc_request request = {
		.reason = "request",
		.signal = info->si_signo,
		.sender_pid = (uint32_t)info->si_pid,
		.sender_uid = (uint32_t)info->si_uid,
		.cookie = cookie,
		.context = context,
	};
	int r;

	switch (cookie >> 40 & 255) {
	case TC_COOKIE_DUMP:
		if ((r = tc_hook_request(&request)) < 0)
			tc_hook_refuse(&request, r, 0);
		break;
	case TC_COOKIE_AGAIN:
		tc_hook_request_again(context);
		break;
	case TC_COOKIE_PARK:
		tc_hook_stand_still(context);
		break;
	default:
		break;
	}
}

/* The attribute is for qemu-user 7.2: it calls handlers with a stack that is 8 bytes off the
 * alignment of 16 that the System V ABI (section 3.2.2) demands, so that an aligned store would
 * fault. */
__attribute__((force_align_arg_pointer)) void tc_hook_on_signal(int sig, siginfo_t *info,
								void *context)
{
	/* everything in memory belongs to the parent */
	if (tc_process_kind() == TC_PROCESS_VFORKED) {
		tc_chain_pass(sig, info, context, false);
		return;
	}
	if (sig == tc_hook_settings.private_signal) {
		uint64_t cookie = (uint64_t)(uintptr_t)info->si_value.sival_ptr;
		if (info->si_code == SI_QUEUE && cookie >> 48 == TC_COOKIE_MAGIC)
			on_cookie(info, context, cookie);
		else
			tc_chain_pass(sig, info, context, false);
		return;
	}
	bool python = tc_hook_has_python();
	if (python && !tc_chain_nested(sig, context))
		on_plain(sig, info, context);
	tc_chain_pass(sig, info, context, python);
}
