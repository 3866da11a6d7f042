/* SPDX-License-Identifier: Apache-2.0
 * The dynamic symbol table of a mapped ELF file, read in memory: System V gABI chapter 5, and the
 * GNU hash table as glibc's elf/dl-lookup.c reads it. */
#include "lib/python/find_python.h"

#include <elf.h>

#include "lib/base/safe.h"

#define MAX_PHDRS 64
#define MAX_DYNAMIC 256
#define MAX_HASH_CHAIN 4096
#define MAX_BUCKETS (1u << 24)

/* What symbol look-up needs of one module. */
struct dynsym {
	tc_addr bias;
	tc_addr symtab, strtab, gnu_hash, sysv_hash;
};

/* glibc relocates the pointers of the dynamic section in place; musl and the vdso do not. A value
 * below the module's start cannot be an address, so it is still an offset. */
static tc_addr relocated(const struct tc_module *module, tc_addr bias, tc_addr value)
{
	return value < module->base ? value + bias : value;
}

static int read_dynamic(struct tc_mem *mem, const struct tc_module *module, tc_addr at,
			struct dynsym *ret)
{
	for (unsigned i = 0; i < MAX_DYNAMIC; i++) {
		Elf64_Dyn dyn;
		if (tc_get(mem, at + i * sizeof(dyn), &dyn) < 0)
			return -TC_EFAULT;
		tc_addr value = relocated(module, ret->bias, dyn.d_un.d_ptr);
		switch (dyn.d_tag) {
		case DT_NULL:
			return ret->symtab && ret->strtab && (ret->gnu_hash || ret->sysv_hash) ?
				       0 :
				       -TC_EDATA;
		case DT_SYMTAB:
			ret->symtab = value;
			break;
		case DT_STRTAB:
			ret->strtab = value;
			break;
		case DT_GNU_HASH:
			ret->gnu_hash = value;
			break;
		case DT_HASH:
			ret->sysv_hash = value;
			break;
		}
	}
	return -TC_EBOUND;
}

static int read_module(struct tc_mem *mem, const struct tc_module *module, struct dynsym *ret)
{
	Elf64_Ehdr ehdr;
	tc_addr dynamic = 0;
	bool loaded = false;

	*ret = (struct dynsym){ 0 };
	if (tc_get(mem, module->base, &ehdr) < 0)
		return -TC_EFAULT;
	if (memcmp(ehdr.e_ident, ELFMAG, SELFMAG) != 0 || ehdr.e_ident[EI_CLASS] != ELFCLASS64 ||
	    ehdr.e_phentsize != sizeof(Elf64_Phdr) || ehdr.e_phnum > MAX_PHDRS)
		return -TC_EDATA;
	for (unsigned i = 0; i < ehdr.e_phnum; i++) {
		Elf64_Phdr phdr;
		if (tc_get(mem, module->base + ehdr.e_phoff + i * sizeof(phdr), &phdr) < 0)
			return -TC_EFAULT;
		if (phdr.p_type == PT_LOAD && !loaded) {
			ret->bias = module->base - (phdr.p_vaddr & ~(uint64_t)4095);
			loaded = true;
		} else if (phdr.p_type == PT_DYNAMIC) {
			dynamic = phdr.p_vaddr;
		}
	}
	if (!dynamic || !loaded)
		return -TC_EDATA;
	return read_dynamic(mem, module, ret->bias + dynamic, ret);
}

/* Is symbol number i the one named? Then *ret_addr gets its address. */
static bool symbol_is(struct tc_mem *mem, const struct dynsym *dynsym, uint32_t i, const char *name,
		      tc_addr *ret_addr)
{
	Elf64_Sym sym;
	char text[32];
	size_t size = strlen(name) + 1;

	if (size > sizeof(text) || tc_get(mem, dynsym->symtab + i * sizeof(sym), &sym) < 0 ||
	    tc_read(mem, dynsym->strtab + sym.st_name, text, size) < 0 ||
	    memcmp(text, name, size) != 0 || sym.st_shndx == SHN_UNDEF)
		return false;
	*ret_addr = dynsym->bias + sym.st_value;
	return true;
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t hash = 5381;

	for (const char *c = name; *c; c++)
		hash = hash * 33 + (uint8_t)*c;
	return hash;
}

static bool find_gnu(struct tc_mem *mem, const struct dynsym *dynsym, const char *name,
		     tc_addr *ret_addr)
{
	struct {
		uint32_t n_buckets, first, n_bloom, shift;
	} head;
	uint32_t hash = gnu_hash(name), i, entry;
	uint64_t bloom;

	if (tc_get(mem, dynsym->gnu_hash, &head) < 0 || head.n_buckets == 0 ||
	    head.n_buckets > MAX_BUCKETS || head.n_bloom == 0 || head.n_bloom > MAX_BUCKETS)
		return false;
	tc_addr blooms = dynsym->gnu_hash + sizeof(head);
	tc_addr buckets = blooms + 8ul * head.n_bloom, chains = buckets + 4ul * head.n_buckets;
	if (tc_get(mem, blooms + 8ul * (hash / 64 % head.n_bloom), &bloom) < 0 ||
	    !(bloom >> (hash & 63) & 1) || !(bloom >> (hash >> (head.shift & 31) & 63) & 1))
		return false;
	if (tc_get(mem, buckets + 4ul * (hash % head.n_buckets), &i) < 0 || i < head.first)
		return false;
	for (unsigned n = 0; n < MAX_HASH_CHAIN; n++, i++) {
		if (tc_get(mem, chains + 4ul * (i - head.first), &entry) < 0)
			return false;
		if ((entry | 1) == (hash | 1) && symbol_is(mem, dynsym, i, name, ret_addr))
			return true;
		if (entry & 1)
			return false;
	}
	return false;
}

static bool find_sysv(struct tc_mem *mem, const struct dynsym *dynsym, const char *name,
		      tc_addr *ret_addr)
{
	uint32_t head[2], hash = 0, i;

	for (const char *c = name; *c; c++) {
		hash = (hash << 4) + (uint8_t)*c;
		hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
	}
	if (tc_get(mem, dynsym->sysv_hash, &head) < 0 || head[0] == 0 || head[0] > MAX_BUCKETS ||
	    tc_get(mem, dynsym->sysv_hash + 8 + 4ul * (hash % head[0]), &i) < 0)
		return false;
	for (unsigned n = 0; i != 0 && n < MAX_HASH_CHAIN; n++) {
		if (symbol_is(mem, dynsym, i, name, ret_addr))
			return true;
		if (tc_get(mem, dynsym->sysv_hash + 8 + 4ul * head[0] + 4ul * i, &i) < 0)
			return false;
	}
	return false;
}

static bool find_symbol(struct tc_mem *mem, const struct dynsym *dynsym, const char *name,
			tc_addr *ret_addr)
{
	return dynsym->gnu_hash ? find_gnu(mem, dynsym, name, ret_addr) :
				  find_sysv(mem, dynsym, name, ret_addr);
}

/* _Py_DebugOffsets (3.13+): cookie, version, free-threaded;
 * Include/internal/pycore_debug_offsets.h. */
static void read_cookie(struct tc_mem *mem, struct tc_runtime_site *site)
{
	struct {
		char cookie[8];
		uint64_t version, free_threaded;
	} head;

	if (tc_get(mem, site->runtime, &head) == 0 && memcmp(head.cookie, "xdebugpy", 8) == 0) {
		site->version = (uint32_t)head.version;
		site->free_threaded = head.free_threaded != 0;
	}
}

/* This symbol came with PEP 587 in 3.8: a _PyRuntime without it belongs to 3.7. */
#define SINCE_3_8 "PyConfig_InitPythonConfig"
#define VERSION_3_7 0x03070000u /* the patch release is not known */

static bool is_python(struct tc_mem *mem, const struct tc_module *module,
		      struct tc_runtime_site *ret)
{
	struct dynsym dynsym;
	tc_addr version, unused;
	uint64_t hex;

	if (read_module(mem, module, &dynsym) < 0 ||
	    !find_symbol(mem, &dynsym, "_PyRuntime", &ret->runtime))
		return false;
	ret->version = 0;
	ret->free_threaded = false;
	ret->module = module->path;
	if (find_symbol(mem, &dynsym, "Py_Version", &version) && tc_get(mem, version, &hex) == 0)
		ret->version = (uint32_t)hex;
	else if (!find_symbol(mem, &dynsym, SINCE_3_8, &unused))
		ret->version = VERSION_3_7;
	read_cookie(mem, ret);
	return true;
}

static bool named_python(const struct tc_module *module)
{
	const char *name = module->path;

	for (const char *c = module->path; *c; c++)
		if (*c == '/')
			name = c + 1;
	return strncmp(name, "python", 6) == 0 || strncmp(name, "libpython", 9) == 0;
}

/* A process may have a second libpython mapped whose interpreter was never started: its runtime is
 * all zeros. */
static bool has_started(struct tc_mem *mem, const struct tc_runtime_site *site)
{
	struct tc_layout layout;
	uint32_t version;
	char source[64];

	return tc_layout_choose(mem, site, &layout, &version, source) != -TC_ESTARTING;
}

int tc_find_runtime(struct tc_mem *mem, struct tc_runtime_site *ret)
{
	struct tc_runtime_site site;
	bool found = false;

	/* Modules that are named like an interpreter come first: in most processes one of them is
	 * it, and the other hundred need not be read. */
	for (int named = 1; named >= 0; named--)
		for (size_t i = 0; i < mem->n_modules; i++) {
			if (named_python(&mem->modules[i]) != named ||
			    !is_python(mem, &mem->modules[i], &site))
				continue;
			if (!found)
				*ret = site;
			found = true;
			if (has_started(mem, &site)) {
				*ret = site;
				return 0;
			}
		}
	return found ? 0 : -TC_ENOPYTHON;
}

const char *tc_find_other(struct tc_mem *mem, const char **ret_module)
{
	struct dynsym dynsym;
	tc_addr unused;

	for (size_t i = 0; i < mem->n_modules; i++) {
		*ret_module = mem->modules[i].path;
		if (read_module(mem, &mem->modules[i], &dynsym) < 0)
			continue;
		if (find_symbol(mem, &dynsym, "PyPy_GetVersion", &unused))
			return "PyPy";
		if (find_symbol(mem, &dynsym, "Py_Initialize", &unused))
			return "Python";
	}
	return NULL;
}
