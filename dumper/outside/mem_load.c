/* SPDX-License-Identifier: Apache-2.0
 * Loads pages of another process into the cache of mem_pid.h. Pages that are present are copied in
 * one system call. Other pages that are needed come from the mapped file or are zeros: reading them
 * from the process would make them present. */
#define _GNU_SOURCE
#include "dumper/outside/mem_pid.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "lib/sys/sys.h"

#define PAGE 4096u
#define IOVS_MAX (TC_PLAN_MAX * 2) /* a slot has at most 2 runs of pages */
/* Bits of /proc/PID/pagemap: Linux Documentation/admin-guide/mm/pagemap.rst. */
#define PRESENT (1ull << 63)
#define SWAPPED (1ull << 62)
#define WAITS_MAX 200 /* so often in all: see wait_for_page */

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

	/* A dead address space reads as 0 bytes, whatever the address; a bad address of a living
	 * one as EIO. */
	return pread(fd, &byte, 1, (off_t)(known ? known : PAGE)) != 0;
}

bool tc_mem_pid_alive(struct tc_mem_pid *m, tc_addr known)
{
	if (!m->mem.lost && !tc_mem_fd_alive(m->fd, known))
		lose(m);
	return !m->mem.lost;
}

/* A page that looks swapped out may only be under migration, for some microseconds: look again.
 * Returns its present pagemap entry. */
static uint64_t wait_for_page(struct tc_mem_pid *m, uint64_t page, uint64_t entry)
{
	struct timespec wait = { .tv_nsec = 50000 };

	for (int i = 0; i < 4 && !(entry & PRESENT) && entry & SWAPPED && m->n_waits < WAITS_MAX;
	     i++) {
		m->n_waits++;
		nanosleep(&wait, NULL);
		if (pread(m->pagemap, &entry, sizeof(entry), (off_t)(page * sizeof(entry))) !=
		    sizeof(entry))
			return 0;
	}
	return entry;
}

/* Divide the wanted pages of a request into present, absent (neither present nor swapped), and bad
 * (swapped out). */
static void sort_pages(struct tc_mem_pid *m, struct tc_load_request *req, const uint64_t *entries,
		       unsigned n)
{
	struct tc_slot *slot = &m->slots[req->slot];

	for (unsigned p = 0; p < n; p++) {
		uint8_t bit = (uint8_t)(1u << p);
		uint64_t entry = entries[p];
		if (!(req->want & bit))
			continue;
		if (req->must & bit)
			entry = wait_for_page(m, slot->key * TC_SLOT_PAGES + p, entry);
		if (entry & PRESENT) {
			req->present |= bit;
		} else if (!(entry & SWAPPED)) {
			req->absent |= bit;
		} else if (req->must & bit) {
			slot->bad |= bit;
			m->mem.pages_swapped++;
		}
	}
}

/* May the target write to something in the slot of key? */
static bool is_writable(const struct tc_mem_pid *m, uint64_t key)
{
	tc_addr addr = key << TC_SLOT_BITS;

	for (unsigned p = 0; p < TC_SLOT_PAGES; p++) {
		const struct tc_region *region = tc_maps_find(m->maps, addr + p * PAGE);
		if (region && region->prot & TC_PROT_WRITE)
			return true;
	}
	return false;
}

/* Ask which pages are present, in one call for all requests from i on whose slots follow each
 * other. Returns how many these are. */
static unsigned look_up(struct tc_mem_pid *m, unsigned i)
{
	uint64_t entries[TC_PLAN_MAX * TC_SLOT_PAGES];
	uint64_t key = m->slots[m->plan[i].slot].key;
	unsigned n = 1;

	if (m->pagemap < 0) {
		m->plan[i].present = m->plan[i].want;
		return 1;
	}
	while (i + n < m->n_plan && !m->image && m->slots[m->plan[i + n].slot].key == key + n)
		n++;
	if (m->image && is_writable(m, key)) {
		m->plan[i].absent = m->plan[i].want; /* what is not in the image was not there */
		return 1;
	}
	ssize_t size =
		pread(m->pagemap, entries, n * TC_SLOT_PAGES * 8, (off_t)(key * TC_SLOT_PAGES * 8));
	/* this kernel tells nothing about pages: load only what is needed */
	if (size <= 0 && tc_mem_pid_alive(m, 0)) {
		m->pagemap = -1;
		m->plan[i].present = m->plan[i].must;
		return 1;
	}
	unsigned got = size < 0 ? 0 : (unsigned)size / 8;
	for (unsigned k = 0; k < n && k * TC_SLOT_PAGES < got; k++) {
		unsigned left = got - k * TC_SLOT_PAGES;
		sort_pages(m, &m->plan[i + k], entries + k * TC_SLOT_PAGES,
			   left < TC_SLOT_PAGES ? left : TC_SLOT_PAGES);
	}
	return n;
}

/* Ranges of our memory and of the target's, the same bytes in the same order. */
struct ranges {
	struct iovec local[IOVS_MAX], remote[IOVS_MAX];
	int n_local, n_remote;
	size_t total;
};

/* Without process_vm_readv: one call for each range of the target. */
static ssize_t read_by_mem(struct tc_mem_pid *m, const struct ranges *p)
{
	ssize_t sum = 0;

	for (int i = 0, l = 0; i < p->n_remote; i++) {
		size_t size = 0;
		int n = 0;
		while (size < p->remote[i].iov_len)
			size += p->local[l + n++].iov_len;
		ssize_t r = preadv(m->fd, &p->local[l], n, (off_t)(uintptr_t)p->remote[i].iov_base);
		if (r == 0)
			lose(m);
		if (r > 0)
			sum += r;
		if (r != (ssize_t)size)
			break;
		l += n;
	}
	return sum;
}

static ssize_t read_ranges(struct tc_mem_pid *m, const struct ranges *p)
{
	if (m->pid) {
		ssize_t r = process_vm_readv(m->pid, p->local, (unsigned long)p->n_local, p->remote,
					     (unsigned long)p->n_remote, 0);
		if (r >= 0 || errno == EFAULT || errno == ESRCH)
			return r;
		/* forbidden, or not in this kernel; the descriptor may be used, because it could be
		 * opened */
		m->pid = 0;
	}
	return read_by_mem(m, p);
}

/* Add pages of a slot. Pages that follow the last ones in the target's memory make its last range
 * longer. */
static void add_range(struct tc_mem_pid *m, struct ranges *p, uint32_t slot, unsigned page,
		      unsigned n)
{
	uintptr_t addr = (m->slots[slot].key << TC_SLOT_BITS) + page * PAGE;
	struct iovec *last = p->n_remote ? &p->remote[p->n_remote - 1] : NULL;

	p->local[p->n_local++] = (struct iovec){ slot_data(m, slot) + page * PAGE, n * PAGE };
	if (last && (uintptr_t)last->iov_base + last->iov_len == addr)
		last->iov_len += n * PAGE;
	else
		p->remote[p->n_remote++] = (struct iovec){ (void *)addr, n * PAGE };
	p->total += n * PAGE;
}

/* Some page of the batch could not be read: read each page by itself. */
static void read_singly(struct tc_mem_pid *m)
{
	for (unsigned i = 0; i < m->n_plan; i++) {
		struct tc_load_request *req = &m->plan[i];
		for (unsigned p = 0; p < TC_SLOT_PAGES && !m->mem.lost; p++) {
			struct ranges one = { .n_local = 0 };
			if (!(req->present >> p & 1))
				continue;
			add_range(m, &one, req->slot, p, 1);
			bool good = read_ranges(m, &one) == PAGE;
			*(good ? &m->slots[req->slot].valid : &m->slots[req->slot].bad) |=
				(uint8_t)(1u << p);
			m->mem.bytes_read += good ? PAGE : 0;
		}
	}
}

/* Copy the present pages. The address of one of them, 0 when there is none. */
static tc_addr read_present(struct tc_mem_pid *m)
{
	struct ranges all;

	all.n_local = all.n_remote = 0;
	all.total = 0;
	for (unsigned i = 0; i < m->n_plan; i++) {
		unsigned mask = m->plan[i].present;
		while (mask) {
			unsigned first = (unsigned)__builtin_ctz(mask);
			unsigned run = (unsigned)__builtin_ctz(~(mask >> first));
			add_range(m, &all, m->plan[i].slot, first, run);
			mask &= ~(((1u << run) - 1) << first);
		}
	}
	if (all.total == 0)
		return 0;
	if (read_ranges(m, &all) != (ssize_t)all.total) {
		read_singly(m);
		return (tc_addr)(uintptr_t)all.remote[0].iov_base;
	}
	m->mem.bytes_read += all.total;
	for (unsigned i = 0; i < m->n_plan; i++)
		m->slots[m->plan[i].slot].valid |= m->plan[i].present;
	return (tc_addr)(uintptr_t)all.remote[0].iov_base;
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

/* The file of a region, opened once; -1: it cannot be opened. */
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

/* Fill a page that is not present in the target with what the target would read there. False: that
 * is not known. */
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
	ssize_t n =
		fd < 0 ? -1 : pread(fd, to, PAGE, (off_t)(region->offset + (addr - region->start)));
	if (n <= 0)
		return false;
	memset(to + n, 0, PAGE - (size_t)n);
	return true;
}

static void fill_request(struct tc_mem_pid *m, struct tc_load_request *req)
{
	struct tc_slot *slot = &m->slots[req->slot];

	for (unsigned p = 0; p < TC_SLOT_PAGES; p++) {
		uint8_t bit = (uint8_t)(1u << p);
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
	tc_addr known = 0;

	if (m->n_plan == 0)
		return;
	m->watch->beats++;
	if (m->image_at_ns && tc_sys_clock_ns(CLOCK_MONOTONIC) >= m->image_at_ns) {
		m->image_at_ns = 0;
		m->take_image(m->context); /* may load the plan itself, when it gets full */
	}
	for (unsigned i = 0; i < m->n_plan && !m->mem.lost;)
		i += look_up(m, i);
	if (!m->mem.lost)
		known = read_present(m);
	/* After an execve process_vm_readv reads the new program: ask the descriptor whether the
	 * old one is gone. */
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
