/* SPDX-License-Identifier: Apache-2.0
 * What runs this process in place of the processor. Safe in a handler. */
#ifndef TC_HOOK_EMULATOR_H
#define TC_HOOK_EMULATOR_H

/* The emulator that runs this process: "valgrind" or "qemu-user"; NULL: nothing. In an emulator no
 * dump is made: it could run neither a clone nor a guarded read. Everything else works, so that
 * costs can be measured under callgrind. */
const char *tc_hook_emulator(void);

#endif
