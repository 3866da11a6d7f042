/* SPDX-License-Identifier: Apache-2.0
 * The locals of the frames of one chain. Safe in a handler. */
#ifndef TC_WALK_LOCALS_H
#define TC_WALK_LOCALS_H

#include <stdint.h>

#include "lib/walk/walk_code.h"

/* The same objects are passed on from frame to frame as arguments: an object that was in a slot of
 * this chain before is written as "the same as value n". */
#define TC_SLOT_CACHE 128u
struct tc_slot_cache {
	uint64_t word;
	tc_addr ref; /* the object that the value refers to; 0: none */
	/* the chain that this entry is of, and the number of the value in it */
	uint32_t chain, value;
};

#define TC_LOCALS_KEPT (256u << 10)
/* With room for the frames behind the bounds: a byte for each, and the values of those of
 * asyncio. */
#define TC_LOCALS_BYTES (TC_LOCALS_KEPT + (96u << 10))
#define TC_FRAMES_KEPT 4096u
#define TC_REFS_KEPT 16384u

/* The object in a slot of a frame; 0: none, or an integer that is in the slot itself.
 * Include/internal/pycore_stackref.h, 3.14: bits 0 and 1 are tags. */
static inline tc_addr tc_slot_object(uint64_t slot)
{
	return (slot & 3) == 3 ? 0 : slot & ~3ul;
}

/* The locals of one chain. When there are too many, those of the outermost frames, and those of the
 * frames of such packages (walk_code.h: library), which show what it waits for. */
struct tc_walk_locals {
	/* TC_LOCALS_BYTES: the frames as in a record, but without the address of the first
	 * reference, because the record has it relative to an address that is not known yet */
	uint8_t *bytes;
	uint32_t size, n_frames, n_values;
	uint32_t first_at;	     /* where in bytes that address is to be inserted */
	tc_addr first, last;	     /* the first and the last reference; 0: none */
	uint32_t chain;		     /* number of the present chain, for slots */
	struct tc_slot_cache *slots; /* TC_SLOT_CACHE */
	uint64_t *words;	     /* scratch, TC_NAMES_MAX */
	/* TC_REFS_KEPT: the objects that frames of libraries (walk_code.h) refer to */
	tc_addr *refs;
	uint32_t n_refs;
	/* TC_FRAMES_KEPT: for each of these frames, where its objects begin in refs */
	uint32_t *libraries;
	uint32_t n_libraries;
};

struct tc_walker;

void tc_walker_locals_begin(struct tc_walker *w); /* another chain begins */
/* Read the slots of a frame into w->locals.words. Their number, up to the last one that is not
 * empty. */
uint32_t tc_walker_slots(struct tc_walker *w, const struct tc_walk_code *code, tc_addr slots);
/* Add the locals of a frame; slots: the address of its first local. */
void tc_walker_frame_locals(struct tc_walker *w, const struct tc_walk_code *code, tc_addr slots);
/* Write the record; none if no locals were read. near: the address that the first reference is
 * written relative to. */
void tc_walker_put_locals(struct tc_walker *w, tc_addr near);
/* Note the objects in the locals of the innermost n_frames frames of libraries (walk_code.h)
 * for object records. */
void tc_walker_want_locals(struct tc_walker *w, uint32_t n_frames);

#endif
