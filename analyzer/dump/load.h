/* SPDX-License-Identifier: Apache-2.0
 * The dump file as bytes: container, notes and chunks of docs/format.md sections 1 to 4. Every
 * length is checked here, so that what is behind reads whole chunks only. Nothing here prints. */
#ifndef TC_LOAD_H
#define TC_LOAD_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/format/format.h"

/* A place where the file is not as it should be. */
struct tc_problem {
	uint64_t at; /* offset in the file */
	char text[120];
};

/* A chunk whose checksum and header are right; or the beginning of one that the end of the file
 * cuts: its checksum cannot be known, but what a lost end leaves is what was written. */
struct tc_loaded_chunk {
	uint32_t note; /* enum tc_note */
	bool cut;
	uint32_t size; /* of records, in bytes */
	const uint8_t *records;
	struct tc_chunk head; /* with all of our tables; those that the file lacks are empty */
};

enum tc_file_kind {
	TC_FILE_OURS,
	TC_FILE_UNREADABLE, /* cannot be opened, is a directory, is empty …: problems[0] says it */
	TC_FILE_FOREIGN,    /* not a core file at all */
	TC_FILE_CORE,	    /* an ordinary core file */
	TC_FILE_CUT,	    /* a core file, whoever's, that ends before its notes do */
	TC_FILE_OTHER,	    /* of a format version that this program does not read */
	TC_FILE_FEATURES,   /* it needs features that this program does not know */
};

struct tc_dump {
	enum tc_file_kind kind;
	const char *path;   /* borrowed from the caller */
	const uint8_t *map; /* the file, read-only */
	size_t size;
	bool mapped;		 /* map is a mapping of ours */
	uint32_t other;		 /* the version, for TC_FILE_OTHER */
	uint64_t features;	 /* the unknown ones, for TC_FILE_FEATURES */
	bool sealed;		 /* the tail is marked whole and ends in a status note */
	struct tc_loaded_chunk *chunks; /* in the order of the file, the head's first */
	size_t n_chunks, chunks_room;
	struct tc_problem *problems; /* the first TC_PROBLEMS_MAX; sorted by when they were found */
	size_t n_problems, problems_room;
	uint64_t n_problems_all;
};

#define TC_PROBLEMS_MAX 100

/* Open and check the file at path. *ret is always filled and is to be given to tc_dump_close.
 * Returns 0 when it is a dump of ours of which at least the head note was found, damaged or not;
 * else -TC_EDATA or -TC_EVERSION. */
int tc_dump_open(const char *path, struct tc_dump *ret);
/* The same for size bytes at map, which stay the caller's. */
int tc_dump_open_bytes(const char *path, const void *map, size_t size, struct tc_dump *ret);
void tc_dump_close(struct tc_dump *dump);

/* Note a problem at this offset. */
void tc_dump_problem(struct tc_dump *dump, uint64_t at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
