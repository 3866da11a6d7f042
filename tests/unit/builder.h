/* SPDX-License-Identifier: Apache-2.0
 * Makes dump files in memory for the analyzer's tests: the container by hand, the records with
 * lib/format/record.c. */
#ifndef TC_BUILDER_H
#define TC_BUILDER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/format/record.h"

/* A fatal signal: fields of the head, of the record, and of the first thread. */
struct builder_crash {
	uint32_t signal, sender_pid, sender_uid, tid, flags;
	int64_t code;
	uint64_t address, start, end; /* of the mapping that holds the address */
	uint32_t access;
	const char *path; /* of it; NULL: empty */
	uint64_t below, above, handler;
	uint64_t sp, stack_start, stack_end;
};

struct builder {
	struct tc_records rec;
	uint64_t task; /* where the locals of the task written last start: its leaf, or itself */
	struct tc_sink sink; /* of rec */
	uint8_t *bytes;	     /* the file so far */
	size_t size, room;
	size_t tail; /* offset of the tail notes */
	/* As a later version might write it: so many words more at the end of each chunk's header,
	 * more tables among them; features of the head that a reader must know. */
	uint32_t more_words, more_tables;
	uint64_t features;
	/* The dump is of this; NULL: of no fatal signal. To be set before the head is written. */
	const struct builder_crash *crash;
	/* words that builder_word has defined */
	struct builder_word {
		char text[32];
		uint32_t id;
	} words[64];
	size_t n_words;
};

void builder_init(struct builder *b);
void builder_free(struct builder *b);

/* Make the checksum of a chunk of size bytes right. */
void builder_mend(uint8_t *chunk, size_t size);

/* The head: to be called first. A record of kind TC_REC_HEAD and n_threads threads, tid 100, 101
 * … */
void builder_head(struct builder *b, unsigned n_threads);
/* The status record with these counts, the last note, and the seal. */
void builder_seal(struct builder *b, uint64_t found, uint64_t torn, uint64_t cut);

/* Definitions; they return identifiers. */
uint32_t builder_string(struct builder *b, const char *text);
/* The same string for the same word: at most 31 bytes, and 64 words. */
uint32_t builder_word(struct builder *b, const char *word, size_t length);
uint32_t builder_type(struct builder *b, const char *name, const char *module, unsigned flags);
/* names: separated by blanks, "" for none. qualname may be NULL. */
uint32_t builder_code(struct builder *b, const char *qualname, const char *file, const char *names);
uint32_t builder_link(struct builder *b, uint32_t parent, unsigned kind, uint32_t code,
		      unsigned line);
uint32_t builder_loop(struct builder *b, uint64_t addr, const char *type);
uint32_t builder_interp(struct builder *b, uint32_t version);

/* A task at addr with this chain and leaf (its address, 0: none); all else plain. */
struct builder_task {
	uint64_t addr, leaf;
	const char *name; /* NULL: numbered, from the address */
	uint32_t type, loop, chain, flags;
};
void builder_task(struct builder *b, const struct builder_task *task);
/* The task's locals: one frame after the other with one slot each, a reference (0: none). */
void builder_locals(struct builder *b, const uint64_t *addrs, const uint32_t *types, size_t n);

/* An object with up to one attribute (name NULL: none) and items, all references of type
 * item_type. */
void builder_object(struct builder *b, uint64_t addr, uint32_t type, const char *attr,
		    uint64_t value, uint32_t value_type, const uint64_t *items, size_t n_items,
		    uint32_t item_type);

/* A descriptor. Texts may be NULL: empty. unread and unsent: + 1. */
struct builder_fd {
	uint32_t fd, type, family, socket_type, state, missing;
	const char *local, *peer, *what;
	uint64_t unread, unsent;
};
void builder_fd(struct builder *b, const struct builder_fd *fd);
/* An object with an int as attribute attr, and None as _sock where it is closed. */
void builder_transport(struct builder *b, uint64_t addr, uint32_t type, const char *attr,
		       int64_t fd, bool closed);

/* A whole little service into b, sealed: two loops (one blocked), tasks of many kinds, hostile
 * names. */
void builder_sample(struct builder *b);
/* A function with these names of its own, and names that it uses, separated by blanks; and the
 * end of them. */
void builder_function(struct builder *b, uint32_t code, unsigned flags, const char *keys,
		      const char *names);
void builder_heap(struct builder *b, unsigned flags);
/* n tasks that wait in Queue.put of one queue, which nobody else knows. */
void builder_orphans(struct builder *b, size_t n);
/* n tasks in the shape of a real service: groups of 600 chains, 4.67 frames on average, objects and
 * locals. */
void builder_many(struct builder *b, size_t n);

#endif
