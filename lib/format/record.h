/* SPDX-License-Identifier: Apache-2.0
 * Writing records (docs/format.md sections 4 to 12) into chunks. Everything here may run in a
 * signal handler. */
#ifndef TC_RECORD_H
#define TC_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/format/format.h"

/* Where finished chunks go. */
struct tc_sink {
	/* Take one whole chunk (header included) of size bytes as a note of type note. 0 or
	 * -TC_EWRITE. */
	int (*chunk)(struct tc_sink *sink, enum tc_note note, const void *chunk, size_t size);
};

enum tc_stream {
	TC_STREAM_TASK,
	TC_STREAM_OBJECT,
	TC_STREAM_NAME,
	TC_STREAM_CONTEXT,
	TC_STREAM_REF,
	TC_N_STREAMS
};

struct tc_records {
	uint8_t *buf;		       /* TC_RECORDS_BUFFER bytes, the caller's */
	size_t used;		       /* bytes of the chunk under way, its header included */
	size_t start;		       /* of the record under way */
	bool overflow;		       /* the record under way does not fit: it will be dropped */
	uint32_t next_id[TC_N_TABLES]; /* next identifier of each table */
	uint64_t previous[TC_N_STREAMS];
	uint64_t kept[TC_N_STREAMS]; /* the same when the record under way began: put back if it is
					dropped */
	struct tc_chunk head;
	struct tc_sink *sink;
	uint64_t dropped; /* records that did not fit */
	int error;	  /* first error of the sink; nothing is written after it */
};

#define TC_RECORDS_FLUSH (1u << 20) /* a chunk is closed when it is so long */
#define TC_RECORDS_BUFFER (TC_RECORDS_FLUSH + TC_RECORD_MAX + 64) /* what *buf must hold */

/* Start an empty series of chunks with sequence number seq. buf holds TC_RECORDS_BUFFER bytes. */
void tc_records_init(struct tc_records *rec, void *buf, struct tc_sink *sink, uint32_t seq);

/* One record: begin, put its fields in order, end. Definitions of tables must be ended before a
 * record that uses them begins. tc_record_end returns 0, -TC_EBOUND (too long: dropped and counted)
 * or -TC_EWRITE. */
void tc_record_begin(struct tc_records *rec, enum tc_rec kind);
int tc_record_end(struct tc_records *rec);

/* The same for a record that defines an entry of a table: ret_id gets its identifier. */
int tc_record_define(struct tc_records *rec, enum tc_table table, uint32_t *ret_id);

void tc_put_long(struct tc_records *rec, uint64_t value); /* tc_put_u of a value of any size */

/* Unsigned LEB128; most values take one byte. */
static inline void tc_put_u(struct tc_records *rec, uint64_t value)
{
	if (value < 128 && rec->used - rec->start < TC_RECORD_MAX - 16 && !rec->overflow)
		rec->buf[rec->used++] = (uint8_t)value;
	else
		tc_put_long(rec, value);
}

/* For several fields at once: where to write size bytes at most; NULL: they do not fit, and the
 * record is dropped. What was written ends at end. */
static inline uint8_t *tc_put_begin(struct tc_records *rec, size_t size)
{
	if (rec->overflow || rec->used - rec->start + size > TC_RECORD_MAX - 16) {
		rec->overflow = true;
		return NULL;
	}
	return rec->buf + rec->used;
}

static inline void tc_put_end(struct tc_records *rec, const uint8_t *end)
{
	rec->used = (size_t)(end - rec->buf);
}

/* Into such a place: tc_put_u, tc_put_s; at most TC_LEB_MAX bytes each. Returns the end. */
#define TC_LEB_MAX 10
static inline uint8_t *tc_leb_u(uint8_t *to, uint64_t value)
{
	while (value > 127) {
		*to++ = (uint8_t)(value | 128);
		value >>= 7;
	}
	*to++ = (uint8_t)value;
	return to;
}

static inline uint8_t *tc_leb_s(uint8_t *to, int64_t value)
{
	return tc_leb_u(to, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

void tc_put_s(struct tc_records *rec, int64_t value);			     /* zigzag */
void tc_put_d(struct tc_records *rec, enum tc_stream stream, uint64_t addr); /* difference */
void tc_put_f(struct tc_records *rec, double value);

/* The next address of the stream is near this one. */
void tc_record_near(struct tc_records *rec, enum tc_stream stream, uint64_t addr);

void tc_put_b(struct tc_records *rec, const void *bytes, size_t size);	 /* length and bytes */
void tc_put_raw(struct tc_records *rec, const void *bytes, size_t size); /* bytes alone */

/* Close the chunk under way and hand it to the sink as a note of type note; nothing when it holds
 * no record. */
int tc_records_flush(struct tc_records *rec, enum tc_note note);

/* Hand a chunk of another series, which nobody else uses, to rec's sink as the next one of rec;
 * next_id is where that series stood in the end: rec goes on from there. What rec holds itself is
 * flushed before. */
int tc_records_pass(struct tc_records *rec, void *chunk, size_t size,
		    const uint32_t next_id[TC_N_TABLES]);

#endif
