/* SPDX-License-Identifier: Apache-2.0
 * The end of the process, interposed: what it leaves behind unreaped, the kernel hands to a stranger
 * (the nearest child sub-reaper, or init), who never started it. */
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "../lib/sys.h"
#include "hook.h"
#include "hook_process.h"

#define LOOK_NS 500000

/* A dump under way may be finished, for as long as a dump may take of the target's time anyway. */
static void reap_all(void)
{
	uint64_t end = tc_sys_clock_ns(CLOCK_MONOTONIC) + tc_hook_settings.pause_ms * 1000000u;
	struct timespec wait = { 0, LOOK_NS };

	if (!tc_hook_installed() || tc_process_kind() != TC_PROCESS_OWN)
		return;
	while (!tc_hook_reap_all() && tc_sys_clock_ns(CLOCK_MONOTONIC) < end)
		tc_syscall2(SYS_nanosleep, (long)&wait, 0);
}

__attribute__((destructor)) static void destruct(void)
{
	reap_all();
}

static _Noreturn void leave(int status)
{
	reap_all();
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
