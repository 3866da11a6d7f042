/* SPDX-License-Identifier: Apache-2.0
 * Descriptors: addresses as text, facts kept, records written. */
#include "lib/process/fd_record.h"

#include <string.h>

#include "lib/base/safe.h"

void tc_fd_begin(struct tc_fd_facts *facts, uint32_t number)
{
	facts->fd = (struct tc_kept_fd){ .fd = number };
	tc_strbuf_init(&facts->local, facts->local_bytes, TC_FD_ADDRESS_SIZE);
	tc_strbuf_init(&facts->peer, facts->peer_bytes, TC_FD_ADDRESS_SIZE);
}

static void put_ipv4(struct tc_strbuf *to, const uint8_t bytes[4])
{
	for (int i = 0; i < 4; i++) {
		if (i)
			tc_strbuf_s(to, ".");
		tc_strbuf_u(to, bytes[i]);
	}
}

/* Find the longest run of at least two zero groups, the first of several equally long ones: its
 * length, and its first group in *ret_at; 0: there is none. */
static int find_zeros(const uint8_t bytes[16], int *ret_at)
{
	int best = 1;

	for (int i = 0, run = 0; i < 8; i++) {
		run = bytes[2 * i] || bytes[2 * i + 1] ? 0 : run + 1;
		if (run > best) {
			best = run;
			*ret_at = i + 1 - run;
		}
	}
	return best > 1 ? best : 0;
}

static void put_group(struct tc_strbuf *to, unsigned group)
{
	bool begun = false;

	for (int shift = 12; shift >= 0; shift -= 4) {
		unsigned digit = group >> shift & 15;
		begun = begun || digit || shift == 0;
		if (begun)
			tc_strbuf_bytes(to, &"0123456789abcdef"[digit], 1);
	}
}

/* The text form of RFC 5952. */
static void put_ipv6(struct tc_strbuf *to, const uint8_t bytes[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	int at = 8;
	int n = find_zeros(bytes, &at);

	if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		tc_strbuf_s(to, "::ffff:");
		put_ipv4(to, bytes + 12);
		return;
	}
	for (int i = 0; i < 8; i++) {
		if (n && i == at) {
			tc_strbuf_s(to, "::");
			i += n - 1;
			continue;
		}
		if (i && i != at + n)
			tc_strbuf_s(to, ":");
		put_group(to, (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1]);
	}
}

static void put_port(struct tc_strbuf *to, const void *port)
{
	const uint8_t *bytes = port; /* in network order */

	tc_strbuf_s(to, ":");
	tc_strbuf_u(to, (unsigned)bytes[0] << 8 | bytes[1]);
}

void tc_fd_put_ipv4(struct tc_strbuf *to, const uint8_t bytes[4], const void *port)
{
	put_ipv4(to, bytes);
	put_port(to, port);
}

void tc_fd_put_ipv6(struct tc_strbuf *to, const uint8_t bytes[16], uint32_t scope, const void *port)
{
	tc_strbuf_s(to, "[");
	put_ipv6(to, bytes);
	if (scope) {
		tc_strbuf_s(to, "%");
		tc_strbuf_u(to, scope);
	}
	tc_strbuf_s(to, "]");
	put_port(to, port);
}

void tc_fd_put_unix(struct tc_strbuf *to, const char *name, size_t size)
{
	tc_strbuf_s(to, "unix:");
	if (size && !name[0]) {
		tc_strbuf_s(to, "@");
		tc_strbuf_bytes(to, name + 1, size - 1);
	} else {
		const char *end = memchr(name, 0, size);
		tc_strbuf_bytes(to, name, end ? (size_t)(end - name) : size);
	}
}

static size_t size_of(const struct tc_strbuf *text)
{
	return (size_t)(text->at - text->start);
}

struct tc_kept_fd *tc_fd_keep(struct tc_arena *arena, const struct tc_fd_facts *facts)
{
	size_t local = size_of(&facts->local), peer = size_of(&facts->peer),
	       what = facts->fd.what_size;
	struct tc_kept_fd *fd = tc_arena_take(arena, sizeof(*fd) + local + peer + what);

	if (!fd)
		return NULL;
	*fd = facts->fd;
	fd->local_size = (uint8_t)local;
	fd->peer_size = (uint8_t)peer;
	char *text = tc_fd_text(fd);
	memcpy(text, facts->local_bytes, local);
	memcpy(text + local, facts->peer_bytes, peer);
	memcpy(text + local + peer, facts->what, what);
	return fd;
}

void tc_fd_put_record(struct tc_records *rec, const struct tc_kept_fd *fd)
{
	const char *local = tc_fd_text(fd), *peer = local + fd->local_size,
		   *what = peer + fd->peer_size;

	tc_record_begin(rec, TC_REC_FD);
	tc_put_u(rec, fd->fd);
	tc_put_u(rec, fd->type);
	tc_put_u(rec, fd->family);
	tc_put_u(rec, fd->socket_type);
	tc_put_b(rec, local, fd->local_size);
	tc_put_b(rec, peer, fd->peer_size);
	tc_put_u(rec, fd->unread);
	tc_put_u(rec, fd->unsent);
	tc_put_b(rec, what, fd->what_size);
	tc_put_u(rec, fd->state);
	tc_put_u(rec, fd->missing);
	tc_record_end(rec);
}
