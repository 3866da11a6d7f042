/* SPDX-License-Identifier: Apache-2.0
 * Places of links. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include "place.h"

#include <ctype.h>

#include "array.h"

static struct tc_text literal(const char *text)
{
	return (struct tc_text){ (const uint8_t *)text, strlen(text) };
}

void tc_place_init(struct tc_place *place, const struct tc_model *model, uint32_t chain)
{
	const struct tc_chain *link = tc_model_chain(model, chain);

	*place = (struct tc_place){ .link = link };
	switch (link->kind) {
	case TC_FRAME_CORO:
	case TC_FRAME_GENERATOR:
	case TC_FRAME_ASYNCGEN:
	case TC_FRAME_CALL: {
		const struct tc_site *site = tc_model_site(model, link->ref);
		const struct tc_pycode *code = tc_model_code(model, site->code);
		place->code = site->code;
		place->function =
			tc_model_string(model, code->qualname ? code->qualname : code->name);
		place->file = tc_model_string(model, code->file);
		place->line = site->line;
		place->column = site->column;
		break;
	}
	case TC_FRAME_AWAITABLE: {
		const struct tc_type *type = tc_model_type(model, link->ref);
		place->function = tc_model_string(model, type->name);
		place->module = tc_model_string(model, type->module);
		if (tc_text_is(place->module, "builtins"))
			place->module.size = 0;
		break;
	}
	case TC_FRAME_NATIVE_CORO:
	case TC_FRAME_TEXT:
		place->function = tc_model_string(model, link->ref);
		break;
	default:
		break;
	}
	if (link->name)
		place->function = tc_model_string(model, link->name);
	if (place->function.size == 0)
		place->function = literal("?");
}

/* Where the path relative to the standard library or to the packages begins; 0: neither.
 * *ret_library tells which. */
static size_t own_part(struct tc_text file, bool *ret_library)
{
	static const char *const packages[] = { "/site-packages/", "/dist-packages/" };
	const uint8_t *end = file.at + file.size;

	*ret_library = false;
	for (size_t i = 0; i < 2; i++) {
		const uint8_t *at =
			file.size ? memmem(file.at, file.size, packages[i], strlen(packages[i])) :
				    NULL;
		if (at)
			return (size_t)(at - file.at) + strlen(packages[i]);
	}
	*ret_library = true;
	for (const uint8_t *at = file.at; (size_t)(end - at) > 9;) {
		at = memmem(at, (size_t)(end - at), "/python3.", 9);
		if (!at)
			break;
		for (at += 9; at < end && (isdigit(*at) || *at == 't' || *at == 'd'); at++)
			;
		if (at < end && *at == '/')
			return (size_t)(at - file.at) + 1;
	}
	/* A source tree that was never installed. */
	const uint8_t *lib = file.size ? memmem(file.at, file.size, "/Lib/", 5) : NULL;
	return lib ? (size_t)(lib - file.at) + 5 : 0;
}

enum tc_owner tc_place_owner(struct tc_text file)
{
	bool library;

	if (file.size == 0)
		return TC_OWNER_NONE;
	if (file.size > 8 && memcmp(file.at, "<frozen ", 8) == 0)
		return TC_OWNER_LIBRARY;
	size_t at = own_part(file, &library);
	if (at)
		return library ? TC_OWNER_LIBRARY : TC_OWNER_PACKAGE;
	/* Cython writes paths relative to its own tree. */
	return file.size > 7 && memcmp(file.at, "uvloop/", 7) == 0 ? TC_OWNER_PACKAGE :
								     TC_OWNER_USER;
}

struct tc_text tc_place_short(struct tc_text file)
{
	bool library;
	size_t at = own_part(file, &library);

	return (struct tc_text){ file.at + at, file.size - at };
}

/* Where the loop itself begins: what called it is not what it does. */
static bool is_loop_frame(const struct tc_place *place)
{
	return tc_text_ends_in(place->file, "asyncio/runners.py") ||
	       (tc_text_ends_in(place->file, "asyncio/base_events.py") &&
		place->function.size >= 9 &&
		memcmp(place->function.at + place->function.size - 9, "_run_once", 9) == 0);
}

uint32_t tc_place_best(const struct tc_model *model, uint32_t chain)
{
	uint32_t best = chain;
	enum tc_owner owner = TC_OWNER_NONE;

	for (uint32_t id = chain; id; id = model->chains[id].parent) {
		struct tc_place place;
		tc_place_init(&place, model, id);
		enum tc_owner here = place.line ? tc_place_owner(place.file) : TC_OWNER_NONE;
		if (here < owner) {
			owner = here;
			best = id;
		}
		if (owner == TC_OWNER_USER || is_loop_frame(&place))
			break;
	}
	return best;
}

const char *tc_place_kind(unsigned kind)
{
	static const char *const words[] = {
		[TC_FRAME_CORO] = "coroutine",	  [TC_FRAME_GENERATOR] = "generator",
		[TC_FRAME_ASYNCGEN] = "asyncgen", [TC_FRAME_AWAITABLE] = "awaitable",
		[TC_FRAME_CALL] = "frame",	  [TC_FRAME_NATIVE_CORO] = "coroutine",
		[TC_FRAME_TEXT] = "text",	  [TC_FRAME_UNKNOWN] = "unknown",
		[TC_FRAME_NATIVE_PC] = "native",  [TC_FRAME_GREENLET] = "greenlet",
	};
	return kind < sizeof(words) / sizeof(*words) && words[kind] ? words[kind] : "unknown";
}

size_t tc_place_list(const struct tc_model *model, uint32_t chain, size_t max,
		     struct tc_links_list *list)
{
	size_t depth = tc_model_chain(model, chain)->depth;
	size_t n = depth < max ? depth : max;

	if (n > list->room)
		list->ids = tc_array_grow(list->ids, n, &list->room, sizeof(*list->ids));
	for (size_t i = n; i > 0; i--) {
		list->ids[i - 1] = chain;
		chain = model->chains[chain].parent;
	}
	return n;
}
