/* SPDX-License-Identifier: Apache-2.0
 * The functions that the hook interposes, as the next library has them: libc, or another preloaded
 * library. */
#ifndef TC_HOOK_NEXT_H
#define TC_HOOK_NEXT_H

#include <stdbool.h>
#include <stdint.h>

/* They are looked up by dlsym(RTLD_NEXT), which is slow (1.8 µs) and takes locks. So those that a
 * handler may call are looked up when the hook is loaded, those that a forked child may call before
 * the first fork, and the others when they are called first. */
enum tc_next {
	TC_NEXT_SIGACTION,
	TC_NEXT_SIGNAL,
	TC_NEXT_EXECVE,
	TC_NEXT_DL_FIND_OBJECT,
	TC_NEXT_ABORT,
	TC_NEXT_N_AT_START,
	TC_NEXT_EXECVPE = TC_NEXT_N_AT_START,
	TC_NEXT_EXECVEAT,
	TC_NEXT_FEXECVE,
	TC_NEXT_PTHREAD_CREATE,
	TC_NEXT_N_AT_FORK,
	TC_NEXT_SIGINTERRUPT = TC_NEXT_N_AT_FORK,
	TC_NEXT_SIGALTSTACK,
	TC_NEXT_POSIX_SPAWN,
	TC_NEXT_POSIX_SPAWNP,
	TC_NEXT_POPEN,
	TC_NEXT_PTHREAD_KEY_CREATE,
	TC_NEXT_PTHREAD_SETSPECIFIC,
	TC_NEXT_SYSTEM,
	TC_NEXT_N
};

/* The function; NULL with errno ENOSYS: no library has it. May run in a signal handler for those up
 * to TC_NEXT_N_AT_START only. */
void *tc_next(enum tc_next which);

/* Does the address lie in libc's abort()? May run in a signal handler. */
bool tc_next_is_in_abort(uint64_t at);

/* The restorer that libc gives to actions of signals; NULL: it could not be found out. sig: a
 * signal whose action is set again for that, without a change. Normal context. */
void (*tc_next_restorer(int sig))(void);

#endif
