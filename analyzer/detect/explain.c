/* SPDX-License-Identifier: Apache-2.0
 * Sections of docs/detectors.md: "## family", and within it "### family.kind". */
#include "analyzer/detect/explain.h"

#include <string.h>

/* The line with this heading; NULL: there is none. */
static const char *find(const char *marks, const char *title, size_t size)
{
	size_t n_marks = strlen(marks);

	for (const char *at = tc_detectors_page; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, marks, n_marks) == 0 && strncmp(at + n_marks, title, size) == 0 &&
		    at[n_marks + size] == '\n')
			return at;
		if (!*at)
			break;
	}
	return NULL;
}

/* One line of the page, folded at blanks. */
static void put_folded(struct tc_out *out, const char *at, size_t size, unsigned width)
{
	while (size) {
		size_t n = size;
		if (n > width)
			for (n = width; n > 1 && at[n] != ' '; n--)
				;
		tc_out_raw(out, at, n);
		tc_out_newline(out);
		while (n < size && at[n] == ' ')
			n++;
		at += n;
		size -= n;
	}
}

/* The lines up to the next heading; several blank ones as one. */
static void print(const char *at, struct tc_out *out, unsigned width)
{
	at += strspn(at, "# ");
	for (bool blank = false; *at && *at != '#';) {
		size_t size = strcspn(at, "\n");
		if (size && blank)
			tc_out_newline(out);
		blank = size == 0;
		put_folded(out, at, size, width);
		at += size + (at[size] == '\n');
	}
}

bool tc_explain(const char *kind, struct tc_out *out, unsigned width)
{
	size_t family = strcspn(kind, ".");
	const char *first = find("## ", kind, family), *second = find("### ", kind, strlen(kind));

	if (!first || !(strcmp(kind + family, "") == 0 || second))
		return false;
	print(first, out, width);
	if (second) {
		tc_out_newline(out);
		print(second, out, width);
	}
	return true;
}
