/* SPDX-License-Identifier: Apache-2.0
 * Looks up the next library's functions, each once. If the constructor of another library calls one
 * before our own constructor runs, tc_next looks it up. */
#define _GNU_SOURCE
#include "dumper/hook/signals/hook_next.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "dumper/hook/common/hook_process.h"
#include "lib/sys/arch_x86_64.h"

#define ABORT_SIZE 1024u /* bytes: more than any libc's abort() has */

static const char *const names[TC_NEXT_N] = {
	[TC_NEXT_SIGACTION] = "sigaction",
	[TC_NEXT_SIGNAL] = "signal",
	[TC_NEXT_SIGINTERRUPT] = "siginterrupt",
	[TC_NEXT_SIGALTSTACK] = "sigaltstack",
	[TC_NEXT_EXECVE] = "execve",
	[TC_NEXT_DL_FIND_OBJECT] = "_dl_find_object",
	[TC_NEXT_ABORT] = "abort",
	[TC_NEXT_EXECVPE] = "execvpe",
	[TC_NEXT_EXECVEAT] = "execveat",
	[TC_NEXT_FEXECVE] = "fexecve",
	[TC_NEXT_PTHREAD_CREATE] = "pthread_create",
	[TC_NEXT_PTHREAD_SETSPECIFIC] = "pthread_setspecific",
	[TC_NEXT_PTHREAD_KEY_CREATE] = "pthread_key_create",
	[TC_NEXT_POSIX_SPAWN] = "posix_spawn",
	[TC_NEXT_POSIX_SPAWNP] = "posix_spawnp",
	[TC_NEXT_POPEN] = "popen",
	[TC_NEXT_SYSTEM] = "system",
};
static _Atomic(void *) found[TC_NEXT_N];

static void *look_up(enum tc_next which)
{
	void *function = dlsym(RTLD_NEXT, names[which]);

	atomic_store(&found[which], function);
	return function;
}

/* In a forked child of a process with threads the loader's locks may be held for ever, by threads
 * that do not exist there. */
static void before_fork(void)
{
	for (unsigned i = TC_NEXT_N_AT_START; i < TC_NEXT_N_AT_FORK; i++)
		if (!atomic_load(&found[i]))
			look_up(i);
}

__attribute__((constructor)) static void look_up_first(void)
{
	for (unsigned i = 0; i < TC_NEXT_N_AT_START; i++)
		look_up(i);
	tc_process_at_fork(before_fork, NULL);
}

void *tc_next(enum tc_next which)
{
	void *function = atomic_load(&found[which]);

	if (!function)
		function = look_up(which);
	if (!function)
		errno = ENOSYS;
	return function;
}

bool tc_next_is_in_abort(uint64_t at)
{
	const uint64_t abort = (uintptr_t)atomic_load(&found[TC_NEXT_ABORT]);

	return abort && at - abort < ABORT_SIZE;
}

void (*tc_next_restorer(int sig))(void)
{
	__typeof__(sigaction) *next = tc_next(TC_NEXT_SIGACTION);
	struct tc_arch_action kernel = { 0 }, before;
	struct sigaction now;

	if (!next || tc_syscall4(SYS_rt_sigaction, sig, 0, (long)&before, sizeof(before.mask)) < 0)
		return NULL;
	if (next(sig, NULL, &now) < 0 || next(sig, &now, NULL) < 0)
		return NULL;
	/* the program must not see that libc has set it */
	tc_syscall4(SYS_rt_sigaction, sig, (long)&before, (long)&kernel, sizeof(kernel.mask));
	return kernel.flags & TC_ARCH_SA_RESTORER ? kernel.restorer : NULL;
}
