/* SPDX-License-Identifier: Apache-2.0
 * What the code of a signal (si_code) says, by name and in words. */
#ifndef TC_SIGNAL_CODE_H
#define TC_SIGNAL_CODE_H

#include <stdint.h>

#include "lib/format/fatal_signal.h"

/* Codes that more than names depend on (Linux, include/uapi/asm-generic/siginfo.h). */
enum tc_signal_code {
	TC_CODE_KERNEL = 0x80,
	TC_CODE_SEGV_MAPERR = 1,
	TC_CODE_SEGV_ACCERR = 2,
	TC_CODE_SEGV_PKUERR = 4,
	TC_CODE_BUS_ADRERR = 2,
	TC_CODE_BUS_MCEERR_AR = 4,
};

/* "SEGV_MAPERR"; NULL: it has no name that is known. */
const char *tc_signal_code_name(uint32_t signal, int64_t code);

/* What happened, as a noun: "an integer division by zero, or one whose result does not fit". NULL:
 * nothing is known. */
const char *tc_signal_code_words(uint32_t signal, int64_t code);

#endif
