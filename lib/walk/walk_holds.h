/* SPDX-License-Identifier: Apache-2.0
 * The context managers that a task holds: those of the with blocks that its suspended frames are
 * in. Safe in a handler. */
#ifndef TC_WALK_HOLDS_H
#define TC_WALK_HOLDS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/python/pyframe.h"
#include "lib/walk/walk_code.h"

#define TC_HOLDS_MAX 256u /* of one chain */
#define TC_EXITS_KNOWN 128u

struct tc_held {
	tc_addr manager;
	uint32_t place; /* a link: the with statement, after the links that lead to it */
	uint32_t flags; /* enum tc_hold_flag */
	uint32_t type;
	unsigned depth; /* managers that it is inside of */
	bool generator; /* made by contextlib from a generator */
};

/* A with block that was met lately, and the site of its beginning. */
struct tc_with_begun {
	tc_addr code;
	int64_t lasti;
	uint32_t depth, site;
};

struct tc_walk_holds {
	struct tc_held *at; /* TC_HOLDS_MAX */
	uint32_t n, n_cut;
	/* functions that were asked whether they are exit functions, and managers that have nothing
	 * inside, by their address */
	struct {
		tc_addr addr;
		bool exits, async, generator;
	} known[TC_EXITS_KNOWN];
	tc_addr plain[TC_EXITS_KNOWN];
	struct tc_with_begun begins[TC_EXITS_KNOWN];
	/* frames of threads met lately, and how deep their with blocks may go */
	struct {
		tc_addr code;
		int64_t lasti;
		uint32_t depth;
	} deepest[TC_EXITS_KNOWN];
	/* codes that were asked whether they name `release` */
	struct {
		tc_addr code;
		bool names;
	} releases[TC_EXITS_KNOWN];
};

struct tc_walker;

void tc_walker_holds_begin(struct tc_walker *w); /* another chain begins */
/* Add what the frame of a suspended generator holds; awaits: it is suspended in an await. parent:
 * the link that the frame's own one follows. */
void tc_walker_frame_holds(struct tc_walker *w, const struct tc_gen *gen,
			   const struct tc_walk_code *code, bool awaits, uint32_t parent);
/* The same of a frame of a thread that is in a call: only locks of threading, and what has one as
 * its attribute _lock. */
void tc_walker_running_holds(struct tc_walker *w, const struct tc_frame_view *frame,
			     const struct tc_walk_code *code, uint32_t parent);
/* Write the record; none if nothing is held. near: the address that the first reference is written
 * relative to. */
void tc_walker_put_holds(struct tc_walker *w, tc_addr near);

#endif
