/* SPDX-License-Identifier: Apache-2.0
 * Is this process run by valgrind or by qemu-user? They translate the program's code and make its
 * system calls for it, and end it at a clone of the kind that a dump needs (valgrind 3.19: "does not
 * support general clone()"; qemu 7.2: SIGSEGV). */
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "dumper/hook/common/hook.h"
#include "lib/base/safe.h"

#define LINK_MAX 256

/* qemu-user answers for /proc/self/exe with the program, and lets the same link of the thread
 * through, which is qemu (linux-user/syscall.c, is_proc_myself). In a virtual machine of qemu's both
 * are the program. */
static bool exe_is_another(void)
{
	char self[LINK_MAX], thread[LINK_MAX];
	long n = tc_syscall4(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)self,
			     sizeof(self));
	long m = tc_syscall4(SYS_readlinkat, AT_FDCWD, (long)"/proc/thread-self/exe", (long)thread,
			     sizeof(thread));

	return n <= 0 || n != m || memcmp(self, thread, (size_t)n) != 0;
}

const char *tc_hook_emulator(void)
{
	static const char *const names[] = { NULL, NULL, "valgrind", "qemu-user" };
	static _Atomic unsigned known; /* 0: not asked yet; else an index, 1: none */

	if (!known)
		known = tc_arch_on_valgrind() ? 2 : exe_is_another() && tc_arch_by_qemu() ? 3 : 1;
	return names[known];
}
