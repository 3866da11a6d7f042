/* SPDX-License-Identifier: Apache-2.0
 * The map of an address space, from the text of /proc/PID/maps, and the ELF files in it.
 * Everything here may run in a signal handler when the reader may. */
#ifndef TC_MAPS_H
#define TC_MAPS_H

#include "lib/base/arena.h"
#include "lib/mem/mem.h"

enum tc_prot { TC_PROT_READ = 1, TC_PROT_WRITE = 2, TC_PROT_EXEC = 4 };

/* One line of /proc/PID/maps. */
struct tc_region {
	tc_addr start, end;
	uint64_t offset;  /* in the file, bytes */
	uint64_t dev;	  /* major << 32 | minor */
	uint64_t inode;	  /* 0: no file */
	const char *path; /* "" for none; points into the text */
	uint8_t prot;	  /* enum tc_prot */
	bool shared;
};

struct tc_maps {
	struct tc_region *regions; /* ascending, in the arena */
	size_t n_regions;
};

/* Parse the size bytes at text, which are changed: zeros are written behind the paths, the last one
 * perhaps at text[size], which must be writable. text must outlive *ret, whose paths point into it.
 * Lines that are not understood, or out of order, are left out. 0 or -TC_ENOSPACE. Format: Linux
 * Documentation/filesystems/proc.rst. */
int tc_maps_parse(char *text, size_t size, struct tc_arena *arena, struct tc_maps *ret);

/* The region that holds addr, or NULL. */
const struct tc_region *tc_maps_find(const struct tc_maps *maps, tc_addr addr);

/* List the ELF files among the regions, the vdso included, and read their build-ids through mem.
 * mtime_ns and size stay 0: they are not in memory. *ret is in the arena, the paths are in the text
 * of the maps. 0 or -TC_ENOSPACE. */
int tc_maps_modules(const struct tc_maps *maps, struct tc_mem *mem, struct tc_arena *arena,
		    struct tc_module **ret, size_t *ret_n);

#endif
