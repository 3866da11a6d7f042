/* SPDX-License-Identifier: Apache-2.0
 * Reading a target's memory: one interface, and a reader for each kind of target (our own memory:
 * mem_self.h; another process: mem_pid.h). The walker does not know which reader it has. Everything
 * here may run in a signal handler if the reader's own functions may. */
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
	const char *path; /* as in /proc/PID/maps; borrowed from the reader; never NULL */
};

/* What the scheduler has counted of a thread so far. */
struct tc_sched {
	bool known;
	uint64_t run_ns, wait_ns; /* on a processor; ready, and waiting for one */
	uint64_t turns;		  /* how often it came to a processor */
};

/* Did a thread run between the moment when its state was read and the moment when its memory had
 * been read (look.h)? NOT: unknown, nobody looked; STOOD: it did not run; RAN: it ran. */
enum tc_looked { TC_LOOKED_NOT, TC_LOOKED_STOOD, TC_LOOKED_RAN };

/* Addresses from start up to end; both 0: none. */
struct tc_range {
	tc_addr start, end;
};

/* A thread as the kernel sees it. */
struct tc_os_thread {
	/* in our pid namespace; aligned, so that one that is taken from an arena after another
	 * forms an array with it */
	_Alignas(16) uint32_t tid;
	uint32_t tid_ns; /* in the target's own pid namespace */
	char comm[TC_COMM_MAX];
	char state;  /* letter of /proc/PID/stat, '?' unknown */
	uint8_t how; /* enum tc_regs */
	uint64_t pc, sp;
	int64_t syscall; /* number; -1: none or unknown */
	uint64_t args[6];
	uint64_t utime_ns, stime_ns;
	char wchan[TC_COMM_MAX]; /* empty: unknown */
	struct tc_sched sched;	 /* as counted before state and syscall were read */
	uint8_t look;		 /* enum tc_looked */
	char last_state;	 /* its state after its memory had been read; 0: nobody looked */
	uint8_t flags;		 /* enum tc_thread_flag */
	/* All its registers, TC_ARCH_N_REGS words as struct user_regs_struct has them; NULL: only
	 * pc and sp are known. Borrowed from the reader. */
	const uint64_t *regs;
	struct tc_range stack; /* the mapping that holds sp */
	struct tc_range kept;  /* the part of it that the dump holds, whole pages */
	/* A copy of kept, borrowed from whoever made it; NULL: it is read from the target when it
	 * is written. */
	const uint8_t *kept_bytes;
};

/* The registers of a thread that was interrupted in the middle of the program's code: what its
 * functions have not written to memory is there. */
struct tc_registers {
	uint64_t general[15]; /* in any order */
	uint64_t sp;
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
	/* About 64 to 256 bytes at each of these addresses will be read next: the reader may fetch
	 * them together. May be NULL. */
	void (*hint)(struct tc_mem *mem, const tc_addr *addrs, size_t n);
	/* Forget what is cached of this range, so that the next read asks the target. NULL where
	 * the reader has no cache, as for the three below. */
	void (*forget)(struct tc_mem *mem, tc_addr from, size_t size);
	/* Did the target run, or may it have run, since this was called first? */
	bool (*moved)(struct tc_mem *mem);
	/* Read these pieces, at most TC_PIECE_MAX bytes each, from the target again, and put them
	 * into the cache, as far as their pages are cached. */
	void (*renew)(struct tc_mem *mem, const struct tc_mem_piece *pieces, size_t n);
	/* Read these pieces, at most TC_PIECE_MAX bytes each, from the target again and not from
	 * the cache, and compare them with the bytes at known, where the pieces lie one after the
	 * other. ret[i]: piece i is still the same. */
	void (*same)(struct tc_mem *mem, const struct tc_mem_piece *pieces, size_t n,
		     const uint8_t *known, bool *ret);
};

#define TC_PIECE_MAX 1024u

/* Pages of which the reader has a copy in our memory. Reads from these pages, which are most, need
 * no call of the reader. A reader may leave the table empty. */
#define TC_WINDOWS 1024u
struct tc_window {
	uint64_t page; /* address >> 12; 0: this entry is free */
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
	bool threads_missing; /* the process has threads that are not in this array */
	/* of the threads of which they are known and may be needed; borrowed from the reader */
	const struct tc_registers *registers;
	size_t n_registers;
};

/* For readers: bytes is a copy of the page that holds addr, valid until the window is cleared. */
static inline void tc_window_put(struct tc_mem *mem, tc_addr addr, const uint8_t *bytes)
{
	mem->windows[addr >> 12 & (TC_WINDOWS - 1)] = (struct tc_window){ addr >> 12, bytes };
}

/* For readers: the copy of the page that holds addr is no longer valid. */
static inline void tc_window_clear(struct tc_mem *mem, tc_addr addr)
{
	struct tc_window *window = &mem->windows[addr >> 12 & (TC_WINDOWS - 1)];

	if (window->page == addr >> 12)
		window->page = 0;
}

/* Read size bytes at from into *to, where a failure is nothing unusual: it is not counted in
 * n_faults. 0 or -TC_EFAULT. */
static inline int tc_try_read(struct tc_mem *mem, tc_addr from, void *to, size_t size)
{
	const struct tc_window *window = &mem->windows[from >> 12 & (TC_WINDOWS - 1)];

	if (window->page == from >> 12 && from >= 4096 && (from & 4095) + size <= 4096) {
		memcpy(to, window->bytes + (from & 4095), size);
		return 0;
	}
	return mem->ops->read(mem, from, to, size);
}

/* Read size bytes at from into *to. 0, or -TC_EFAULT, which is counted in n_faults. */
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

/* Read one value of the type of *to. As tc_read. */
#define tc_get(mem, from, to) tc_read((mem), (from), (to), sizeof(*(to)))

/* Read n words of 8 bytes at from. As tc_read, but faster for a few words: a memcpy of unknown size
 * may become "rep movs", which is slow to start. */
static inline int tc_read_words(struct tc_mem *mem, tc_addr from, uint64_t *to, size_t n)
{
	const struct tc_window *window = &mem->windows[from >> 12 & (TC_WINDOWS - 1)];

	if (window->page != from >> 12 || from < 4096 || (from & 4095) + 8 * n > 4096)
		return tc_read(mem, from, to, 8 * n);
	for (size_t i = 0; i < n; i++)
		memcpy(&to[i], window->bytes + (from & 4095) + 8 * i, 8);
	return 0;
}

/* These addresses will be read next; see struct tc_mem_ops. */
static inline void tc_hint(struct tc_mem *mem, const tc_addr *addrs, size_t n)
{
	if (mem->ops->hint)
		mem->ops->hint(mem, addrs, n);
}

/* Let the next read of this range ask the target; see struct tc_mem_ops. */
static inline void tc_forget(struct tc_mem *mem, tc_addr from, size_t size)
{
	if (mem->ops->forget)
		mem->ops->forget(mem, from, size);
}

#endif
