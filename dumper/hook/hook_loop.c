/* SPDX-License-Identifier: Apache-2.0
 * The calls that every event loop makes, interposed: a good moment to find the interpreter, and to
 * reap the child of the last dump. The first call comes during `import asyncio`, then there is one
 * for each loop. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/syscall.h>

#include "dumper/hook/common/hook_process.h"
#include "dumper/hook/hook.h"
#include "dumper/hook/hook_crash.h"
#include "dumper/hook/hook_python.h"
#include "dumper/hook/hook_turn.h"
#include "dumper/hook/signals/hook_next.h"
#include "lib/sys/arch_x86_64.h"

/* Is the caller Python: its executable, its library, or an extension module
 * (select.cpython-311-….so, uvloop's loop.cpython-….so)? In a process without Python we must make
 * no system call, because a seccomp filter may kill for it. glibc 2.35 can tell which library the
 * caller is in without a lock or a system call; with an older glibc, a Python that is loaded later
 * is found at the signal. */
static bool is_python(void *caller)
{
	if (tc_hook_is_linked_python())
		return true;
#ifdef DLFO_STRUCT_HAS_EH_DBASE
	int error = errno;
	__typeof__(_dl_find_object) *find = tc_next(TC_NEXT_DL_FIND_OBJECT);
	struct dl_find_object object;

	errno = error;
	if (find && find(caller, &object) == 0) {
		const char *path = object.dlfo_link_map->l_name, *slash = strrchr(path, '/');
		return strstr(slash ? slash : path, "python");
	}
#endif
	return false;
}

/* Look for an interpreter. In a program that is not linked with Python a look fails until Python is
 * loaded, and takes 30 µs and more, so only calls 1, 2, 4, 8 … look. The signal looks too. */
static void look_for_python(void)
{
	static _Atomic uint32_t calls;
	uint32_t n = calls++;

	if ((tc_hook_is_linked_python() || (n & (n - 1)) == 0) && tc_hook_has_python())
		tc_hook_crash_take();
}

static int create(int flags, void *caller)
{
	if (tc_hook_installed() && is_python(caller) && tc_process_kind() == TC_PROCESS_OWN) {
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
	return create(flags, __builtin_return_address(0));
}

__attribute__((visibility("default"))) int epoll_create(int size);
__attribute__((visibility("default"))) int epoll_create(int size)
{
	if (size > 0)
		return create(0, __builtin_return_address(0));
	errno = EINVAL;
	return -1;
}
