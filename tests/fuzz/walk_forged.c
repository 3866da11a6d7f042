/* SPDX-License-Identifier: Apache-2.0
 * A hostile target: the walker reads a real Python process through a reader that forges words of
 * what it reads, the same ones for the same seed. It must neither crash, nor run on, nor lose the
 * sum of its counts.
 *
 *   walk_forged PID SEEDS [FIRST]     prints a line of totals; exit 1 when a sum does not balance
 *
 * What is forged is a function of address and seed, so a structure looks forged the same way each
 * time it is read. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/intern.h"
#include "lib/walk/walk.h"

enum {
	MODULES_MAX = 4096,
	THREADS_MAX = 64,
	ARENA_BYTES = 96 << 20,
	CACHE_PAGES = 1 << 14,
	PAGE = 4096
};

static int mem_fd;
static uint64_t seed, rate, n_reads;

/* Pages of the target, copied once: many walks read the same ones. */
static struct { uint64_t page; bool bad; uint8_t bytes[PAGE]; } *cache;

static const uint8_t *page_at(uint64_t page)
{
	size_t i = tc_mix(page, 1) % CACHE_PAGES;

	if (cache[i].page != page) {
		cache[i].page = page;
		cache[i].bad = pread(mem_fd, cache[i].bytes, PAGE, (off_t)page) != PAGE;
	}
	return cache[i].bad ? NULL : cache[i].bytes;
}

/* What stands at the aligned word `at`, forged or not. */
static uint64_t forge(uint64_t at, uint64_t word)
{
	uint64_t dice = tc_mix(at, seed);

	if (dice % rate)
		return word;
	switch (dice >> 32 & 7) {
	case 0: return 0;
	case 1: return UINT64_MAX;
	case 2: return 1ul << (dice >> 40 & 63);
	case 3: return at & ~15ul;		/* points to itself */
	case 4: return word + 8;
	case 5: return word ^ 1ul << (dice >> 40 & 63);
	case 6: return word - 0x1000 + (dice >> 40 & 0xff8);
	default: return dice;
	}
}

static int read_forged(struct tc_mem *mem, tc_addr from, void *to, size_t size)
{
	uint8_t *out = to;

	(void)mem;
	n_reads++;
	for (size_t done = 0; done < size;) {
		uint64_t word_at = (from + done) & ~7ul, word;
		const uint8_t *page = page_at(word_at & ~(uint64_t)(PAGE - 1));
		if (!page)
			return -TC_EFAULT;
		memcpy(&word, page + (word_at & (PAGE - 1)), 8);
		word = forge(word_at, word);
		size_t skip = (from + done) - word_at,
		       n = 8 - skip < size - done ? 8 - skip : size - done;
		memcpy(out + done, (uint8_t *)&word + skip, n);
		done += n;
	}
	return 0;
}

static int drop_chunk(struct tc_sink *sink, enum tc_note note, const void *chunk, size_t size)
{
	(void)sink, (void)note, (void)chunk, (void)size;
	return 0;
}

static size_t read_modules(const char *pid, struct tc_module *modules)
{
	char name[64], line[4096];
	size_t n = 0;

	snprintf(name, sizeof(name), "/proc/%s/maps", pid);
	FILE *maps = fopen(name, "r");
	while (maps && fgets(line, sizeof(line), maps) && n < MODULES_MAX) {
		uint64_t lo, hi, offset, inode;
		int at = 0;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %" SCNu64 " %n", &lo,
			   &hi, &offset, &inode, &at) < 4 ||
		    !inode || offset || !at || strncmp(line + at, "/", 1) != 0)
			continue;
		line[strcspn(line, "\n")] = 0;
		modules[n++] = (struct tc_module){
			.base = lo, .end = hi, .inode = inode, .path = strdup(line + at)
		};
	}
	if (maps)
		fclose(maps);
	return n;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static struct tc_module modules[MODULES_MAX];
	static const struct tc_mem_ops ops = { .read = read_forged };
	char name[64];
	uint64_t found = 0, torn = 0, cut = 0, answers = 0;
	double worst = 0;
	int bad = 0;

	if (argc < 3)
		return 2;
	snprintf(name, sizeof(name), "/proc/%s/mem", argv[1]);
	mem_fd = open(name, O_RDONLY);
	struct tc_mem base = { .ops = &ops,
			       .modules = modules,
			       .n_modules = read_modules(argv[1], modules),
			       .live = true };
	cache = calloc(CACHE_PAGES, sizeof(*cache));
	void *buf = malloc(TC_RECORDS_BUFFER);
	uint64_t first = argc > 3 ? strtoull(argv[3], NULL, 0) : 0, n = strtoull(argv[2], NULL, 0);
	for (uint64_t i = first; i < first + n; i++) {
		struct tc_mem mem = base;
		struct tc_sink sink = { drop_chunk };
		struct tc_records records;
		struct tc_arena arena;
		struct tc_walk_result walk;
		const struct tc_counts *counts = &walk.counts;
		struct tc_walk_options options = { .now_ns = 1, .seed = i };
		void *memory = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		tc_arena_init(&arena, memory, ARENA_BYTES);
		seed = tc_mix(i, 7);
		rate = 1ul << (6 + i % 11); /* one word of 64 … of 65536 */
		tc_records_init(&records, buf, &sink, 1);
		double start = seconds();
		int r = tc_walk(&mem, &records, &arena, &options, &walk);
		double took = seconds() - start;
		munmap(memory, ARENA_BYTES);
		worst = took > worst ? took : worst;
		if (took > 2)
			fprintf(stderr, "seed %" PRIu64 ": %.1f s\n", i, took);
		answers += r == 0;
		found += counts->found, torn += counts->torn, cut += counts->cut;
		if (counts->found != counts->read + counts->torn + counts->cut)
			bad = printf("seed %" PRIu64 ": the sum does not balance\n", i);
	}
	printf("%" PRIu64 " forged walks, %" PRIu64 " with an answer: found %" PRIu64
	       ", torn %" PRIu64 ", cut %" PRIu64 ", longest %.2f s, %" PRIu64 " reads\n",
	       n, answers, found, torn, cut, worst, n_reads);
	return bad ? 1 : 0;
}
