/* SPDX-License-Identifier: Apache-2.0
 * Where a with block begins that a suspended frame is in. May run in a signal handler. */
#ifndef TC_PYWITH_H
#define TC_PYWITH_H

#include "lib/python/pyframe.h"

/* The instruction (bytes from the start of the code) at which the with block begins that has so
 * many values on the frame's stack, the exit function with what belongs to it being the topmost of
 * them. It is on the line of the with statement. Negative: unknown. */
int64_t tc_with_begin(const struct tc_py *py, const struct tc_frame_view *frame, uint32_t depth);

/* How many values at most lie below the innermost handler that may be that of a with block, in
 * a frame that runs; 0: it is in no such block. Those values are on the frame's stack for
 * sure, though it does not say where its stack ends. */
uint32_t tc_with_deepest(const struct tc_py *py, const struct tc_frame_view *frame);

#endif
