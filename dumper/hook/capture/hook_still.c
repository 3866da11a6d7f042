/* SPDX-License-Identifier: Apache-2.0
 * Makes the other threads stand still while a fatal signal is dumped. Their sleeps end with EINTR,
 * which does not matter: the process is about to end. */
#include "dumper/hook/capture/hook_still.h"

#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

#include "dumper/base/wire.h"
#include "dumper/hook/common/hook_dump.h"
#include "dumper/hook/common/hook_process.h"
#include "dumper/hook/common/hook_settings.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

#define WAIT_NS 20000000u
#define LOOK_NS 50000

/* The first n_still of them are in use; n_parked of the process's state are written already. */
static struct tc_hook_still still[TC_HOOK_STILL_MAX];
static _Atomic uint32_t n_still;

void tc_hook_still_begin(void)
{
	n_still = 0;
	tc_hook_process()->n_parked = 0;
	memset(still, 0, sizeof(still));
}

static bool ask(const struct tc_hook_dump *dump, uint32_t tid)
{
	siginfo_t info = { .si_signo = tc_hook_settings.private_signal, .si_code = SI_QUEUE };

	info.si_pid = (pid_t)dump->pid;
	info.si_value.sival_ptr = (void *)(uintptr_t)tc_cookie(TC_COOKIE_PARK, dump->began_ns);
	return tid && tid != dump->tid && info.si_signo &&
	       tc_syscall4(SYS_rt_tgsigqueueinfo, dump->pid, tid, info.si_signo, (long)&info) == 0;
}

void tc_hook_still_all(const struct tc_hook_dump *dump)
{
	const struct tc_hook_process *process = tc_hook_process();
	uint64_t end = tc_sys_clock_ns(CLOCK_MONOTONIC) + WAIT_NS;
	struct timespec wait = { 0, LOOK_NS };
	uint32_t n = 0;

	for (size_t i = 0; i < dump->threads.n; i++)
		n += ask(dump, dump->threads.at[i].tid_ns);
	while (process->n_parked < n && tc_sys_clock_ns(CLOCK_MONOTONIC) < end)
		tc_syscall2(SYS_nanosleep, (long)&wait, 0);
}

void tc_hook_stand_still(const struct tc_arch_context *context)
{
	struct tc_hook_process *process = tc_hook_process();
	uint32_t crashing = process->crashing, tid = (uint32_t)tc_syscall0(SYS_gettid);
	uint64_t limit = tc_hook_settings.crash_ms * 1000000u + WAIT_NS;
	struct timespec wait = { (time_t)(limit / 1000000000u), (long)(limit % 1000000000u) };

	if (!crashing || crashing == tid)
		return;
	uint32_t i = n_still++;
	if (i < TC_HOOK_STILL_MAX)
		still[i] = (struct tc_hook_still){ tid, context };
	process->n_parked++;
	tc_syscall4(SYS_futex, (long)&process->crashing, FUTEX_WAIT, crashing, (long)&wait);
}

const struct tc_arch_context *tc_hook_still_context(uint32_t tid)
{
	for (uint32_t i = 0; i < n_still && i < TC_HOOK_STILL_MAX; i++)
		if (still[i].tid == tid)
			return still[i].context;
	return NULL;
}
