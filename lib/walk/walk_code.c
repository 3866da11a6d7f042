/* SPDX-License-Identifier: Apache-2.0
 * Code objects, sites (instructions in them) and links of chains: each is written once. */
#include "lib/walk/walk_code.h"

#include "lib/base/contains.h"
#include "lib/walk/walk_string.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

/* The names of all slots, in their order. */
static void put_names(struct tc_walker *w, const uint32_t *ids, uint32_t n)
{
	tc_put_u(w->out, n);
	for (uint32_t i = 0; i < n; i++)
		tc_put_u(w->out, ids[i]);
}

static uint32_t read_names(struct tc_walker *w, const struct tc_code_facts *facts, uint32_t *ids)
{
	uint32_t n = 0;

	for (int t = 0; t < 3 && facts->names[t]; t++) {
		struct tc_seq seq;
		tc_addr name;
		if (tc_seq_open(&w->py, facts->names[t], TC_SEQ_TUPLE, &seq) < 0)
			break;
		while (n < TC_NAMES_MAX && tc_seq_next(&seq, &name) > 0)
			ids[n++] = tc_walker_str(w, name, TC_STR_CODE);
	}
	return n;
}

static void define_code(struct tc_walker *w, struct tc_walk_code *code, tc_addr qualname)
{
	const struct tc_code_facts *facts = &code->facts;
	uint32_t *ids = w->codes.names;
	uint32_t file = tc_walker_str(w, facts->filename, TC_STR_CODE);

	/* w->strings.text holds the text that was read last: the name of the file */
	code->library = file && (tc_contains(w->strings.text, "/asyncio/") ||
				 tc_contains(w->strings.text, "/concurrent/futures/") ||
				 tc_contains(w->strings.text, "/threading.py") ||
				 strncmp(w->strings.text, "asyncio/", 8) == 0);
	/* Only code of gevent's hub on a stack shows that gevent is used: in many programs a
	 * library loads it, and nothing runs in it. */
	if (file && tc_contains(w->strings.text, "/gevent/hub.py"))
		tc_notices_add(w->notices,
			       "gevent runs: its greenlets are not read by this version");
	uint32_t name = tc_walker_str(w, facts->name, TC_STR_CODE);
	uint32_t qual = tc_walker_str(w, facts->qualname ? facts->qualname : qualname, TC_STR_CODE);
	w->completions.met |= code->library && qual &&
			strcmp(w->strings.text, "as_completed.<locals>._wait_for_one") == 0;
	uint32_t n = read_names(w, facts, ids);
	tc_record_begin(w->out, TC_REC_CODE);
	tc_put_u(w->out, code->addr);
	tc_put_u(w->out, name);
	tc_put_u(w->out, qual);
	tc_put_u(w->out, file);
	tc_put_u(w->out, facts->firstlineno);
	tc_put_u(w->out, facts->flags);
	put_names(w, ids, n);
	tc_record_define(w->out, TC_TAB_CODE, &code->id);
}

const struct tc_walk_code *tc_walker_code(struct tc_walker *w, tc_addr addr, tc_addr qualname)
{
	/* Up to 3.10 coroutines have the qualified name, not code objects: one code may have
	 * several names. */
	bool by_name = qualname && w->py.at.co_qualname == TC_NONE;
	uint64_t *slot = tc_hash_at(&w->codes.known, by_name ? tc_mix(addr, qualname) : addr);

	if (!slot) {
		w->full = true;
		return NULL;
	}
	if (*slot)
		return (const struct tc_walk_code *)(uintptr_t)*slot;
	const struct tc_walk_type *type = tc_walker_type_of(w, addr);
	struct tc_walk_code *code = NULL;
	struct tc_code_facts facts;
	if (!type || type->kind != TC_KIND_CODE || tc_code_facts_read(&w->py, addr, &facts) < 0)
		return NULL;
	code = tc_arena_take(w->arena, sizeof(*code));
	if (!code) {
		w->full = true;
		return NULL;
	}
	*code = (struct tc_walk_code){ .addr = addr, .facts = facts };
	*slot = (uint64_t)(uintptr_t)code;
	define_code(w, code, qualname);
	return code;
}

#define SITE_AWAITS (1ul << 32)

uint32_t tc_walker_site(struct tc_walker *w, const struct tc_walk_code *code, int64_t lasti,
			bool *ret_awaits)
{
	struct tc_position position;
	uint32_t id = 0;

	if (lasti < 0 || lasti >= UINT32_MAX - 1)
		lasti = -1;
	uint64_t *slot =
		tc_hash_at(&w->codes.sites, (uint64_t)code->id << 32 | (uint32_t)(lasti + 1));
	if (!slot) {
		w->full = true;
		return 0;
	}
	if (!*slot) {
		tc_code_position(&w->py, code->addr, lasti, &position);
		tc_record_begin(w->out, TC_REC_SITE);
		tc_put_u(w->out, code->id);
		tc_put_u(w->out, (uint64_t)(lasti + 1));
		tc_put_u(w->out, position.line);
		tc_put_u(w->out, position.column);
		tc_put_u(w->out, position.end_line);
		tc_put_u(w->out, position.end_column);
		tc_record_define(w->out, TC_TAB_SITE, &id);
		*slot = id;
		if (w->py.at.await != TC_AWAIT_STATE && tc_code_awaits(&w->py, code->addr, lasti))
			*slot |= SITE_AWAITS;
	}
	*ret_awaits = *slot & SITE_AWAITS;
	return (uint32_t)*slot;
}

uint32_t tc_walker_link(struct tc_walker *w, uint32_t parent, enum tc_frame kind,
			uint32_t reference)
{
	uint64_t *slot = tc_hash_at(&w->codes.links, (uint64_t)parent << 32 | (uint32_t)kind << 28 |
							     (reference & 0x0fffffff));
	uint32_t id = parent;

	if (!slot) {
		w->full = true;
		return parent;
	}
	if (!*slot) {
		tc_record_begin(w->out, TC_REC_CHAIN);
		tc_put_u(w->out, parent);
		tc_put_u(w->out, kind);
		tc_put_u(w->out, reference);
		if (tc_record_define(w->out, TC_TAB_CHAIN, &id) == 0)
			*slot = id;
		return id;
	}
	return (uint32_t)*slot;
}

enum tc_frame tc_frame_kind(uint32_t flags)
{
	return flags & TC_CO_COROUTINE				    ? TC_FRAME_CORO :
	       flags & TC_CO_ASYNC_GENERATOR			    ? TC_FRAME_ASYNCGEN :
	       flags & (TC_CO_GENERATOR | TC_CO_ITERABLE_COROUTINE) ? TC_FRAME_GENERATOR :
								      TC_FRAME_CALL;
}
