/* SPDX-License-Identifier: Apache-2.0
 * Included last by every file of the safe set: what may not run in a signal handler cannot be
 * named. docs/signal-safety.md has the rule; tests/build/ checks the linked set for what slips
 * through here. */
#ifndef TC_SAFE_H
#define TC_SAFE_H

#ifndef TC_UNSAFE_ON_PURPOSE /* the positive control of tests/build/ */
#pragma GCC poison malloc calloc realloc free strdup alloca
#pragma GCC poison printf fprintf sprintf snprintf vsnprintf puts fputs fopen fclose fwrite perror
#pragma GCC poison pthread_mutex_lock pthread_mutex_unlock sem_wait getenv setenv dlsym dlopen
#pragma GCC poison exit abort atexit longjmp setlocale strerror strtol strtoul qsort
#endif

#endif
