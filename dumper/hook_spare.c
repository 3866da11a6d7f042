/* SPDX-License-Identifier: Apache-2.0
 * Whether descriptors can be spared: one that the handler opens while few are left is missing to a
 * thread of the program's, which sees EMFILE. */
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "../lib/arch_x86_64.h"
#include "hook.h"
#include "../lib/safe.h"

#define SPARE 16 /* the handler has three at most; the program may open some meanwhile */

bool tc_hook_has_spare(void)
{
	struct rlimit limit;
	struct statx st;

	/* Linux 6.2 tells the number of open ones so (fs/proc/fd.c, proc_fd_getattr); earlier ones say 0. */
	if (tc_syscall4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit) < 0 ||
	    tc_syscall5(SYS_statx, AT_FDCWD, (long)"/proc/self/fd", 0, STATX_SIZE, (long)&st) < 0)
		return true;
	return st.stx_size + SPARE <= limit.rlim_cur;
}
