/* SPDX-License-Identifier: Apache-2.0
 * Lines of the program's source, where it lies on this machine. The paths come from a dump that may
 * lie: only regular files that end in .py are opened, without waiting. */
#ifndef TC_SOURCE_H
#define TC_SOURCE_H

#include "analyzer/dump/model.h"

#define TC_SOURCE_FILES 64

struct tc_sources {
	const char *root; /* NULL: the paths as they are */
	/* when the dump was taken: a file that is newer is not shown; 0: unknown */
	uint64_t taken_ns;
	unsigned n;
	bool newer; /* a file was not shown for this reason */
	struct {
		struct tc_text path; /* as in the dump */
		const uint8_t *map;  /* NULL: there is none */
		size_t size;
	} files[TC_SOURCE_FILES];
};

void tc_sources_init(struct tc_sources *sources, const char *root, uint64_t taken_ns);
void tc_sources_deinit(struct tc_sources *sources);

/* Line number (1 is the first) of the file, without the white space around it. False: it cannot be
 * shown. */
bool tc_source_line(struct tc_sources *sources, struct tc_text path, uint32_t line,
		    struct tc_text *ret);

#endif
