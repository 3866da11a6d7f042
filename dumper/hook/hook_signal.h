/* SPDX-License-Identifier: Apache-2.0
 * The handler of the signals that ask for a dump. */
#ifndef TC_HOOK_SIGNAL_H
#define TC_HOOK_SIGNAL_H

#include <signal.h>

/* The handler of both signals, settings.signal and settings.private_signal. */
void tc_hook_on_signal(int sig, siginfo_t *info, void *context);

#endif
