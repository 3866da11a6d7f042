/* SPDX-License-Identifier: Apache-2.0
 * The encoder of docs/format.md sections 4 and 5. */
#include "lib/format/record.h"

#include <string.h>

#include "lib/format/crc32c.h"
#include "lib/base/safe.h"

static void begin_chunk(struct tc_records *rec)
{
	rec->used = sizeof(struct tc_chunk);
	rec->head.n_records = 0;
	memcpy(rec->head.base, rec->next_id, sizeof(rec->head.base));
	memset(rec->previous, 0, sizeof(rec->previous));
}

void tc_records_init(struct tc_records *rec, void *buf, struct tc_sink *sink, uint32_t seq)
{
	memset(rec, 0, sizeof(*rec));
	rec->buf = buf;
	rec->sink = sink;
	rec->head.version = TC_FORMAT_VERSION;
	rec->head.header_size = sizeof(rec->head);
	rec->head.n_tables = TC_N_TABLES;
	rec->head.seq = seq;
	for (int t = 0; t < TC_N_TABLES; t++)
		rec->next_id[t] = 1;
	begin_chunk(rec);
}

/* The length is written before the payload but is known only after it. One byte is left for it,
 * which is enough for nearly all records; for the others the payload is moved. The buffer has room
 * for that beyond the longest record. */
#define LENGTH_ROOM 1

void tc_record_begin(struct tc_records *rec, enum tc_rec kind)
{
	rec->start = rec->used;
	rec->open = true;
	rec->overflow = false;
	memcpy(rec->kept, rec->previous, sizeof(rec->kept));
	rec->kept[TC_STREAM_REF] = rec->previous[TC_STREAM_REF] = 0;
	rec->buf[rec->used++] = (uint8_t)kind; /* all kinds are below 128 */
	rec->used += LENGTH_ROOM;
}

void tc_records_drop(struct tc_records *rec)
{
	if (!rec->open)
		return;
	rec->open = false;
	rec->used = rec->start;
	memcpy(rec->previous, rec->kept, sizeof(rec->kept));
	rec->dropped++;
}

int tc_record_end(struct tc_records *rec)
{
	uint8_t *length = rec->buf + rec->start + 1, *payload = length + LENGTH_ROOM;
	size_t size = rec->used - rec->start - 1 - LENGTH_ROOM;
	size_t more = (size > 127) + (size > 16383);

	if (rec->overflow || rec->error) {
		tc_records_drop(rec);
		return rec->error ? rec->error : -TC_EBOUND;
	}
	if (more)
		memmove(payload + more, payload, size);
	tc_leb_u(length, size);
	rec->used += more;
	rec->head.n_records++;
	rec->open = false;
	if (rec->used >= TC_RECORDS_FLUSH)
		return tc_records_flush(rec, TC_NOTE_RECORDS);
	return 0;
}

int tc_record_define(struct tc_records *rec, enum tc_table table, uint32_t *ret_id)
{
	uint32_t id = rec->next_id[table]++;
	int r = tc_record_end(rec);

	if (r < 0 && !(r == -TC_EWRITE))
		rec->next_id[table]--; /* dropped: the identifier stays free */
	else
		*ret_id = id;
	return r;
}

static inline uint8_t *room(struct tc_records *rec, size_t size)
{
	if (rec->overflow || size > TC_RECORD_MAX ||
	    rec->used - rec->start + size > TC_RECORD_MAX - 1 - LENGTH_ROOM) {
		rec->overflow = true;
		return NULL;
	}
	uint8_t *p = rec->buf + rec->used;
	rec->used += size;
	return p;
}

void tc_put_long(struct tc_records *rec, uint64_t value)
{
	uint8_t *p = room(rec, TC_LEB_MAX); /* what is not used is given back */

	if (p)
		rec->used = (size_t)(tc_leb_u(p, value) - rec->buf);
}

void tc_put_s(struct tc_records *rec, int64_t value)
{
	tc_put_u(rec, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

void tc_put_d(struct tc_records *rec, enum tc_stream stream, uint64_t addr)
{
	tc_put_s(rec, (int64_t)(addr - rec->previous[stream]));
	rec->previous[stream] = addr;
}

void tc_record_near(struct tc_records *rec, enum tc_stream stream, uint64_t addr)
{
	rec->previous[stream] = addr;
}

void tc_put_b(struct tc_records *rec, const void *bytes, size_t size)
{
	tc_put_u(rec, size);
	tc_put_raw(rec, bytes, size);
}

void tc_put_raw(struct tc_records *rec, const void *bytes, size_t size)
{
	uint8_t *p = room(rec, size);

	if (p && size)
		memcpy(p, bytes, size);
}

/* Put the header before the records of a chunk of size bytes. */
static void put_header(uint8_t *chunk, size_t size, struct tc_chunk *head)
{
	memcpy(chunk, head, sizeof(*head));
	head->crc = tc_crc32c(chunk + TC_CHUNK_SUMMED, size - TC_CHUNK_SUMMED);
	memcpy(chunk, &head->crc, sizeof(head->crc)); /* the first field */
}

int tc_records_flush(struct tc_records *rec, enum tc_note note)
{
	if (rec->error)
		return rec->error;
	if (rec->head.n_records == 0)
		return 0;
	put_header(rec->buf, rec->used, &rec->head);
	int r = rec->sink->chunk(rec->sink, note, rec->buf, rec->used);
	if (r < 0)
		rec->error = r;
	rec->head.seq++;
	begin_chunk(rec);
	return r;
}

int tc_records_pass(struct tc_records *rec, void *chunk, size_t size,
		    const uint32_t next_id[TC_N_TABLES])
{
	int r = tc_records_flush(rec, TC_NOTE_RECORDS);
	struct tc_chunk head;

	if (r < 0)
		return r;
	memcpy(&head, chunk, sizeof(head));
	head.seq = rec->head.seq++;
	put_header(chunk, size, &head);
	memcpy(rec->next_id, next_id, sizeof(rec->next_id));
	memcpy(rec->head.base, next_id, sizeof(rec->head.base));
	return rec->sink->chunk(rec->sink, TC_NOTE_RECORDS, chunk, size);
}
