/* SPDX-License-Identifier: Apache-2.0
 * taskcore, from inside a program: the C interface of libtaskcore.so. Under `taskcore run` (or
 * LD_PRELOAD) nothing of it is needed: the hook is there before the program's first line. */
#ifndef TASKCORE_H
#define TASKCORE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TASKCORE_API __attribute__((visibility("default")))

/* Install the hook in this process, with the settings of its environment (taskcore(1)); a second
 * call does nothing. Unlike a preloaded hook, one that is installed by this call does not see later
 * calls of sigaction: a handler that the program then sets for the same signal replaces the hook's.
 * 0, or -1 with errno: EPERM where TASKCORE_DISABLE=1 is set or the program runs with raised
 * rights. Any thread; not in a signal handler. */
TASKCORE_API int taskcore_install(void);

/* Begin a dump of this process. When the call returns, its memory has been captured; a child
 * process writes the file. reason (at most 31 bytes of a-z, 0-9, '_', '-'; NULL: "api") becomes
 * part of its name. 0, or -1 with errno: EBUSY a dump is under way, ENOEXEC there is no Python in
 * this process, EPERM the hook is not installed, EOPNOTSUPP the process runs under valgrind or
 * qemu-user, EINVAL the reason is not understood; others say why memory could not be captured. Any
 * thread; may be called in a signal handler. */
TASKCORE_API int taskcore_dump(const char *reason);

/* Wait until the dump that was begun last is a file. path (may be NULL) gets at most size bytes of
 * its path, with a terminating zero. 0, or -1 with errno: ETIMEDOUT after timeout_ms, ENOENT none
 * was begun, EIO it was refused or failed (the line on stderr says why). Not in a signal
 * handler. */
TASKCORE_API int taskcore_wait(int timeout_ms, char *path, size_t size);

/* "0.1.0"; static. */
TASKCORE_API const char *taskcore_version(void);

#ifdef __cplusplus
}
#endif

#endif
