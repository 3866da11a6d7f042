/* SPDX-License-Identifier: Apache-2.0
 * The end of the process, interposed. The kernel gives children that are not reaped to another
 * process (the nearest child subreaper, or init), which never started them. After an exec the new
 * program is such a stranger too, and is sent SIGCHLD for them (kernel/signal.c, do_notify_parent:
 * parent_exec_id). */
#include "dumper/hook/hook_exit.h"

#include <sys/syscall.h>
#include <time.h>

#include "dumper/hook/common/hook_process.h"
#include "dumper/hook/common/hook_settings.h"
#include "dumper/hook/hook.h"
#include "dumper/hook/hook_turn.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"

#define LOOK_NS 500000

/* Waits for a dump that is being made, for as long as a dump may stop the process anyway. */
void tc_hook_reap_at_end(void)
{
	const struct tc_hook_process *process = tc_hook_process();
	struct timespec wait = { 0, LOOK_NS };

	if (!process->child && !process->leaving && !process->speaking)
		return; /* most processes are never dumped: for them no system call is made */
	if (!tc_hook_installed() || tc_process_kind() != TC_PROCESS_OWN)
		return;
	uint64_t end = tc_sys_clock_ns(CLOCK_MONOTONIC) + tc_hook_settings.pause_ms * 1000000u;
	while (!tc_hook_reap_all() && tc_sys_clock_ns(CLOCK_MONOTONIC) < end)
		tc_syscall2(SYS_nanosleep, (long)&wait, 0);
}

__attribute__((destructor)) static void destruct(void)
{
	tc_hook_reap_at_end();
}

static _Noreturn void leave(int status)
{
	tc_hook_reap_at_end();
	for (;;)
		tc_syscall1(SYS_exit_group, status);
}

__attribute__((visibility("default"))) _Noreturn void _exit(int status);
__attribute__((visibility("default"))) _Noreturn void _exit(int status)
{
	leave(status);
}

__attribute__((visibility("default"))) _Noreturn void _Exit(int status);
__attribute__((visibility("default"))) _Noreturn void _Exit(int status)
{
	leave(status);
}
