/* SPDX-License-Identifier: Apache-2.0
 * The calls that make an event loop, interposed: the moment to find the interpreter and to reap the
 * child of the last dump. The first call comes while `import asyncio` runs, the next for each loop. */
#include <errno.h>
#include <sys/syscall.h>

#include "hook.h"
#include "hook_process.h"

/* A Python that is loaded later is found by the signal too: here, where each look costs 30 µs and more,
 * it is looked for at calls 1, 2, 4, 8 … */
static void look_for_python(void)
{
	static _Atomic uint32_t calls;
	uint32_t n = calls++;

	if (tc_hook_is_linked_python() || (n & (n - 1)) == 0)
		tc_hook_has_python();
}

static int create(int flags)
{
	if (tc_hook_installed() && tc_process_kind() == TC_PROCESS_OWN) {
		look_for_python();
		tc_hook_reap();
	}
	long r = tc_syscall1(SYS_epoll_create1, flags);
	if (r < 0)
		errno = (int)-r;
	return r < 0 ? -1 : (int)r;
}

__attribute__((visibility("default"))) int epoll_create1(int flags);
__attribute__((visibility("default"))) int epoll_create1(int flags)
{
	return create(flags);
}

__attribute__((visibility("default"))) int epoll_create(int size);
__attribute__((visibility("default"))) int epoll_create(int size)
{
	if (size > 0)
		return create(0);
	errno = EINVAL;
	return -1;
}
