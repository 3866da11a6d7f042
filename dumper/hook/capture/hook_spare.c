/* SPDX-License-Identifier: Apache-2.0
 * Are enough descriptors free? If the handler opens one while few are left, another thread of the
 * program may get EMFILE. */
#include "dumper/hook/capture/hook_spare.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "lib/sys/arch_x86_64.h"
#include "lib/base/safe.h"

#define SPARE 16 /* the handler opens three at most; the rest is for the program meanwhile */

bool tc_hook_has_spare(void)
{
	struct rlimit limit;
	struct statx st;

	/* From Linux 6.2 on this size is the number of open descriptors (fs/proc/fd.c,
	 * proc_fd_getattr); before that it is 0. */
	if (tc_syscall4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit) < 0 ||
	    tc_syscall5(SYS_statx, AT_FDCWD, (long)"/proc/self/fd", 0, STATX_SIZE, (long)&st) < 0)
		return true;
	return st.stx_size + SPARE <= limit.rlim_cur;
}
