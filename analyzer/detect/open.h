/* SPDX-License-Identifier: Apache-2.0
 * Tasks that can get on though what they wait for cannot come: somebody may cancel them, or the
 * group that they are in. */
#ifndef TC_OPEN_H
#define TC_OPEN_H

#include "analyzer/detect/stuck.h"

/* Find out which tasks are stuck (*ret, to be deinitialised) where nobody but tasks that are stuck
 * too can reach them to cancel them; open gets true for those that somebody may end. False: it
 * could not be told in a bounded time, and *ret is not set. */
bool tc_find_open(const struct tc_scene *scene, bool *open, struct tc_stuck *ret);

#endif
