/* SPDX-License-Identifier: Apache-2.0
 * The functions behind those that the hook interposes: libc's, or another preloaded library's. */
#ifndef TC_HOOK_NEXT_H
#define TC_HOOK_NEXT_H

/* Found by dlsym(RTLD_NEXT), which is slow (1.8 us) and takes locks: what a handler may call is found
 * when the hook is loaded, what a forked child may call before the first fork, the rest when it is
 * called. */
enum tc_next {
	TC_NEXT_SIGACTION,
	TC_NEXT_SIGNAL,
	TC_NEXT_EXECVE,
	TC_NEXT_DL_FIND_OBJECT,
	TC_NEXT_N_AT_START,
	TC_NEXT_EXECVPE = TC_NEXT_N_AT_START,
	TC_NEXT_EXECVEAT,
	TC_NEXT_FEXECVE,
	TC_NEXT_N_AT_FORK,
	TC_NEXT_SIGINTERRUPT = TC_NEXT_N_AT_FORK,
	TC_NEXT_SIGALTSTACK,
	TC_NEXT_POSIX_SPAWN,
	TC_NEXT_POSIX_SPAWNP,
	TC_NEXT_POPEN,
	TC_NEXT_SYSTEM,
	TC_NEXT_N
};

/* The function; NULL with errno ENOSYS where libc has none. */
void *tc_next(enum tc_next which);

#endif
