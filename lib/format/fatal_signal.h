/* SPDX-License-Identifier: Apache-2.0
 * The signals that a dump of a crash is made for. Safe in a handler. */
#ifndef TC_FATAL_SIGNAL_H
#define TC_FATAL_SIGNAL_H

#include <stdint.h>

/* Their numbers on x86-64 (Linux, include/uapi/asm-generic/signal.h). */
enum tc_fatal_number {
	TC_SIGNAL_ILL = 4,
	TC_SIGNAL_ABRT = 6,
	TC_SIGNAL_BUS = 7,
	TC_SIGNAL_FPE = 8,
	TC_SIGNAL_SEGV = 11,
};

struct tc_fatal_signal {
	uint32_t number;
	const char *name;   /* "SIGSEGV" */
	const char *reason; /* "segv", of a dump */
};

#define TC_N_FATAL_SIGNALS 5u
extern const struct tc_fatal_signal tc_fatal_signals[TC_N_FATAL_SIGNALS];

/* The signal of that number, static; NULL: no dump of a crash is made for this one. */
const struct tc_fatal_signal *tc_fatal_signal(uint32_t number);
/* Its name; NULL likewise. */
const char *tc_fatal_signal_name(uint32_t number);

#endif
