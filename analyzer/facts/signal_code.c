/* SPDX-License-Identifier: Apache-2.0
 * Codes of signals (Linux, include/uapi/asm-generic/siginfo.h; which of them x86-64 gives and when:
 * arch/x86/kernel/traps.c). */
#include "analyzer/facts/signal_code.h"

#include <stddef.h>

static const struct code_row {
	uint32_t signal; /* 0: any */
	int32_t code;
	const char *name, *words;
} rows[] = {
	{ 0, 0, "SI_USER", NULL },
	{ 0, TC_CODE_KERNEL, "SI_KERNEL", NULL },
	{ 0, -1, "SI_QUEUE", NULL },
	{ 0, -2, "SI_TIMER", NULL },
	{ 0, -3, "SI_MESGQ", NULL },
	{ 0, -4, "SI_ASYNCIO", NULL },
	{ 0, -5, "SI_SIGIO", NULL },
	{ 0, -6, "SI_TKILL", NULL },
	{ TC_SIGNAL_SEGV, TC_CODE_SEGV_MAPERR, "SEGV_MAPERR",
	  "an address where nothing is mapped" },
	{ TC_SIGNAL_SEGV, TC_CODE_SEGV_ACCERR, "SEGV_ACCERR",
	  "an access that the mapping does not allow" },
	{ TC_SIGNAL_SEGV, 3, "SEGV_BNDERR", "an address outside of its bounds" },
	{ TC_SIGNAL_SEGV, TC_CODE_SEGV_PKUERR, "SEGV_PKUERR",
	  "an access that a protection key does not allow" },
	{ TC_SIGNAL_SEGV, 10, "SEGV_CPERR", "a return or jump that the shadow stack refuses" },
	{ TC_SIGNAL_BUS, 1, "BUS_ADRALN", "an address that is not aligned" },
	{ TC_SIGNAL_BUS, TC_CODE_BUS_ADRERR, "BUS_ADRERR", "memory that cannot be had" },
	{ TC_SIGNAL_BUS, 3, "BUS_OBJERR", "an error of hardware" },
	{ TC_SIGNAL_BUS, TC_CODE_BUS_MCEERR_AR, "BUS_MCEERR_AR", "damaged memory" },
	{ TC_SIGNAL_BUS, 5, "BUS_MCEERR_AO", "damaged memory, found before it was used" },
	/* the processor has one trap for both */
	{ TC_SIGNAL_FPE, 1, "FPE_INTDIV",
	  "an integer division by zero, or one whose result does not fit" },
	{ TC_SIGNAL_FPE, 2, "FPE_INTOVF", "an integer overflow" },
	{ TC_SIGNAL_FPE, 3, "FPE_FLTDIV", "a floating-point division by zero" },
	{ TC_SIGNAL_FPE, 4, "FPE_FLTOVF", "a floating-point overflow" },
	{ TC_SIGNAL_FPE, 5, "FPE_FLTUND", "a floating-point underflow" },
	{ TC_SIGNAL_FPE, 6, "FPE_FLTRES", "an inexact floating-point result" },
	{ TC_SIGNAL_FPE, 7, "FPE_FLTINV", "an invalid floating-point operation" },
	{ TC_SIGNAL_FPE, 8, "FPE_FLTSUB", "a subscript out of range" },
	{ TC_SIGNAL_FPE, 14, "FPE_FLTUNK", "a floating-point exception" },
	{ TC_SIGNAL_FPE, 15, "FPE_CONDTRAP", "a trap on a condition" },
	{ TC_SIGNAL_ILL, 1, "ILL_ILLOPC", "an illegal instruction" },
	/* what Linux says of every instruction that x86-64 does not know, ud2 among them */
	{ TC_SIGNAL_ILL, 2, "ILL_ILLOPN", "an illegal instruction" },
	{ TC_SIGNAL_ILL, 3, "ILL_ILLADR", "an illegal addressing mode" },
	{ TC_SIGNAL_ILL, 4, "ILL_ILLTRP", "an illegal trap" },
	{ TC_SIGNAL_ILL, 5, "ILL_PRVOPC", "a privileged instruction" },
	{ TC_SIGNAL_ILL, 6, "ILL_PRVREG", "a privileged register" },
	{ TC_SIGNAL_ILL, 7, "ILL_COPROC", "an error of a coprocessor" },
	{ TC_SIGNAL_ILL, 8, "ILL_BADSTK", "an error of the internal stack" },
	{ TC_SIGNAL_ILL, 9, "ILL_BADIADDR", "an instruction that is not implemented" },
};

static const struct code_row *find(uint32_t signal, int64_t code)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if ((!rows[i].signal || rows[i].signal == signal) && rows[i].code == code)
			return &rows[i];
	return NULL;
}

const char *tc_signal_code_name(uint32_t signal, int64_t code)
{
	const struct code_row *row = find(signal, code);

	return row ? row->name : NULL;
}

const char *tc_signal_code_words(uint32_t signal, int64_t code)
{
	const struct code_row *row = find(signal, code);

	return row ? row->words : NULL;
}
