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
	/* Take one whole chunk of size bytes, header included, as a note of type note. The chunk is
	 * valid during the call only, but for the head chunk (head_records.h). 0 or -TC_EWRITE. */
	int (*chunk)(struct tc_sink *sink, enum tc_note note, const void *chunk, size_t size);
};

/* Fields that are written as the difference to the value before (format.md section 5). */
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
	/* bytes of the chunk that is being filled, its header included */
	size_t used;
	size_t start; /* where the record that is being written begins */
	bool open; /* a record is being written */
	/* the record that is being written does not fit: it will be dropped */
	bool overflow;
	uint32_t next_id[TC_N_TABLES]; /* next identifier of each table */
	uint64_t previous[TC_N_STREAMS];
	/* previous[] when the record began: restored if it is dropped */
	uint64_t kept[TC_N_STREAMS];
	struct tc_chunk head;
	struct tc_sink *sink;
	uint64_t dropped; /* records that did not fit */
	int error;	  /* first error of the sink; nothing is written after it */
};

#define TC_RECORDS_FLUSH (1u << 20) /* bytes; a chunk that reaches this is closed */
#define TC_RECORDS_BUFFER (TC_RECORDS_FLUSH + TC_RECORD_MAX + 64) /* size of buf */

/* Start an empty series of chunks whose first has sequence number seq. buf has TC_RECORDS_BUFFER
 * bytes; buf and sink stay the caller's, and are used until the last flush. */
void tc_records_init(struct tc_records *rec, void *buf, struct tc_sink *sink, uint32_t seq);

/* One record: begin, put its fields in order, end. A record that defines an entry of a table must
 * be ended before one that uses the entry begins. tc_record_end returns 0, -TC_EBOUND (the record
 * is too long: dropped and counted) or -TC_EWRITE. */
void tc_record_begin(struct tc_records *rec, enum tc_rec kind);
int tc_record_end(struct tc_records *rec);

/* End a record that defines an entry of a table: *ret_id gets its identifier. Returns as
 * tc_record_end; *ret_id is not set when the record was dropped. */
int tc_record_define(struct tc_records *rec, enum tc_table table, uint32_t *ret_id);

/* Whoever was writing a record will not end it, because a fault has ended him: drop it. */
void tc_records_drop(struct tc_records *rec);

void tc_put_long(struct tc_records *rec, uint64_t value); /* tc_put_u of a value of any size */

/* Unsigned LEB128; most values take one byte. */
static inline void tc_put_u(struct tc_records *rec, uint64_t value)
{
	if (value < 128 && rec->used - rec->start < TC_RECORD_MAX - 16 && !rec->overflow)
		rec->buf[rec->used++] = (uint8_t)value;
	else
		tc_put_long(rec, value);
}

/* To write several fields at once: the address where at most size bytes may be written; NULL: they
 * do not fit, and the record will be dropped. Then call tc_put_end with the end of what was
 * written. */
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

/* Write what tc_put_u or tc_put_s would to the address to: at most TC_LEB_MAX bytes. Returns the
 * end. */
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

void tc_put_s(struct tc_records *rec, int64_t value); /* signed: zigzag, then LEB128 */
/* difference to the last one of the stream */
void tc_put_d(struct tc_records *rec, enum tc_stream stream, uint64_t addr);

/* Let the next tc_put_d of the stream write the difference to addr. */
void tc_record_near(struct tc_records *rec, enum tc_stream stream, uint64_t addr);

void tc_put_b(struct tc_records *rec, const void *bytes, size_t size);	 /* length and bytes */
void tc_put_raw(struct tc_records *rec, const void *bytes, size_t size); /* bytes alone */

/* Close the chunk and give it to the sink as a note of type note; a chunk without records is not
 * given. 0, or the sink's error, now and at each later call. */
int tc_records_flush(struct tc_records *rec, enum tc_note note);

/* Give a chunk that another tc_records has made to rec's sink, as the next one of rec: its sequence
 * number and bases are changed in place. rec's own records are flushed first. next_id: the
 * identifiers that the other one would have given next; rec goes on from there. 0 or -TC_EWRITE. */
int tc_records_pass(struct tc_records *rec, void *chunk, size_t size,
		    const uint32_t next_id[TC_N_TABLES]);

#endif
