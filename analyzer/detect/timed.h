/* SPDX-License-Identifier: Apache-2.0
 * Which tasks a timeout ends: asyncio.wait_for(), asyncio.timeout() and the like around what they
 * are in, in their own chain or in that of a task whose end would cancel them. */
#ifndef TC_TIMED_H
#define TC_TIMED_H

#include "analyzer/detect/detect.h"

/* Set timed[i] for each task i that is cancelled when the time is over. */
void tc_timed_find(const struct tc_scene *scene, bool *timed);

#endif
