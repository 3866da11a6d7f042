/* SPDX-License-Identifier: Apache-2.0
 * Every file whose code may run in a signal handler includes this last: functions that may not run
 * there are poisoned, so naming one is a compile error. The rule is in docs/signal-safety.md;
 * tests/build/safe_symbols.sh checks the linked code for functions that are not in this list. */
#ifndef TC_SAFE_H
#define TC_SAFE_H

#ifndef TC_UNSAFE_ON_PURPOSE /* the positive control of tests/build/ */
#pragma GCC poison malloc calloc realloc free strdup alloca
#pragma GCC poison printf fprintf sprintf snprintf vsnprintf puts fputs fopen fclose fwrite perror
#pragma GCC poison pthread_mutex_lock pthread_mutex_unlock sem_wait getenv setenv dlsym dlopen
#pragma GCC poison exit abort atexit longjmp setlocale strerror strtol strtoul qsort
#endif

#endif
