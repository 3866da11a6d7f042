/* SPDX-License-Identifier: Apache-2.0
 * For steps.so, a hook whose steps can be spoilt: TASKCORE_TEST_STEP=HOW:NAME makes the step NAME
 * of dumper/hook/child/hook_write.c fault (segv, general, ill) or hang (hang). */
#ifndef SPOIL_STEP_H
#define SPOIL_STEP_H

#define TC_SPOIL_STEP(name) spoil_step(name)

void spoil_step(const char *name);

#endif
