/* SPDX-License-Identifier: Apache-2.0
 * Names of fatal signals. */
#include "lib/format/fatal_signal.h"

#include <stddef.h>

#include "lib/base/safe.h"

const char *tc_fatal_signal_name(uint32_t number)
{
	switch (number) {
	case TC_SIGNAL_ILL:
		return "SIGILL";
	case TC_SIGNAL_ABRT:
		return "SIGABRT";
	case TC_SIGNAL_BUS:
		return "SIGBUS";
	case TC_SIGNAL_FPE:
		return "SIGFPE";
	case TC_SIGNAL_SEGV:
		return "SIGSEGV";
	default:
		return NULL;
	}
}
