/* SPDX-License-Identifier: Apache-2.0
 * During a walk in place the holder of the GIL must stand still. If it runs, a signal makes it wait
 * in our handler: it is parked. If it sleeps in a system call, it stands still already, and a
 * signal would end sleeps that SA_RESTART does not restart (signal(7): nanosleep, poll, epoll_wait
 * …). So it is left alone, and after the walk we look whether it slept all the time. */
#include "dumper/hook/capture/hook_park.h"

#include "dumper/hook/capture/hook_still.h"
#include "dumper/hook/common/hook_dump.h"
#include "lib/mem/mem.h"
#include "lib/process/proc.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/base/safe.h"

static bool is_asleep(const struct tc_hook_dump *dump, uint32_t tid)
{
	struct tc_os_thread thread = { .syscall = -1 };

	tc_proc_thread_syscall(dump->proc, tid, &thread);
	return thread.syscall >= 0;
}

bool tc_hook_hold(struct tc_hook_dump *dump, uint32_t holder)
{
	uint32_t tid = 0;

	for (size_t i = 0; i < dump->threads.n && !tid; i++)
		if (dump->threads.at[i].tid_ns == holder)
			tid = dump->threads.at[i].tid;
	/* its state is unknown; or a second interpreter: only one holder can be watched */
	if (!tid || dump->proc < 0 || dump->in_place.asleep)
		return tid && tid == dump->in_place.asleep;
	if (!tc_proc_switches(dump->proc, tid, &dump->in_place.switches) ||
	    !is_asleep(dump, tid))
		return tc_hook_still_one(dump, holder);
	dump->in_place.asleep = tid;
	return true;
}

bool tc_hook_was_asleep(struct tc_hook_dump *dump)
{
	uint64_t now;

	if (!is_asleep(dump, dump->in_place.asleep) ||
	    !tc_proc_switches(dump->proc, dump->in_place.asleep, &now) ||
	    now != dump->in_place.switches)
		return false;
	for (size_t i = 0; i < dump->threads.n; i++)
		if (dump->threads.at[i].tid == dump->in_place.asleep)
			/* it did not run during the walk; what it does later does not matter */
			dump->threads.at[i].look = TC_LOOKED_STOOD;
	return true;
}
