/* SPDX-License-Identifier: Apache-2.0
 * Places of links. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include "analyzer/facts/place.h"

#include <ctype.h>

#include "analyzer/base/array.h"

static bool begins(struct tc_text text, const char *with)
{
	return text.size >= strlen(with) && memcmp(text.at, with, strlen(with)) == 0;
}

static struct tc_text literal(const char *text)
{
	return (struct tc_text){ (const uint8_t *)text, strlen(text) };
}

void tc_place_init(struct tc_place *place, const struct tc_model *model, uint32_t chain)
{
	const struct tc_chain *link = tc_model_chain(model, chain);

	/* The empty text has an address: nothing may be added to a null pointer. */
	*place = (struct tc_place){ .link = link, .file = literal(""), .module = literal("") };
	if (tc_frame_has_code(link->kind)) {
		const struct tc_site *site = tc_model_site(model, link->ref);
		const struct tc_pycode *code = tc_model_code(model, site->code);
		place->code = site->code;
		place->function =
			tc_model_string(model, code->qualname ? code->qualname : code->name);
		place->file = tc_model_string(model, code->file);
		place->line = site->line;
		place->column = site->column;
	} else if (link->kind == TC_FRAME_AWAITABLE) {
		const struct tc_type *type = tc_model_type(model, link->ref);
		place->function = tc_model_string(model, type->name);
		place->module = tc_model_string(model, type->module);
		if (tc_text_is(place->module, "builtins"))
			place->module.size = 0;
	} else if (link->kind == TC_FRAME_NATIVE_CORO || link->kind == TC_FRAME_TEXT) {
		place->function = tc_model_string(model, link->ref);
	}
	if (link->name)
		place->function = tc_model_string(model, link->name);
	if (place->function.size == 0)
		place->function = literal("?");
}

static size_t behind(struct tc_text file, const char *folder)
{
	const uint8_t *at = file.size ? memmem(file.at, file.size, folder, strlen(folder)) : NULL;

	return at ? (size_t)(at - file.at) + strlen(folder) : 0;
}

/* Behind lib/python3.11/ and its like, or behind Lib/ of a source tree that was never installed. */
static size_t behind_python(struct tc_text file)
{
	const uint8_t *end = file.at + file.size;

	for (const uint8_t *at = file.at; (size_t)(end - at) > 9;) {
		at = memmem(at, (size_t)(end - at), "/python3.", 9);
		if (!at)
			break;
		const struct tc_text before = { file.at, (size_t)(at - file.at) };
		for (at += 9; at < end && (isdigit(*at) || *at == 't' || *at == 'd'); at++)
			;
		if (at < end && *at == '/' &&
		    (tc_text_ends_in(before, "lib") || tc_text_ends_in(before, "lib64")))
			return (size_t)(at - file.at) + 1;
	}
	return behind(file, "/Lib/");
}

static bool is_relative(struct tc_text file)
{
	return file.size && file.at[0] != '/';
}

/* Frozen applications (PyInstaller) have relative paths throughout, and nothing but the names
 * tells the library from the rest: those of it that are met on stacks. */
static bool is_frozen_library(struct tc_text file)
{
	static const char *const names[] = {
		"asyncio/",	 "concurrent/", "multiprocessing/", "importlib/", "http/",
		"logging/",	 "urllib/",	"selectors.py",	    "socket.py",  "socketserver.py",
		"ssl.py",	 "threading.py", "subprocess.py",   "contextlib.py", "runpy.py",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (begins(file, names[i]))
			return true;
	return false;
}

/* Where the path relative to the standard library or to the packages begins; 0: neither.
 * *ret_library tells which. */
static size_t own_part(const struct tc_model *model, struct tc_text file, bool *ret_library)
{
	const struct tc_text library = model->library;
	size_t at;

	*ret_library = false;
	if ((at = behind(file, "/site-packages/")) || (at = behind(file, "/dist-packages/")))
		return at;
	*ret_library = true;
	if (library.size == 0)
		return behind_python(file);
	return file.size > library.size && memcmp(file.at, library.at, library.size) == 0 ?
		       library.size :
		       0;
}

/* What pip puts into bin/ is no code of the program. */
static bool is_launcher(struct tc_text file)
{
	size_t folder = file.size;

	while (folder && file.at[folder - 1] != '/')
		folder--;
	const struct tc_text name = { file.at + folder, file.size - folder };
	const struct tc_text path = { file.at, folder ? folder - 1 : 0 };
	return path.size && !memchr(name.at, '.', name.size) && tc_text_ends_in(path, "bin");
}

enum tc_owner tc_place_owner(const struct tc_model *model, struct tc_text file)
{
	bool library;

	if (file.size == 0)
		return TC_OWNER_NONE;
	if (begins(file, "<frozen "))
		return TC_OWNER_LIBRARY;
	if (own_part(model, file, &library))
		return library ? TC_OWNER_LIBRARY : TC_OWNER_PACKAGE;
	if (is_relative(file) && model->frozen && is_frozen_library(file))
		return TC_OWNER_LIBRARY;
	/* Cython writes paths relative to its own tree. */
	if (is_relative(file) && file.size > 4 &&
	    memcmp(file.at + file.size - 4, ".pyx", 4) == 0)
		return TC_OWNER_PACKAGE;
	return is_launcher(file) ? TC_OWNER_PACKAGE : TC_OWNER_USER;
}

struct tc_text tc_place_short(const struct tc_model *model, struct tc_text root,
			      struct tc_text file)
{
	bool library;

	/* Packages and the library may be below the program's folder: a venv in it is not it. */
	if (root.size && file.size > root.size && memcmp(file.at, root.at, root.size) == 0 &&
	    tc_place_owner(model, file) == TC_OWNER_USER)
		return (struct tc_text){ file.at + root.size, file.size - root.size };
	size_t at = own_part(model, file, &library);

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
		enum tc_owner here = place.line ? tc_place_owner(model, place.file) : TC_OWNER_NONE;
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

bool tc_place_is_in(const struct tc_place *place, const char *function)
{
	size_t size = strlen(function), n = place->function.size;

	return n >= size && memcmp(place->function.at + (n - size), function, size) == 0 &&
	       (n == size || place->function.at[n - size - 1] == '.');
}

bool tc_place_is(const struct tc_place *place, const char *file, const char *function)
{
	return tc_text_ends_in(place->file, file) &&
	       (!function || tc_place_is_in(place, function));
}
