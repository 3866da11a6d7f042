/* SPDX-License-Identifier: Apache-2.0
 * Estimates how long a clone of this process takes. The process stands still meanwhile, so this
 * decides whether a clone is made. */
#include "dumper/hook/capture/hook_clone.h"

#include <fcntl.h>
#include <time.h>

#include "dumper/hook/capture/hook_memory.h"
#include "dumper/hook/common/hook_dump.h"
#include "dumper/hook/common/hook_outcome.h"
#include "dumper/hook/common/hook_settings.h"
#include "lib/base/arena.h"
#include "lib/base/strbuf.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

/* Measured on two cores at 3 GHz, Linux 6.18, in many kinds of processes. A clone takes 1.5 to 2 µs
 * for a mapping, 3 µs for a page of page tables, and 40 to 190 ns for a page of 4 KiB: the kernel
 * increments a counter in the page's struct page, which may be a cache miss, depending on where the
 * page lies. No file of /proc says that, but reading /proc/PID/pagemap touches the same struct: it
 * takes 50 to 75 ns for a page where the clone takes 75, and 105 to 200 ns where the clone takes
 * 190. For pages of 2 MiB it takes 20 ns (for each 4 KiB) where the clone takes 2, so from some 15
 * GB on their clone is estimated as too long. */
#define CLONE_NS 150000u
#define MAPS_FREE 256u /* so many mappings, most of them of files, are part of CLONE_NS */
#define NS_PER_MAP 2000u
#define NS_PER_TABLE 3000u
#define NS_PER_PAGE 40u
#define NS_PER_PAGE_MOST 300u

#define LOOKS 64u /* at so many addresses, with so many pages each */
#define PAGES 64u
/* the most that one look counts: if it took longer, something else took the time */
#define LOOK_NS_MOST 25000u
#define READ_BYTES 65536u /* of the maps that are asked for at once */
#define MAPS_PART 4 /* reading the maps may take one part in so many of the pause */

uint64_t tc_hook_pause_left(const struct tc_hook_dump *dump)
{
	uint64_t end = dump->began_ns + dump->pause_ns;
	uint64_t now = tc_sys_clock_ns(CLOCK_MONOTONIC);

	return now < end ? end - now : 0;
}

struct maps_text {
	const char *at;
	size_t size;
	bool whole;
};

/* Read /proc/PID/maps into the arena, as far as there is room, and for a part of the pause of our
 * own CPU time. */
static void read_maps(struct tc_hook_dump *dump, struct maps_text *ret)
{
	int fd = tc_sys_open(dump->proc, "maps", O_RDONLY, 0);
	uint64_t end = tc_sys_clock_ns(CLOCK_THREAD_CPUTIME_ID) +
		       dump->pause_ns / MAPS_PART;
	size_t used = 0;
	long n = fd;

	tc_arena_take(&dump->arena, 0); /* aligns, so that the text stays where it is read to */
	char *text = (char *)dump->arena.at;
	while (n >= 0 && used + READ_BYTES <= dump->arena.left / 2 &&
	       tc_sys_clock_ns(CLOCK_THREAD_CPUTIME_ID) < end &&
	       (n = tc_sys_read(fd, text + used, READ_BYTES)) > 0)
		used += (size_t)n;
	if (fd >= 0)
		tc_sys_close(fd);
	*ret = (struct maps_text){ tc_arena_take(&dump->arena, used), used, n <= 0 };
}

/* The number of mappings. Reading one takes at least a quarter of the time of cloning it. So if
 * there was no time to read them all, there are too many for a clone, and the number is made large
 * enough to say so. */
static uint32_t count_maps(const struct maps_text *text)
{
	uint32_t n = 0;

	for (size_t i = 0; i < text->size; i++)
		n += text->at[i] == '\n';
	return text->whole ? n : MAPS_PART * n;
}

bool tc_hook_next_private(const char **at, const char *end, uint64_t *ret_start,
			  uint64_t *ret_size)
{
	while (*at < end) {
		const char *line = *at;
		uint64_t start = tc_parse_number(&line, 16);
		line++; /* the hyphen */
		uint64_t stop = tc_parse_number(&line, 16);
		bool found = line + 4 < end && line[2] == 'w' && line[4] == 'p' && stop > start;
		while (*at < end && **at != '\n')
			(*at)++;
		(*at)++;
		if (found) {
			*ret_start = start;
			*ret_size = stop - start;
			return true;
		}
	}
	return false;
}

/* Read the pagemap of some pages from addr on: the CPU time that this took, in ns. *present is
 * incremented by the number of pages that are in memory. */
static uint64_t look(int pagemap, uint64_t addr, uint64_t *present)
{
	uint64_t entries[PAGES], began = tc_sys_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	long n = tc_sys_pread(pagemap, entries, sizeof(entries), addr / TC_ARCH_PAGE * 8);
	uint64_t took = tc_sys_clock_ns(CLOCK_THREAD_CPUTIME_ID) - began;

	for (long i = 0; i < n / 8; i++)
		*present += entries[i] >> 63; /* Documentation/admin-guide/mm/pagemap.rst */
	return took < LOOK_NS_MOST ? took : LOOK_NS_MOST;
}

/* The time that a page takes, in ns, from looks evenly spread over the private
 * mappings. */
static uint64_t page_ns(const struct tc_hook_dump *dump, const struct maps_text *text)
{
	int pagemap = tc_sys_open(dump->proc, "pagemap", O_RDONLY, 0);
	uint64_t start, bytes, all = 0, passed = 0, next, ns = 0, present = 0;
	const char *end = text->at + text->size;

	if (pagemap < 0)
		return NS_PER_PAGE_MOST;
	for (const char *at = text->at; tc_hook_next_private(&at, end, &start, &bytes);)
		all += bytes;
	next = all / LOOKS / 2;
	for (const char *at = text->at; all && tc_hook_next_private(&at, end, &start, &bytes);
	     passed += bytes)
		for (; next < passed + bytes; next += all / LOOKS + 1)
			ns += look(pagemap, start + (next - passed), &present);
	tc_sys_close(pagemap);
	return present >= PAGES ? ns / present : NS_PER_PAGE_MOST;
}

uint64_t tc_hook_clone_ns(struct tc_hook_dump *dump, const struct tc_hook_memory *memory)
{
	uint64_t pages = memory->private_bytes / TC_ARCH_PAGE;
	uint64_t pause = dump->pause_ns;
	uint64_t fixed = CLONE_NS + memory->tables / TC_ARCH_PAGE * NS_PER_TABLE;
	uint32_t n_maps = dump->outcome ? dump->outcome->n_maps : 0;
	struct maps_text text = { 0 };

	if (!n_maps) { /* the first dump of this process */
		read_maps(dump, &text);
		n_maps = count_maps(&text);
	}
	if (n_maps < 2 * memory->n_threads) /* each thread has a stack and a guard page */
		n_maps = (uint32_t)(2 * memory->n_threads);
	fixed += n_maps > MAPS_FREE ? (uint64_t)(n_maps - MAPS_FREE) * NS_PER_MAP : 0;
	uint64_t least = fixed + pages * NS_PER_PAGE;
	if (least > pause || fixed + pages * NS_PER_PAGE_MOST < pause)
		return least;
	if (!text.at)
		read_maps(dump, &text);
	return fixed + pages * (page_ns(dump, &text) * 5 / 4);
}
