/* SPDX-License-Identifier: Apache-2.0
 * For the thread of a child that makes the file: does the process still exist, and the end of the
 * thread. */
#include "dumper/hook/child/hook_worker.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

#include "dumper/hook/common/hook_dump.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/base/safe.h"

bool tc_hook_is_target_gone(const struct tc_hook_dump *dump)
{
	return (uint32_t)tc_syscall0(SYS_getppid) != dump->pid;
}

/* The worker does not exit by itself: the watcher ends the whole child. The process can reap the
 * child only when both threads have ended. */
void tc_hook_work_done(struct tc_hook_dump *dump)
{
	struct timespec wait = { 1, 0 };

	dump->maker.worker = 0;
	tc_syscall3(SYS_futex, (long)&dump->maker.worker, FUTEX_WAKE, 1);
	for (;;)
		tc_syscall2(SYS_nanosleep, (long)&wait, 0);
}
