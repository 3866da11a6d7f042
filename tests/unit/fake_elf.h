/* SPDX-License-Identifier: Apache-2.0
 * A mapped ELF file that has only what a symbol is found by: for unit tests. */
#ifndef TC_FAKE_ELF_H
#define TC_FAKE_ELF_H

#include "lib/mem/mem.h"

struct fake_symbol {
	const char *name;
	tc_addr addr;
	bool undefined; /* imported, not defined here */
};

enum fake_hash { FAKE_HASH_GNU, FAKE_HASH_SYSV };

/* Where its parts are, from its start: tests damage them there. */
enum {
	FAKE_ELF_PHDRS = 64,	/* PT_LOAD, PT_DYNAMIC */
	FAKE_ELF_DYNAMIC = 256, /* DT_SYMTAB, DT_STRTAB, DT_HASH or DT_GNU_HASH, DT_NULL */
	FAKE_ELF_SYMTAB = 512,
	FAKE_ELF_STRTAB = 1024,
	FAKE_ELF_HASH = 2048, /* all names in one bucket */
	FAKE_ELF_SIZE = 4096,
};

/* Write it to the FAKE_ELF_SIZE zeroed bytes that are at base in the target. At most 16 symbols. */
void fake_elf(uint8_t *bytes, tc_addr base, const struct fake_symbol *symbols, size_t n,
	      enum fake_hash hash);

#endif
