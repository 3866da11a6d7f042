/* SPDX-License-Identifier: Apache-2.0
 * Strings: the table and the caches in front of it. */
#include "lib/walk/walk_string.h"

#include "lib/walk/walker.h"

#include "lib/base/safe.h"

static uint32_t define_string(struct tc_walker *w, const char *text, size_t len, enum tc_str class)
{
	uint32_t id = 0;

	tc_record_begin(w->out, TC_REC_STRING);
	tc_put_u(w->out, class);
	tc_put_raw(w->out, text, len);
	tc_record_define(w->out, TC_TAB_STRING, &id);
	return id;
}

uint32_t tc_walker_text(struct tc_walker *w, const char *text, size_t len, enum tc_str class)
{
	uint64_t *id =
		tc_hash_at(&w->strings.known, tc_hash_bytes(w->options->seed + class, text, len));

	if (!id) {
		w->full = true;
		return 0;
	}
	if (!*id)
		*id = define_string(w, text, len, class);
	return (uint32_t)*id;
}

uint32_t tc_walker_label(struct tc_walker *w, const char *text, size_t len)
{
	uint64_t hash = tc_hash_bytes(w->options->seed + TC_STR_TASK, text, len);
	struct tc_label_cache *front = &w->strings.labels[hash & (TC_LABEL_CACHE - 1)];

	if (front->id && front->hash == hash)
		return front->id;
	front->hash = hash;
	front->id = define_string(w, text, len, TC_STR_TASK);
	return front->id;
}

/* Decided by the type's flags alone, not by the table of types: this function is used to read the
 * name of a type, before the type is in the table. */
static bool is_str(struct tc_walker *w, tc_addr object)
{
	tc_addr type;
	uint64_t flags;

	return object >= 4096 && !(object & 7) && tc_get(w->mem, object + TC_OB_TYPE, &type) == 0 &&
	       tc_get(w->mem, type + TC_TP_FLAGS, &flags) == 0 && flags & TC_TPFLAG_UNICODE;
}

uint32_t tc_walker_str(struct tc_walker *w, tc_addr str, enum tc_str class)
{
	size_t len;

	if (!is_str(w, str) || tc_str_read(&w->py, str, w->strings.text, TC_STRING_MAX, &len) < 0)
		return 0;
	return tc_walker_text(w, w->strings.text, len, class);
}

uint32_t tc_walker_name(struct tc_walker *w, tc_addr str)
{
	struct tc_name_cache *front = &w->strings.names[str >> 4 & (TC_NAME_CACHE - 1)];
	/* length and hash: if both and the address are equal, it is the same str */
	uint64_t head[2];

	if (tc_get(w->mem, str + TC_OB_SIZE, &head) < 0)
		return 0;
	if (front->id && front->str == str && front->length == head[0] && front->hash == head[1])
		return front->id;
	uint32_t id = tc_walker_str(w, str, TC_STR_CODE);
	if (id && head[1] != UINT64_MAX) /* −1: not hashed yet */
		*front = (struct tc_name_cache){
			.str = str, .length = head[0], .hash = head[1], .id = id
		};
	return id;
}
