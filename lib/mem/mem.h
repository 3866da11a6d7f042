/* SPDX-License-Identifier: Apache-2.0
 * Reading a target's memory: one interface, several readers (own frozen memory, another process, a
 * core file). The walker never knows which. Everything here may run in a signal handler when the
 * reader's own functions may. */
#ifndef TC_MEM_H
#define TC_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/err.h"

typedef uint64_t tc_addr; /* an address in the target: never a pointer of ours */

#define TC_BUILD_ID_MAX 32
#define TC_COMM_MAX 64

/* A mapped ELF file: all its mappings from the lowest to the highest. */
struct tc_module {
	tc_addr base, end; /* base: where file offset 0 is mapped */
	uint64_t dev, inode;
	uint64_t mtime_ns, size; /* of the file; 0: unknown */
	uint8_t build_id[TC_BUILD_ID_MAX];
	unsigned build_id_size;
	const char *path; /* borrowed from the reader, as /proc/PID/maps says, never NULL */
};

/* What the scheduler has counted of a thread so far. */
struct tc_sched {
	bool known;
	uint64_t run_ns, wait_ns; /* on a processor; ready, and waiting for one */
	uint64_t turns;		  /* how often it came to a processor */
};

/* Whether a thread ran between the moment that its state is of and the moment when its memory had been
 * read (look.h). */
enum tc_looked { TC_LOOKED_NOT, TC_LOOKED_STOOD, TC_LOOKED_RAN };

/* A thread as the kernel sees it. */
struct tc_os_thread {
	_Alignas(16) uint32_t tid; /* in our namespace; aligned so that pieces of an arena form an array */
	uint32_t tid_ns; /* in the target's own pid namespace; equal to tid where they are the same
			  */
	char comm[TC_COMM_MAX];
	char state;  /* letter of /proc/PID/stat, '?' unknown */
	uint8_t how; /* enum tc_regs */
	uint64_t pc, sp;
	int64_t syscall; /* number; -1: none or unknown */
	uint64_t args[6];
	uint64_t utime_ns, stime_ns;
	char wchan[TC_COMM_MAX]; /* empty: unknown */
	struct tc_sched sched;	 /* before state and call were read */
	uint8_t look;		 /* enum tc_looked */
	char last_state;	 /* when its memory had been read; 0: nobody looked */
};

struct tc_mem;

/* A piece of the target's memory. */
struct tc_mem_piece {
	tc_addr from;
	uint32_t size;
};

struct tc_mem_ops {
	/* Copy size bytes at from to *to. 0, or -TC_EFAULT: then *to is undefined. Never another
	 * code. */
	int (*read)(struct tc_mem *mem, tc_addr from, void *to, size_t size);
	/* These addresses are wanted next, about 64 to 256 bytes at each. May be NULL. */
	void (*hint)(struct tc_mem *mem, const tc_addr *addrs, size_t n);
	/* Forget what is cached of this range: the next read is fresh. NULL where nothing is
	 * cached. */
	void (*forget)(struct tc_mem *mem, tc_addr from, size_t size);
	/* May the target have run since the first of these calls? NULL where nothing is cached. */
	bool (*moved)(struct tc_mem *mem);
	/* What is cached of these pieces, at most TC_PIECE_MAX bytes each: as it is now. NULL where
	 * nothing is cached. */
	void (*renew)(struct tc_mem *mem, const struct tc_mem_piece *pieces, size_t n);
	/* Read these pieces, at most TC_PIECE_MAX bytes each, past what is cached: is each what stands
	 * at known, where the same pieces follow one another? NULL where nothing is cached. */
	void (*same)(struct tc_mem *mem, const struct tc_mem_piece *pieces, size_t n,
		     const uint8_t *known, bool *ret);
};

#define TC_PIECE_MAX 1024u

/* Pages that the reader holds a copy of, for reads that need no call: most of them. A reader may
 * leave this empty. */
#define TC_WINDOWS 1024u
struct tc_window {
	uint64_t page;	      /* address >> 12; 0: free */
	const uint8_t *bytes; /* of the whole page */
};

struct tc_mem {
	const struct tc_mem_ops *ops;
	struct tc_window
		windows[TC_WINDOWS]; /* kept by the reader, by tc_window_put and tc_window_clear */
	uint64_t n_faults;	     /* reads that failed */
	uint64_t bytes_read;	     /* bytes copied out of the target; kept by the reader */
	uint64_t
		pages_swapped; /* pages not read because they are swapped out; kept by the reader */
	bool live;	       /* the target runs while it is read */
	bool lost; /* the address space is gone: nothing more can be read; kept by the reader */
	const struct tc_module *modules; /* ascending base; borrowed from the reader */
	size_t n_modules;
	const struct tc_os_thread *threads; /* borrowed from the reader */
	size_t n_threads;
	bool threads_missing; /* some are not among them */
};

/* For readers: bytes holds a copy of the page at addr until it is cleared. */
static inline void tc_window_put(struct tc_mem *mem, tc_addr addr, const uint8_t *bytes)
{
	mem->windows[addr >> 12 & (TC_WINDOWS - 1)] = (struct tc_window){ addr >> 12, bytes };
}

/* For readers: the copy of the page at addr is gone. */
static inline void tc_window_clear(struct tc_mem *mem, tc_addr addr)
{
	struct tc_window *window = &mem->windows[addr >> 12 & (TC_WINDOWS - 1)];

	if (window->page == addr >> 12)
		window->page = 0;
}

/* Read size bytes at from where that is expected to fail at times: a failure is not counted. 0 or
 * -TC_EFAULT. */
static inline int tc_try_read(struct tc_mem *mem, tc_addr from, void *to, size_t size)
{
	const struct tc_window *window = &mem->windows[from >> 12 & (TC_WINDOWS - 1)];

	if (window->page == from >> 12 && from >= 4096 && (from & 4095) + size <= 4096) {
		memcpy(to, window->bytes + (from & 4095), size);
		return 0;
	}
	return mem->ops->read(mem, from, to, size);
}

/* Read size bytes at from. 0 or -TC_EFAULT (counted). */
static inline int tc_read(struct tc_mem *mem, tc_addr from, void *to, size_t size)
{
	const struct tc_window *window = &mem->windows[from >> 12 & (TC_WINDOWS - 1)];

	if (window->page == from >> 12 && from >= 4096 && (from & 4095) + size <= 4096) {
		memcpy(to, window->bytes + (from & 4095), size);
		return 0;
	}
	if (from < 4096 || from + size < from || mem->ops->read(mem, from, to, size) < 0) {
		mem->n_faults++;
		return -TC_EFAULT;
	}
	return 0;
}

/* Read one value of the type of *to. */
#define tc_get(mem, from, to) tc_read((mem), (from), (to), sizeof(*(to)))

/* Read n words at from, mostly a few: a copy of unknown size would be made by the processor's own
 * copy, which takes its time to begin. */
static inline int tc_read_words(struct tc_mem *mem, tc_addr from, uint64_t *to, size_t n)
{
	const struct tc_window *window = &mem->windows[from >> 12 & (TC_WINDOWS - 1)];

	if (window->page != from >> 12 || from < 4096 || (from & 4095) + 8 * n > 4096)
		return tc_read(mem, from, to, 8 * n);
	for (size_t i = 0; i < n; i++)
		memcpy(&to[i], window->bytes + (from & 4095) + 8 * i, 8);
	return 0;
}

static inline void tc_hint(struct tc_mem *mem, const tc_addr *addrs, size_t n)
{
	if (mem->ops->hint)
		mem->ops->hint(mem, addrs, n);
}

static inline void tc_forget(struct tc_mem *mem, tc_addr from, size_t size)
{
	if (mem->ops->forget)
		mem->ops->forget(mem, from, size);
}

#endif
