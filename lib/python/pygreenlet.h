/* SPDX-License-Identifier: Apache-2.0
 * Suspended greenlets of a target. A greenlet is a stack of calls that can be left and entered
 * again; while it is left, its frames are on no thread's stack. Every function may run in a signal
 * handler. */
#ifndef TC_PYGREENLET_H
#define TC_PYGREENLET_H

#include "lib/python/pyframe.h"

#define TC_GREENLET_BYTES 40u /* of the object: what all releases have */

struct tc_greenlet {
	tc_addr state, end; /* the bytes that say where it stands: [state, end) */
	tc_addr top;	    /* the frame object of its innermost frame; 0: it is not suspended */
	bool active;	    /* it is suspended, or runs */
	/* The part of its C stack that was moved away to make room for another: the `saved` bytes
	 * of [start, start + saved) are at copy. */
	tc_addr start, copy;
	uint64_t saved;
};

/* Read the greenlet at addr; basicsize: of the type greenlet.greenlet, of which it is an instance
 * or which its class is derived from. 0; -TC_EFAULT; -TC_ETYPE: no known layout fits. */
int tc_greenlet_read(const struct tc_py *py, tc_addr addr, uint64_t basicsize,
		     struct tc_greenlet *ret);

/* The innermost frame, for tc_greenlet_frame. 0 or -TC_EFAULT. */
int tc_greenlet_top(const struct tc_py *py, const struct tc_greenlet *greenlet, tc_addr *ret);

/* As tc_frame_read, for a frame of the greenlet. */
int tc_greenlet_frame(const struct tc_py *py, const struct tc_greenlet *greenlet, tc_addr addr,
		      struct tc_frame_view *ret, bool *ret_foreign, tc_addr *ret_previous);

#endif
