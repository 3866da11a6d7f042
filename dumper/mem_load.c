/* SPDX-License-Identifier: Apache-2.0
 * Loads pages of another process into the cache of mem_pid.c: present ones from its memory in one system call, the
 * others, when they are needed, from the mapped file or as zeros, so that none becomes present by our reading. */
#define _GNU_SOURCE
#include "mem_pid.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u
#define IOVS_MAX (TC_PLAN_MAX * 8) /* a slot has at most 8 runs of pages */
/* Bits of /proc/PID/pagemap: Linux Documentation/admin-guide/mm/pagemap.rst. */
#define PRESENT (1ull << 63)
#define SWAPPED (1ull << 62)
#define WAITS_MAX 200 /* a page under migration looks swapped for some microseconds */

static uint8_t *slot_data(struct tc_mem_pid *m, uint32_t slot)
{
	return m->data + (size_t)slot * TC_SLOT_SIZE;
}

static void lose(struct tc_mem_pid *m)
{
	m->mem.lost = true;
	tc_mem_pid_drop(m);
}

bool tc_mem_fd_alive(int fd, tc_addr known)
{
	char byte;

	/* A dead address space reads as 0 bytes, whatever the address; a bad address of a living one as EIO. */
	return pread(fd, &byte, 1, (off_t)(known ? known : PAGE)) != 0;
}

bool tc_mem_pid_alive(struct tc_mem_pid *m, tc_addr known)
{
	if (!m->mem.lost && !tc_mem_fd_alive(m->fd, known))
		lose(m);
	return !m->mem.lost;
}

/* Sort the wanted pages of a request into present ones (returned) and absent ones; swapped ones are bad. */
static uint16_t look_up(struct tc_mem_pid *m, struct tc_request *req)
{
	struct tc_slot *slot = &m->slots[req->slot];
	uint64_t entries[TC_SLOT_PAGES];
	uint64_t first = slot->key * TC_SLOT_PAGES;
	uint16_t present = 0;

	if (m->pagemap < 0)
		return req->want;
	unsigned low = (unsigned)__builtin_ctz(req->want), high = 31u - (unsigned)__builtin_clz(req->want);
	ssize_t n = pread(m->pagemap, entries + low, (high - low + 1) * 8, (off_t)((first + low) * 8));
	if (n == 0)
		lose(m);
	if (n <= 0)
		return 0;
	for (unsigned p = low; p <= high; p++) {
		uint16_t bit = (uint16_t)(1u << p);
		if (!(req->want & bit) || p >= low + (unsigned)n / 8)
			continue;
		if (entries[p] & PRESENT) {
			present |= bit;
		} else if (!(entries[p] & SWAPPED)) {
			req->absent |= bit;
		} else if (req->must & bit && m->n_waits < WAITS_MAX) {
			struct timespec wait = { .tv_nsec = 50000 };
			m->n_waits++;
			nanosleep(&wait, NULL);
			return look_up(m, req);
		} else if (req->must & bit) {
			slot->bad |= bit;
			m->mem.pages_swapped++;
		}
	}
	return present;
}

/* Without process_vm_readv: one call per run of pages. */
static ssize_t read_by_mem(struct tc_mem_pid *m, const struct iovec *local, const struct iovec *remote, int n)
{
	ssize_t sum = 0;

	for (int i = 0; i < n; i++) {
		ssize_t r = pread(m->fd, local[i].iov_base, local[i].iov_len, (off_t)(uintptr_t)remote[i].iov_base);
		if (r == 0)
			lose(m);
		if (r <= 0)
			return sum ? sum : -1;
		sum += r;
		if ((size_t)r < local[i].iov_len)
			break;
	}
	return sum;
}

static ssize_t read_some(struct tc_mem_pid *m, const struct iovec *local, const struct iovec *remote, int n)
{
	if (m->pid) {
		ssize_t r = process_vm_readv(m->pid, local, (unsigned long)n, remote, (unsigned long)n, 0);
		if (r >= 0 || errno == EFAULT)
			return r;
		if (errno == ESRCH)
			return -1;
		m->pid = 0; /* forbidden, or unknown to this kernel: the descriptor is allowed, it was opened */
	}
	return read_by_mem(m, local, remote, n);
}

static void mark(struct tc_mem_pid *m, const struct iovec *remote, size_t offset, size_t size, bool good)
{
	uintptr_t addr = (uintptr_t)remote->iov_base + offset;

	for (uintptr_t at = addr; at < addr + size; at += PAGE) {
		for (unsigned i = 0; i < m->n_plan; i++) {
			struct tc_slot *slot = &m->slots[m->plan[i].slot];
			if (slot->key != at >> TC_SLOT_BITS)
				continue;
			uint16_t bit = (uint16_t)(1u << (at >> 12 & 15));
			*(good ? &slot->valid : &slot->bad) |= bit;
			break;
		}
	}
}

/* The slow path of a batch that met a page it could not read: each page by itself. */
static void read_singly(struct tc_mem_pid *m, const struct iovec *local, const struct iovec *remote, int n)
{
	for (int i = 0; i < n && !m->mem.lost; i++)
		for (size_t at = 0; at < local[i].iov_len; at += PAGE) {
			struct iovec to = { (uint8_t *)local[i].iov_base + at, PAGE };
			struct iovec from = { (uint8_t *)remote[i].iov_base + at, PAGE };
			bool good = read_some(m, &to, &from, 1) == PAGE;
			mark(m, &from, 0, PAGE, good);
			m->mem.bytes_read += good ? PAGE : 0;
		}
}

/* Copy the present pages; ret_known is an address that was read. */
static void read_present(struct tc_mem_pid *m, const uint16_t *present, tc_addr *ret_known)
{
	struct iovec local[IOVS_MAX], remote[IOVS_MAX];
	int n = 0;
	size_t total = 0;

	for (unsigned i = 0; i < m->n_plan; i++) {
		const struct tc_slot *slot = &m->slots[m->plan[i].slot];
		unsigned mask = present[i];
		while (mask) {
			unsigned first = (unsigned)__builtin_ctz(mask);
			unsigned run = (unsigned)__builtin_ctz(~(mask >> first));
			size_t offset = first * PAGE;
			local[n] = (struct iovec){ slot_data(m, m->plan[i].slot) + offset, run * PAGE };
			remote[n] = (struct iovec){ (void *)(uintptr_t)((slot->key << TC_SLOT_BITS) + offset),
						    run * PAGE };
			total += run * PAGE;
			n++;
			mask &= ~(((1u << run) - 1) << first);
		}
	}
	if (n == 0)
		return;
	*ret_known = (tc_addr)(uintptr_t)remote[0].iov_base;
	if (read_some(m, local, remote, n) != (ssize_t)total) {
		read_singly(m, local, remote, n);
		return;
	}
	m->mem.bytes_read += total;
	for (unsigned i = 0; i < m->n_plan; i++)
		m->slots[m->plan[i].slot].valid |= present[i];
}

static int open_regular(int dir, const char *path)
{
	struct stat st;
	int fd = openat(dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool is_same_file(int fd, const struct tc_region *region)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_ino != region->inode)
		return false;
	uint64_t dev = (uint64_t)major(st.st_dev) << 32 | minor(st.st_dev);
	/* btrfs shows another anonymous device in maps than in stat: both have major 0. */
	return dev == region->dev || (major(st.st_dev) == 0 && region->dev >> 32 == 0);
}

static int open_region_file(struct tc_mem_pid *m, const struct tc_region *region)
{
	char path[4200];

	snprintf(path, sizeof(path), "map_files/%" PRIx64 "-%" PRIx64, region->start, region->end);
	int fd = open_regular(m->dir, path);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "root%s", region->path);
	fd = open_regular(m->dir, path);
	if (fd < 0)
		fd = open_regular(AT_FDCWD, region->path);
	if (fd >= 0 && !is_same_file(fd, region)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The file of a region, opened once; -1: not to be had. */
static int region_fd(struct tc_mem_pid *m, const struct tc_region *region)
{
	for (unsigned i = 0; i < m->n_files; i++)
		if (m->files[i].dev == region->dev && m->files[i].inode == region->inode)
			return m->files[i].fd;
	if (m->n_files == TC_FILES_MAX) {
		if (m->files[0].fd >= 0)
			close(m->files[0].fd);
		memmove(m->files, m->files + 1, sizeof(m->files) - sizeof(m->files[0]));
		m->n_files--;
	}
	struct tc_mapped_file *file = &m->files[m->n_files++];
	*file = (struct tc_mapped_file){ region->dev, region->inode, -1 };
	if (region->path[0] == '/')
		file->fd = open_region_file(m, region);
	return file->fd;
}

/* Fill one page that is not present in the target. False: it cannot be told what it would read as. */
static bool fill_absent(struct tc_mem_pid *m, tc_addr addr, uint8_t *to)
{
	const struct tc_region *region = m->maps ? tc_maps_find(m->maps, addr) : NULL;

	if (!region || !(region->prot & TC_PROT_READ))
		return false;
	if (!region->inode) {
		if (region->shared)
			return false;
		memset(to, 0, PAGE);
		return true;
	}
	int fd = region_fd(m, region);
	ssize_t n = fd < 0 ? -1 : pread(fd, to, PAGE, (off_t)(region->offset + (addr - region->start)));
	if (n <= 0)
		return false;
	memset(to + n, 0, PAGE - (size_t)n);
	return true;
}

static void fill_request(struct tc_mem_pid *m, struct tc_request *req)
{
	struct tc_slot *slot = &m->slots[req->slot];

	for (unsigned p = 0; p < TC_SLOT_PAGES; p++) {
		uint16_t bit = (uint16_t)(1u << p);
		if (!(req->absent & req->must & bit))
			continue;
		m->watch->beats++;
		tc_addr addr = (slot->key << TC_SLOT_BITS) + p * PAGE;
		bool good = fill_absent(m, addr, slot_data(m, req->slot) + p * PAGE);
		*(good ? &slot->valid : &slot->bad) |= bit;
	}
}

void tc_mem_pid_load(struct tc_mem_pid *m)
{
	uint16_t present[TC_PLAN_MAX];
	tc_addr known = 0;

	if (m->n_plan == 0)
		return;
	m->watch->beats++;
	for (unsigned i = 0; i < m->n_plan; i++)
		present[i] = m->plan[i].want && !m->mem.lost ? look_up(m, &m->plan[i]) : 0;
	if (!m->mem.lost)
		read_present(m, present, &known);
	/* What process_vm_readv gave may belong to a new program in the same process: ask the descriptor. */
	if (known && m->pid)
		tc_mem_pid_alive(m, known);
	for (unsigned i = 0; i < m->n_plan && !m->mem.lost; i++)
		fill_request(m, &m->plan[i]);
	for (unsigned i = 0; i < m->n_plan; i++)
		m->slots[m->plan[i].slot].pinned = false;
	m->n_plan = 0;
	if (m->watch->released)
		m->mem.live = true;
}
