/* SPDX-License-Identifier: Apache-2.0
 * Makes threads stand still while a dump is made. */
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
#include "dumper/hook/signals/hook_chain.h"
#include "lib/format/format.h"
#include "lib/process/proc.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

#define WAIT_NS 20000000u
/* A thread that runs gets the signal at once, unless it waits for a processor. */
#define WAIT_RUNNING_NS 2000000u
#define RUNNING_MAX 64u
#define LOOK_NS 50000
/* The end of the process may wait for its turn half as long as for the dump, and then these 3
 * seconds for the seal (hook_request.c); one is to spare. */
#define CRASH_MORE_MS 4000u

/* The first n_still of them are in use; n_parked of the process's state are written already. */
static struct tc_hook_still still[TC_HOOK_STILL_MAX];
static _Atomic uint32_t n_still;

void tc_hook_still_begin(void)
{
	for (uint32_t i = 0; i < n_still && i < TC_HOOK_STILL_MAX; i++)
		still[i].tid = 0;
	n_still = 0;
	tc_hook_process()->n_parked = 0;
}

static bool ask(const struct tc_hook_dump *dump, uint32_t tid)
{
	siginfo_t info = { .si_signo = tc_hook_settings.private_signal, .si_code = SI_QUEUE };

	info.si_pid = (pid_t)dump->pid;
	info.si_value.sival_ptr = (void *)(uintptr_t)tc_cookie(TC_COOKIE_PARK, dump->began_ns);
	return tid && tid != dump->tid && info.si_signo &&
	       tc_syscall4(SYS_rt_tgsigqueueinfo, dump->pid, tid, info.si_signo, (long)&info) == 0;
}

/* Wait until n threads stand still, for ns at most. */
static void await(uint32_t n, uint64_t ns)
{
	const struct tc_hook_process *process = tc_hook_process();
	uint64_t end = tc_sys_clock_ns(CLOCK_MONOTONIC) + ns;
	struct timespec wait = { 0, LOOK_NS };

	while (process->n_parked < n && tc_sys_clock_ns(CLOCK_MONOTONIC) < end)
		tc_syscall2(SYS_nanosleep, (long)&wait, 0);
}

void tc_hook_still_all(const struct tc_hook_dump *dump)
{
	uint32_t n = 0;

	for (size_t i = 0; i < dump->threads.n; i++)
		n += ask(dump, dump->threads.at[i].tid_ns);
	await(n, WAIT_NS);
}

/* Does the kernel still call us for the private signal? Its default action would end the process,
 * if the program has set that by a system call of its own. */
static bool is_ours(void)
{
	const int sig = tc_hook_settings.private_signal;

	return sig && tc_chain_in_front(sig);
}

bool tc_hook_still_one(const struct tc_hook_dump *dump, uint32_t tid)
{
	if (is_ours())
		await(tc_hook_process()->n_parked + ask(dump, tid), WAIT_NS);
	return tc_hook_still_of(tid);
}

/* Does the thread block the private signal? It may take it by sigwait then, which would give our
 * signal to the program. */
static bool blocks(const struct tc_hook_dump *dump, const struct tc_os_thread *thread)
{
	uint64_t blocked;

	return !tc_proc_blocked(dump->proc, thread->tid, &blocked) ||
	       blocked >> (tc_hook_settings.private_signal - 1) & 1;
}

void tc_hook_still_running(const struct tc_hook_dump *dump)
{
	uint32_t n = 0;

	if (dump->proc < 0 || !is_ours())
		return;
	for (size_t i = 0; i < dump->threads.n && n < RUNNING_MAX; i++) {
		struct tc_os_thread *thread = &dump->threads.at[i];
		if (thread->state != 'R' || thread->how != TC_REGS_NONE)
			continue;
		if (blocks(dump, thread))
			thread->flags |= TC_THREAD_BLOCKS;
		else
			n += ask(dump, thread->tid_ns);
	}
	await(n, WAIT_RUNNING_NS);
}

static void wait_for(_Atomic uint32_t *word, uint32_t value, uint64_t ms)
{
	uint64_t limit = ms * 1000000u + WAIT_NS;
	struct timespec wait = { (time_t)(limit / 1000000000u), (long)(limit % 1000000000u) };

	tc_syscall4(SYS_futex, (long)word, FUTEX_WAIT, value, (long)&wait);
}

static void note(uint32_t tid, const struct tc_arch_context *context, bool crashing)
{
	const uint32_t i = n_still++;
	uint64_t regs[TC_ARCH_N_REGS] = { 0 };

	if (i >= TC_HOOK_STILL_MAX)
		return;
	if (crashing)
		tc_arch_own_bases(regs);
	still[i].context = context;
	still[i].fs_base = regs[TC_ARCH_REG_FS_BASE];
	still[i].gs_base = regs[TC_ARCH_REG_GS_BASE];
	atomic_signal_fence(memory_order_seq_cst);
	still[i].tid = tid;
}

void tc_hook_stand_still(const struct tc_arch_context *context)
{
	struct tc_hook_process *process = tc_hook_process();
	uint32_t crashing = process->crashing, busy = process->busy;
	uint32_t tid = (uint32_t)tc_syscall0(SYS_gettid);
	const uint64_t ms = tc_hook_settings.crash_ms;

	if (!(crashing ? crashing : busy) || crashing == tid)
		return;
	note(tid, context, crashing);
	process->n_parked++;
	if (crashing)
		wait_for(&process->crashing, crashing, ms + ms / 2 + CRASH_MORE_MS);
	else
		wait_for(&process->busy, busy, tc_hook_settings.pause_ms);
}

const struct tc_hook_still *tc_hook_still_of(uint32_t tid)
{
	for (uint32_t i = 0; i < n_still && i < TC_HOOK_STILL_MAX; i++)
		if (still[i].tid == tid)
			return &still[i];
	return NULL;
}
