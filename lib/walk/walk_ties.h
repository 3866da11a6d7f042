/* SPDX-License-Identifier: Apache-2.0
 * Ties: the bytes that the chains of a batch of tasks rest on. Safe in a handler. */
#ifndef TC_WALK_TIES_H
#define TC_WALK_TIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mem/mem.h"
#include "lib/python/pyframe.h"
#include "lib/walk/walk_code.h"

#define TC_BATCH 64	   /* tasks that are read together */
#define TC_TIES_MAX 16384u /* when a batch has more, the rest is not read again */
#define TC_TIES_BYTES (2u << 20)
#define TC_ANEW_BYTES 512u

/* The bytes of every link from one object to the next, with the address it was read from. They are
 * read once more to prove that a chain of a running target was whole at one moment
 * (walk_settle.c). */
struct tc_ties {
	bool wanted; /* chains are walked only to gather ties: no record is written */
	bool first;  /* the first round: the reader's cache is used as it is */
	uint32_t n;
	uint32_t ends[TC_BATCH];     /* for each task of the batch: where its ties end in pieces */
	struct tc_mem_piece *pieces; /* TC_TIES_MAX */
	bool *same;		     /* TC_TIES_MAX */
	/* TC_TIES_MAX: the addresses that were read from the target again in this round */
	tc_addr *renewed;
	uint32_t n_renewed;
	uint8_t *bytes; /* TC_TIES_BYTES: the bytes of all pieces, one behind the other */
	size_t size;
};

struct tc_walker;

/* These note what the present chain rests on, and do nothing while no ties are gathered: the bytes
 * from `from` to end; the generator at addr; a frame of a thread; the name of a task. */
void tc_walker_tie(struct tc_walker *w, tc_addr from, tc_addr end);
void tc_walker_tie_gen(struct tc_walker *w, tc_addr addr, const struct tc_gen *gen,
		       const struct tc_walk_code *code);
void tc_walker_tie_frame(struct tc_walker *w, const struct tc_frame_view *frame, bool innermost);
void tc_walker_tie_name(struct tc_walker *w, tc_addr name);
/* To be called before an object of the chain is read: from the second round on its page is read
 * from the target again. */
void tc_walker_anew(struct tc_walker *w, tc_addr addr);

#endif
