/* SPDX-License-Identifier: Apache-2.0
 * Is the target still as it was when it was read? Pieces of it are read again, many in one system
 * call, so that they are only microseconds apart. The pages in the cache may be as far apart as the
 * whole walk. */
#define _GNU_SOURCE
#include <sys/uio.h>
#include <unistd.h>

#include "dumper/outside/mem_pid.h"

#define TOGETHER 64u
#define TOGETHER_BYTES (32u << 10)

/* The bytes that were read again. */
static uint8_t fresh[TOGETHER_BYTES];

static bool read_anew(struct tc_mem_pid *m, const struct tc_mem_piece *pieces, size_t n,
		      size_t total)
{
	struct iovec local = { fresh, total }, remote[TOGETHER];
	uint8_t *to = fresh;

	for (size_t i = 0; i < n; i++)
		remote[i] = (struct iovec){ (void *)(uintptr_t)pieces[i].from, pieces[i].size };
	if (m->pid)
		return process_vm_readv(m->pid, &local, 1, remote, n, 0) == (ssize_t)total;
	for (size_t i = 0; i < n; i++) {
		if (pread(m->fd, to, pieces[i].size, (off_t)pieces[i].from) !=
		    (ssize_t)pieces[i].size)
			return false;
		to += pieces[i].size;
	}
	return true;
}

/* How many pieces from the first on are read together. */
static size_t part_of(const struct tc_mem_piece *pieces, size_t n, size_t *ret_total)
{
	size_t i = 0;

	for (*ret_total = 0; i < n && i < TOGETHER; i++) {
		if (*ret_total + pieces[i].size > TOGETHER_BYTES)
			break;
		*ret_total += pieces[i].size;
	}
	return i;
}

/* The cached bytes at from, through the window (mem.h) of their page; NULL: the page is not
 * cached. */
static uint8_t *cached(struct tc_mem_pid *m, tc_addr from)
{
	const struct tc_window *window = &m->mem.windows[from >> 12 & (TC_WINDOWS - 1)];
	uint8_t byte;

	if (window->page != from >> 12 &&
	    (tc_try_read(&m->mem, from, &byte, 1) < 0 || window->page != from >> 12))
		return NULL;
	return (uint8_t *)(uintptr_t)window->bytes + (from & 4095);
}

static void put(struct tc_mem_pid *m, tc_addr from, const uint8_t *bytes, size_t size)
{
	while (size) {
		size_t part = 4096 - (from & 4095) < size ? 4096 - (from & 4095) : size;
		uint8_t *to = cached(m, from);
		if (to)
			memcpy(to, bytes, part);
		from += part;
		bytes += part;
		size -= part;
	}
}

/* Only pieces whose pages are cached are read again: others have no old bytes, and may not be
 * present. */
static void renew_part(struct tc_mem_pid *m, const struct tc_mem_piece *pieces, size_t n)
{
	struct tc_mem_piece part[TOGETHER];
	const uint8_t *from = fresh;
	size_t total = 0, n_part = 0;

	for (size_t i = 0; i < n; i++) {
		tc_addr last = pieces[i].from + pieces[i].size - 1;
		if (!cached(m, pieces[i].from))
			continue;
		part[n_part] = pieces[i];
		if (((pieces[i].from ^ last) & ~(tc_addr)4095) && !cached(m, last))
			part[n_part].size = 4096 - (pieces[i].from & 4095);
		total += part[n_part++].size;
	}
	if (n_part == 0 || !read_anew(m, part, n_part, total))
		return;
	for (size_t i = 0; i < n_part; from += part[i++].size)
		put(m, part[i].from, from, part[i].size);
}

void tc_mem_pid_renew(struct tc_mem *mem, const struct tc_mem_piece *pieces, size_t n)
{
	struct tc_mem_pid *m = (struct tc_mem_pid *)mem;
	size_t total, part;

	for (; n > 0 && !m->image && !m->mem.lost; n -= part, pieces += part) {
		part = part_of(pieces, n, &total);
		renew_part(m, pieces, part);
	}
}

void tc_mem_pid_same(struct tc_mem *mem, const struct tc_mem_piece *pieces, size_t n,
		     const uint8_t *known, bool *ret)
{
	struct tc_mem_pid *m = (struct tc_mem_pid *)mem;
	size_t total, part;

	for (; n > 0; n -= part, pieces += part) {
		const uint8_t *at = fresh;
		m->watch->beats++;
		part = part_of(pieces, n, &total);
		bool good = m->image || (!m->mem.lost && read_anew(m, pieces, part, total));
		for (size_t i = 0; i < part; at += pieces[i].size, known += pieces[i++].size)
			*ret++ = m->image || (good && memcmp(known, at, pieces[i].size) == 0);
		m->mem.bytes_read += total;
	}
}
