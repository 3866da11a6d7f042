/* SPDX-License-Identifier: Apache-2.0
 * Reads the memory of another process into a cache of bounded size. Only pages that are present are
 * copied, so that reading changes nothing in the process: it makes no page present. Not for signal
 * handlers. */
#ifndef TC_MEM_PID_H
#define TC_MEM_PID_H

#include "lib/base/arena.h"
#include "lib/process/maps.h"
#include "lib/mem/mem.h"
#include "dumper/outside/watch.h"

#define TC_SLOT_BITS 14
#define TC_SLOT_SIZE (1u << TC_SLOT_BITS)
#define TC_SLOT_PAGES 4
#define TC_PLAN_MAX 64
#define TC_RING 64
#define TC_FILES_MAX 16

/* What is known of 16 KiB of the target. */
struct tc_slot {
	uint64_t key;  /* address >> TC_SLOT_BITS; 0: free */
	uint8_t valid; /* pages whose bytes are in data, one bit each */
	uint8_t bad;   /* pages that cannot be read */
	bool used;     /* read since the clock's hand last passed (mem_cache.c) */
	bool pinned;   /* in the plan: must not be evicted */
	bool guessed;  /* loaded on a guess, and not read so far */
};

/* One slot of the plan, that is, of what will be loaded next. */
struct tc_load_request {
	uint32_t slot;
	uint8_t want;	 /* pages to load if they are present */
	/* of these, pages that a read waits for: if not present, from the mapped file or as
	 * zeros */
	uint8_t must;
	uint8_t present; /* of want: those that are present */
	uint8_t absent;
};

/* A mapped file, opened for pages that are not present. */
struct tc_mapped_file {
	uint64_t dev, inode;
	int fd;
};

/* How often each thread had been put on a processor, when that was asked first: mem_moved.c. */
#define TC_RUNS_MAX 64
struct tc_runs {
	bool known, moved;
	unsigned n;
	int fds[TC_RUNS_MAX];
	uint64_t counts[TC_RUNS_MAX];
};

struct tc_mem_pid {
	struct tc_mem mem;	    /* first member */
	int dir;		    /* /proc/PID or /proc/PID/task/TID; borrowed */
	/* /proc/PID/mem: reads 0 bytes when the address space is gone; borrowed */
	int fd;
	int pagemap; /* /proc/PID/pagemap, or -1; borrowed */
	pid_t pid;		    /* for process_vm_readv; 0: not to be used */
	const struct tc_maps *maps; /* borrowed; NULL: unknown */
	struct tc_watch *watch;
	const struct tc_arena *arena; /* shares the memory limit with the cache */
	size_t arena_size;	      /* bytes it had */
	uint64_t budget;	      /* bytes for cache and arena together */

	struct tc_slot *slots;
	uint8_t *data;	 /* TC_SLOT_SIZE for each slot */
	uint32_t *table; /* hash of keys to slot + 1; 0: empty */
	uint64_t table_mask;
	unsigned table_shift;
	uint32_t max_slots, n_slots; /* slots that exist and that were ever used */
	uint32_t n_live;	     /* used now */
	uint32_t hand;		     /* of the clock */
	uint32_t *free_slots;	     /* given back below n_slots */
	uint32_t n_free;
	struct tc_slot *last; /* found last */

	struct tc_load_request plan[TC_PLAN_MAX];
	unsigned n_plan;
	uint32_t ring[TC_RING]; /* slots + 1 loaded on a guess, to be judged later */
	unsigned ring_at;
	/* 0 to 64: the more guessed slots were used, the higher; decides how much is guessed */
	int density;
	struct tc_mapped_file files[TC_FILES_MAX];
	unsigned n_files;
	uint64_t n_waits;     /* how often we waited for a page under migration */
	/* CLOCK_MONOTONIC: after this time the next load first calls take_image, once; 0: never */
	uint64_t image_at_ns;
	void (*take_image)(void *context);
	void *context; /* the argument of take_image */
	/* all memory that the target may write to is in the cache, as it was at one moment */
	bool image;
	bool image_broken; /* a part of the image was evicted */
	struct tc_runs runs;
};

/* The bytes of the budget that the cache needs at least. The arena may have all the rest; the cache
 * gives up slots as the arena is used. */
#define TC_MEM_PID_MIN (8ull << 20)

/* Begin to read. dir, fd, pagemap, pid, arena and watch are as in the struct. budget: bytes for
 * cache and arena together; arena_size: bytes that are left in the arena now. 0 or -TC_ENOSPACE.
 * tc_mem_pid_deinit gives back the cache, and closes no borrowed descriptor. */
int tc_mem_pid_init(struct tc_mem_pid *m, int dir, int fd, int pagemap, pid_t pid, uint64_t budget,
		    const struct tc_arena *arena, size_t arena_size, struct tc_watch *watch);
void tc_mem_pid_deinit(struct tc_mem_pid *m);

/* Forget all that is cached. */
void tc_mem_pid_drop(struct tc_mem_pid *m);

/* Copy all that the stopped target may write to into the cache, so that it can be let go: from then
 * on only memory that cannot change is read from it. False: the cache is too small for that, or the
 * pagemap cannot be read, and the target must stay stopped. */
bool tc_mem_pid_image(struct tc_mem_pid *m);

/* Functions of the reader's table (mem.h): `moved` in mem_moved.c, `renew` and `same` in
 * mem_same.c. */
bool tc_mem_pid_moved(struct tc_mem *mem);
void tc_mem_pid_renew(struct tc_mem *mem, const struct tc_mem_piece *pieces, size_t n);
void tc_mem_pid_same(struct tc_mem *mem, const struct tc_mem_piece *pieces, size_t n,
		     const uint8_t *known, bool *ret);

/* Does the address space that was opened first still exist? Sets mem.lost if it does not. known: an
 * address that could be read before, or 0. */
bool tc_mem_pid_alive(struct tc_mem_pid *m, tc_addr known);

/* The same for a descriptor of /proc/PID/mem; sets nothing. */
bool tc_mem_fd_alive(int fd, tc_addr known);

/* Between the files of the reader. mem_load.c: load the plan and empty it. mem_pid.c: put the slot
 * of key into the plan, and make it if there is none. mem_cache.c: how many slots can be made
 * without evicting one. */
void tc_mem_pid_load(struct tc_mem_pid *m);
void tc_mem_pid_want(struct tc_mem_pid *m, uint64_t key);
uint32_t tc_mem_pid_room(const struct tc_mem_pid *m);

#endif
