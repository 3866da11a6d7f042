/* SPDX-License-Identifier: Apache-2.0
 * The locals of one chain, encoded while its frames are read, outermost first. When the chain ends,
 * the record is complete but for its first reference, which is written relative to an address that
 * is known only then. */
#include "lib/walk/walk_locals.h"

#include "lib/walk/walk_code.h"
#include "lib/walk/walk_object.h"
#include "lib/walk/walk_value.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

void tc_walker_locals_begin(struct tc_walker *w)
{
	struct tc_walk_locals *locals = &w->locals;

	locals->chain++;
	locals->size = locals->n_frames = locals->n_values = 0;
	locals->n_refs = locals->n_libraries = 0;
	locals->first = locals->last = 0;
}

/* The value of the variable in a slot: of a cell its content; a tagged integer is no variable. */
static void slot_value(struct tc_walker *w, uint64_t slot, struct tc_walk_value *ret)
{
	tc_addr content;

	tc_walker_value(w, tc_slot_object(slot), ret);
	if (ret->tag == TC_VAL_REF && ret->kind == TC_KIND_CELL &&
	    tc_get(w->mem, ret->bits + TC_CELL_REF, &content) == 0)
		tc_walker_value(w, content, ret);
}

static tc_addr reference_of(const struct tc_walk_value *value)
{
	return value->tag == TC_VAL_REF || value->tag == TC_VAL_SIZED ? value->bits : 0;
}

/* Encode the first reference without its address: where it belongs, and the address, are kept for
 * later. */
static uint8_t *encode_first(struct tc_walk_locals *locals, uint8_t *to,
			     const struct tc_walk_value *value)
{
	*to++ = (uint8_t)value->tag;
	to = tc_leb_u(to, value->type);
	locals->first_at = (uint32_t)(to - locals->bytes);
	locals->first = locals->last = value->bits;
	return value->tag == TC_VAL_SIZED ? tc_leb_u(to, value->size) : to;
}

/* Encode what is in a slot: its value, or the number of the same value earlier in this chain. */
static uint8_t *encode_slot(struct tc_walker *w, uint8_t *to, uint64_t slot, tc_addr *ret_ref)
{
	struct tc_walk_locals *locals = &w->locals;
	struct tc_slot_cache *known = &locals->slots[slot >> 4 & (TC_SLOT_CACHE - 1)];
	struct tc_walk_value value;

	if (known->word == slot && known->chain == locals->chain) {
		*ret_ref = known->ref;
		*to++ = (uint8_t)(TC_VAL_SAME + known->value);
		return to;
	}
	slot_value(w, slot, &value);
	*ret_ref = reference_of(&value);
	/* Only values that take more than one byte: not None, True and False. */
	if (locals->n_values < TC_SAME_MAX && value.tag > TC_VAL_FALSE)
		*known = (struct tc_slot_cache){ slot, *ret_ref, locals->chain, locals->n_values };
	return *ret_ref && !locals->first ? encode_first(locals, to, &value) :
					    tc_walker_encode(to, &value, &locals->last);
}

uint32_t tc_walker_slots(struct tc_walker *w, const struct tc_walk_code *code, tc_addr slots)
{
	struct tc_walk_locals *locals = &w->locals;
	uint32_t n = code->facts.n_slots > TC_NAMES_MAX ? TC_NAMES_MAX : code->facts.n_slots;

	if (tc_read_words(w->mem, slots, locals->words, n) < 0)
		return 0;
	while (n > 0 && !locals->words[n - 1])
		n--;
	return n;
}

/* A frame of asyncio or concurrent.futures begins. When there are too many, only the innermost are
 * kept: the list starts again. */
static void begin_library(struct tc_walk_locals *locals)
{
	if (locals->n_libraries == TC_FRAMES_KEPT || locals->n_refs > TC_REFS_KEPT - TC_NAMES_MAX)
		locals->n_libraries = locals->n_refs = 0;
	locals->libraries[locals->n_libraries++] = locals->n_refs;
}

static void keep_ref(struct tc_walk_locals *locals, const struct tc_walk_code *code, tc_addr ref)
{
	if (ref && code->library)
		locals->refs[locals->n_refs++] = ref;
}

/* A frame whose values do not fit into the record any more. The objects of one of asyncio are kept
 * all the same, because they show what it waits for. */
static void leave_out(struct tc_walker *w, const struct tc_walk_code *code, uint32_t n)
{
	struct tc_walk_value value;

	if (n > 0 && !w->options->no_locals)
		tc_notices_add(w->notices,
			       "locals of more than 4096 frames, or 256 KiB of them, in one chain: "
			       "the rest is left out");
	for (uint32_t i = 0; i < n && code->library; i++) {
		slot_value(w, w->locals.words[i], &value);
		keep_ref(&w->locals, code, reference_of(&value));
	}
}

void tc_walker_frame_locals(struct tc_walker *w, const struct tc_walk_code *code, tc_addr slots)
{
	struct tc_walk_locals *locals = &w->locals;
	size_t bound = code->library ? TC_LOCALS_BYTES : TC_LOCALS_KEPT;
	size_t left = TC_LOCALS_BYTES - locals->size;
	tc_addr ref;

	if (w->options->no_locals && !code->library)
		return;
	uint32_t n = tc_walker_slots(w, code, slots);
	bool counts = left >= TC_LEB_MAX;
	bool fits = counts && (locals->n_frames < TC_FRAMES_KEPT || code->library) &&
		    locals->size + TC_LEB_MAX + n * (size_t)TC_ENCODED_MAX <= bound;
	uint8_t *to = locals->bytes + locals->size;
	if (code->library)
		begin_library(locals);
	if (counts) {
		to = tc_leb_u(to, fits ? n : 0);
		locals->n_frames++;
	}
	if (!fits)
		leave_out(w, code, n);
	for (uint32_t i = 0; i < n && fits; i++, locals->n_values++) {
		to = encode_slot(w, to, locals->words[i], &ref);
		keep_ref(locals, code, ref);
	}
	locals->size = (uint32_t)(to - locals->bytes);
}

void tc_walker_put_locals(struct tc_walker *w, tc_addr near)
{
	const struct tc_walk_locals *locals = &w->locals;
	uint32_t first_at = locals->first ? locals->first_at : locals->size;

	if (locals->n_frames == 0 || w->options->no_locals)
		return;
	tc_record_begin(w->out, TC_REC_LOCALS);
	tc_put_u(w->out, locals->n_frames);
	tc_put_raw(w->out, locals->bytes, first_at);
	if (locals->first)
		tc_put_s(w->out, (int64_t)(locals->first - near));
	tc_put_raw(w->out, locals->bytes + first_at, locals->size - first_at);
	tc_record_end(w->out);
}

void tc_walker_want_locals(struct tc_walker *w, uint32_t n_frames)
{
	const struct tc_walk_locals *locals = &w->locals;
	uint32_t end = locals->n_refs, f = locals->n_libraries;

	for (; f > 0 && n_frames > 0; f--, n_frames--) {
		uint32_t begin = locals->libraries[f - 1];
		for (uint32_t i = begin; i < end; i++)
			tc_walker_want(w, locals->refs[i], 2);
		end = begin;
	}
}
