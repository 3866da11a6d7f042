/* SPDX-License-Identifier: Apache-2.0
 * Does valgrind or qemu-user run this process? They translate the program's code and make its
 * system calls, and they end it when it makes a clone of the kind that a dump needs (valgrind 3.19:
 * "does not support general clone()"; qemu 7.2: SIGSEGV). */
#include "dumper/hook/common/hook_emulator.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "lib/sys/arch_x86_64.h"
#include "lib/base/safe.h"

#define LINK_MAX 256

/* qemu-user answers a readlink of /proc/self/exe itself, with the program. It does not know
 * /proc/thread-self/exe, so the kernel answers, with qemu (linux-user/syscall.c, is_proc_myself).
 * In a virtual machine both are the program. */
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
