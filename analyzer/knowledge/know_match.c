/* SPDX-License-Identifier: Apache-2.0
 * Which row of the knowledge is about a function: by the package that its file is in, the file, the
 * name. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include "analyzer/knowledge/know.h"
#include "analyzer/facts/place.h"

/* Whether size bytes at the beginning of file end where packages are installed or frozen
 * applications keep the library: another package's directory of the same name (redis/asyncio) is
 * not the package. */
static bool is_home(struct tc_text file, size_t size)
{
	static const char *const homes[] = { "/lib/", "/Lib/", ".zip/" };

	if (size == 0)
		return true;
	for (size_t i = 0; i < sizeof(homes) / sizeof(*homes); i++) {
		size_t n = strlen(homes[i]);
		if (size >= n && memcmp(file.at + size - n, homes[i], n) == 0)
			return true;
	}
	return false;
}

/* Is the file of this package? *ret: its path below the package. */
static bool in_package(const struct tc_package *package, const struct tc_model *model,
		       struct tc_text file, struct tc_text *ret)
{
	const size_t size = strlen(package->name),
		     start = file.size - tc_place_short(model, (struct tc_text){ 0 }, file).size;

	for (size_t at = 0; file.size > at + size; at++) {
		const uint8_t *found = memmem(file.at + at, file.size - at, package->name, size);
		if (!found)
			return false;
		at = (size_t)(found - file.at);
		bool whole = at + size < file.size && file.at[at + size] == '/';
		if (whole && (at == start || is_home(file, at) ||
			      (package->anywhere && file.at[at - 1] == '/'))) {
			*ret = (struct tc_text){ file.at + at + size + 1,
						 file.size - at - size - 1 };
			return true;
		}
	}
	return false;
}

static bool matches(struct tc_text name, const char *want)
{
	size_t size = strlen(want);

	if (size && want[size - 1] == '*')
		return name.size >= size - 1 && memcmp(name.at, want, size - 1) == 0;
	return tc_text_is(name, want);
}

static const char *last_part(const char *qualname)
{
	const char *dot = strrchr(qualname, '.');

	return dot ? dot + 1 : qualname;
}

/* The row of this package. */
static uint32_t find_row(const struct tc_knowledge *k, uint32_t package, struct tc_text file,
			 struct tc_text function, bool qualified,
			 bool (*has)(const void *context, const char *variable),
			 const void *context)
{
	for (size_t i = 0; i < k->n_rows; i++) {
		const struct tc_known *row = &k->rows[i];
		if (row->package == package && row->file && tc_text_is(file, row->file) &&
		    matches(function, qualified ? row->function : last_part(row->function)) &&
		    (!row->variable || has(context, row->variable)))
			return (uint32_t)i;
	}
	return TC_KNOWN_NONE;
}

uint32_t tc_knowledge_row(const struct tc_knowledge *k, const struct tc_model *model,
			  struct tc_text file, struct tc_text function, bool qualified,
			  bool (*has)(const void *context, const char *variable),
			  const void *context)
{
	uint32_t row = TC_KNOWN_FOREIGN;

	for (size_t i = k->n_packages; i > 0 && row >= TC_KNOWN_FOREIGN; i--) {
		struct tc_text rest;
		if (in_package(&k->packages[i - 1], model, file, &rest))
			row = find_row(k, (uint32_t)i - 1, rest, function, qualified, has, context);
	}
	return row;
}

uint32_t tc_knowledge_native(const struct tc_knowledge *k, struct tc_text function)
{
	for (size_t i = k->n_rows; i > 0; i--)
		if (!k->rows[i - 1].file && matches(function, k->rows[i - 1].function))
			return (uint32_t)i - 1;
	return TC_KNOWN_NONE;
}
