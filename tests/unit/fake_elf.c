/* SPDX-License-Identifier: Apache-2.0
 * The parts of an ELF file by which the dynamic linker finds a symbol: System V gABI chapter 5. */
#include "tests/unit/fake_elf.h"

#include <elf.h>
#include <stdlib.h>

static void put_headers(uint8_t *bytes)
{
	Elf64_Ehdr ehdr = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64 },
			    .e_phoff = FAKE_ELF_PHDRS,
			    .e_phentsize = sizeof(Elf64_Phdr),
			    .e_phnum = 2 };
	Elf64_Phdr phdrs[] = { { .p_type = PT_LOAD },
			       { .p_type = PT_DYNAMIC, .p_vaddr = FAKE_ELF_DYNAMIC } };

	memcpy(bytes, &ehdr, sizeof(ehdr));
	memcpy(bytes + FAKE_ELF_PHDRS, phdrs, sizeof(phdrs));
}

static void put_symbols(uint8_t *bytes, tc_addr base, const struct fake_symbol *symbols, size_t n)
{
	size_t name = 1; /* offset 0 is the empty name of symbol 0 */

	for (size_t i = 0; i < n; i++) {
		Elf64_Sym sym = { .st_name = (Elf64_Word)name,
				  .st_value = symbols[i].addr - base,
				  .st_shndx = symbols[i].undefined ? SHN_UNDEF : 1 };
		size_t size = strlen(symbols[i].name) + 1;
		if (i == 16 || name + size > FAKE_ELF_HASH - FAKE_ELF_STRTAB)
			abort();
		memcpy(bytes + FAKE_ELF_SYMTAB + (i + 1) * sizeof(sym), &sym, sizeof(sym));
		memcpy(bytes + FAKE_ELF_STRTAB + name, symbols[i].name, size);
		name += size;
	}
}

/* {buckets, chain entries}, the bucket, and the chain: 1, 2, 3 … */
static void put_sysv(uint32_t *to, size_t n)
{
	to[0] = 1;
	to[1] = (uint32_t)n + 1;
	to[2] = n ? 1 : 0;
	for (uint32_t i = 1; i <= n; i++)
		to[3 + i] = i < n ? i + 1 : 0;
}

/* {buckets, first symbol, words of the filter, shift}, the filter, the bucket, the hashes. */
static void put_gnu(uint32_t *to, const struct fake_symbol *symbols, size_t n)
{
	uint64_t filter = 0;

	to[0] = to[1] = to[2] = 1;
	to[3] = 6;
	to[6] = n ? 1 : 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t hash = 5381;
		for (const char *c = symbols[i].name; *c; c++)
			hash = hash * 33 + (uint8_t)*c;
		filter |= 1ul << (hash & 63) | 1ul << (hash >> 6 & 63);
		to[7 + i] = (hash & ~1u) | (i + 1 == n); /* bit 0 ends the chain */
	}
	memcpy(to + 4, &filter, sizeof(filter));
}

void fake_elf(uint8_t *bytes, tc_addr base, const struct fake_symbol *symbols, size_t n,
	      enum fake_hash hash)
{
	uint32_t words[32] = { 0 };
	Elf64_Dyn dynamic[] = {
		{ .d_tag = DT_SYMTAB, .d_un.d_ptr = FAKE_ELF_SYMTAB },
		{ .d_tag = DT_STRTAB, .d_un.d_ptr = FAKE_ELF_STRTAB },
		{ .d_tag = hash == FAKE_HASH_GNU ? DT_GNU_HASH : DT_HASH,
		  .d_un.d_ptr = FAKE_ELF_HASH },
		{ .d_tag = DT_NULL },
	};

	put_headers(bytes);
	put_symbols(bytes, base, symbols, n);
	if (hash == FAKE_HASH_GNU)
		put_gnu(words, symbols, n);
	else
		put_sysv(words, n);
	memcpy(bytes + FAKE_ELF_DYNAMIC, dynamic, sizeof(dynamic));
	memcpy(bytes + FAKE_ELF_HASH, words, sizeof(words));
}
