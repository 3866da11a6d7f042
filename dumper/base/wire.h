/* SPDX-License-Identifier: Apache-2.0
 * The protocol between taskcore signal and the hook in a process. Everything here may run in a
 * signal handler. */
#ifndef TC_WIRE_H
#define TC_WIRE_H

#include <stdint.h>
#include <string.h>

/* The private signal carries a cookie (si_value): 16 bits of magic, 8 bits of verb, 40 random bits.
 * DUMP: taskcore signal asks for a dump. AGAIN: the child of a dump asks for another snapshot.
 * PARK: the thread that gets it is to stand still. */
#define TC_COOKIE_MAGIC 0x7443u
enum tc_cookie_verb { TC_COOKIE_NONE, TC_COOKIE_DUMP, TC_COOKIE_AGAIN, TC_COOKIE_PARK };
#define TC_COOKIE_CHANCE ((1ull << 40) - 1)
static inline uint64_t tc_cookie(enum tc_cookie_verb verb, uint64_t chance)
{
	return (uint64_t)TC_COOKIE_MAGIC << 48 | (uint64_t)verb << 40 | (chance & TC_COOKIE_CHANCE);
}

/* The name of the hook's process that makes a dump. */
#define TC_DUMPER_NAME "taskcore-dump"

/* When a request is refused, a child of the process sets this name, with the last 16 bits of the
 * request's cookie in hexadecimal. Whoever asked looks for it in /proc: it can be seen until the
 * child is reaped, and needs no file. */
#define TC_REFUSED_NAME "taskcore-no"
#define TC_REFUSED_SIZE 16 /* TASK_COMM_LEN */
static inline void tc_refused_name(uint64_t cookie, char to[TC_REFUSED_SIZE])
{
	memcpy(to, TC_REFUSED_NAME, sizeof(TC_REFUSED_NAME) - 1);
	for (unsigned i = 0; i < 4; i++)
		to[sizeof(TC_REFUSED_NAME) - 1 + i] = "0123456789abcdef"[cookie >> (4 * i) & 15];
	to[TC_REFUSED_SIZE - 1] = 0;
}

#endif
