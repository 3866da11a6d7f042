/* SPDX-License-Identifier: Apache-2.0
 * The table of fatal signals. */
#include "lib/format/fatal_signal.h"

#include <stddef.h>

#include "lib/base/safe.h"

const struct tc_fatal_signal tc_fatal_signals[TC_N_FATAL_SIGNALS] = {
	{ TC_SIGNAL_SEGV, "SIGSEGV", "segv" }, { TC_SIGNAL_ABRT, "SIGABRT", "abrt" },
	{ TC_SIGNAL_BUS, "SIGBUS", "bus" },    { TC_SIGNAL_FPE, "SIGFPE", "fpe" },
	{ TC_SIGNAL_ILL, "SIGILL", "ill" },
};

const struct tc_fatal_signal *tc_fatal_signal(uint32_t number)
{
	for (size_t i = 0; i < TC_N_FATAL_SIGNALS; i++)
		if (tc_fatal_signals[i].number == number)
			return &tc_fatal_signals[i];
	return NULL;
}

const char *tc_fatal_signal_name(uint32_t number)
{
	const struct tc_fatal_signal *signal = tc_fatal_signal(number);

	return signal ? signal->name : NULL;
}
