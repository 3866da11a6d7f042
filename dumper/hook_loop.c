/* SPDX-License-Identifier: Apache-2.0
 * The calls that make an event loop, interposed: the moment to find the interpreter and to reap the
 * child of the last dump. The first call comes while `import asyncio` runs, the next for each loop. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hook.h"
#include "hook_process.h"

/* Set by the loader where the program, or a library it was started with, is a Python. */
extern int Py_IsInitialized(void) __attribute__((weak));

/* Others may load one later, and the signal looks again: here, where each look costs 30 µs and more, at
 * calls 1, 2, 4, 8 … */
static bool is_worth_a_look(void)
{
	static _Atomic uint32_t calls;
	uint32_t n = calls++;

	return Py_IsInitialized || (n & (n - 1)) == 0;
}

/* Without /proc the interpreter cannot be found in a handler, and a signal would end the process. */
static void look_for_python(void)
{
	if (!tc_hook_has_python() && access("/proc/self/maps", R_OK) < 0 &&
	    dlsym(RTLD_DEFAULT, "Py_IsInitialized"))
		tc_hook_told_of_python();
}

static int create(int flags)
{
	if (tc_hook_installed() && tc_process_kind() == TC_PROCESS_OWN) {
		if (is_worth_a_look())
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
