/* SPDX-License-Identifier: Apache-2.0
 * Waits that a timer ends. */
#ifndef TC_TIMED_H
#define TC_TIMED_H

#include "analyzer/detect/detect.h"

/* Is the task inside wait_for, or a block that is cancelled after a time? */
bool tc_timed_itself(const struct tc_model *model, const struct tc_task *task);

#endif
