/* SPDX-License-Identifier: Apache-2.0
 * Reading the memory of another process without leaving a trace in it: only pages that are present
 * are copied, into a cache of bounded size. */
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
	bool used;     /* since the clock's hand passed */
	bool pinned;   /* in the plan under way */
	bool guessed;  /* loaded on a guess and not used so far */
};

/* Part of a load: pages of one slot. */
struct tc_load_request {
	uint32_t slot;
	uint8_t want;	 /* pages to load if they are present */
	uint8_t must;	 /* of these: when not present, from the file or as zeros */
	uint8_t present; /* found to be so */
	uint8_t absent;
};

/* A file opened for pages that are mapped and not present. */
struct tc_mapped_file {
	uint64_t dev, inode;
	int fd;
};

/* How often each thread had begun to run when that was asked first: mem_moved.c. */
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
	int fd;			    /* its mem: ends with the address space; borrowed */
	int pagemap;		    /* or -1; borrowed */
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
	int density; /* high: guesses pay */
	struct tc_mapped_file files[TC_FILES_MAX];
	unsigned n_files;
	uint64_t n_waits;     /* times waited for a page on its way */
	uint64_t image_at_ns; /* CLOCK_MONOTONIC: call take_image once it is so late; 0: never */
	void (*take_image)(void *context);
	void *context; /* the argument of take_image */
	bool image;    /* what the target may write to is in the cache, as it was at one moment */
	bool image_broken; /* some of it had to be given up */
	struct tc_runs runs;
};

/* The cache needs so many bytes of the budget; the rest may go to the arena, and what the arena
 * takes, the cache gives. */
#define TC_MEM_PID_MIN (8ull << 20)

/* Begin to read; budget in bytes covers the cache and arena, whose size is arena_size. 0, or
 * -TC_ENOSPACE. */
int tc_mem_pid_init(struct tc_mem_pid *m, int dir, int fd, int pagemap, pid_t pid, uint64_t budget,
		    const struct tc_arena *arena, size_t arena_size, struct tc_watch *watch);
void tc_mem_pid_deinit(struct tc_mem_pid *m);

/* Forget all that is cached. */
void tc_mem_pid_drop(struct tc_mem_pid *m);

/* Copy all that the target may write to into the cache, so that it need not stand still any longer:
 * from then on only what never changes is read from it. False: it is too much for the budget;
 * nothing has changed then. */
bool tc_mem_pid_image(struct tc_mem_pid *m);

/* The reader's functions `moved` (mem.h), of mem_moved.c, and `renew` and `same`, of mem_same.c. */
bool tc_mem_pid_moved(struct tc_mem *mem);
void tc_mem_pid_renew(struct tc_mem *mem, const struct tc_mem_piece *pieces, size_t n);
void tc_mem_pid_same(struct tc_mem *mem, const struct tc_mem_piece *pieces, size_t n,
		     const uint8_t *known, bool *ret);

/* Whether the address space that was opened first still exists; sets mem.lost when it does not.
 * known is an address that could be read before, or 0. */
bool tc_mem_pid_alive(struct tc_mem_pid *m, tc_addr known);

/* The same of a descriptor of /proc/PID/mem. */
bool tc_mem_fd_alive(int fd, tc_addr known);

/* For mem_pid.c, mem_load.c and mem_image.c: load the plan and empty it; put the slot of key into
 * the plan, made if there is none; the number of slots that can be made without one being given up.
 */
void tc_mem_pid_load(struct tc_mem_pid *m);
void tc_mem_pid_want(struct tc_mem_pid *m, uint64_t key);
uint32_t tc_mem_pid_room(const struct tc_mem_pid *m);

#endif
