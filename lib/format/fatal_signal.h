/* SPDX-License-Identifier: Apache-2.0
 * The signals that a dump of a crash is made for, by name. Safe in a handler. */
#ifndef TC_FATAL_SIGNAL_H
#define TC_FATAL_SIGNAL_H

#include <stdint.h>

/* Their numbers on x86-64 (Linux, include/uapi/asm-generic/signal.h). */
enum tc_fatal_signal {
	TC_SIGNAL_ILL = 4,
	TC_SIGNAL_ABRT = 6,
	TC_SIGNAL_BUS = 7,
	TC_SIGNAL_FPE = 8,
	TC_SIGNAL_SEGV = 11,
};

/* "SIGSEGV", static; NULL: no dump of a crash is made for this one. */
const char *tc_fatal_signal_name(uint32_t number);

#endif
