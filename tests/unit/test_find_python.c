/* SPDX-License-Identifier: Apache-2.0
 * Finding _PyRuntime in the symbol tables of modules made of bytes: whole, foreign and damaged
 * ones. */
#include <check.h>
#include <elf.h>

#include "tests/unit/run_suite.h"
#include "tests/unit/fake_elf.h"
#include "tests/unit/fake_python.h"
#include "lib/python/find_python.h"

START_TEST(test_runtime_of_each_version_is_found)
{
	struct fake *f = fake_new(minors[_i]);
	struct tc_runtime_site site;

	ck_assert_int_eq(tc_find_runtime(&f->target.mem, &site), 0);
	ck_assert_uint_eq(site.runtime, f->runtime);
	ck_assert_uint_eq(site.version, minors[_i] >= 11 ? f->version : 0);
	ck_assert(!site.free_threaded);
	ck_assert_str_eq(site.module, "/usr/bin/python3");
	if (minors[_i] >= 13) {
		fake_put(f, f->runtime + 16, 1); /* of the debug offsets */
		ck_assert_int_eq(tc_find_runtime(&f->target.mem, &site), 0);
		ck_assert(site.free_threaded);
	}
	fake_free(f);
}
END_TEST

/* A module that says what it exports. */
#define BASE 0x10000ul

struct one {
	struct fake_mem target;
	struct tc_module module;
	uint8_t bytes[2 * FAKE_ELF_SIZE];
};

static void one_module(struct one *one, const struct fake_symbol *symbols, size_t n,
		       enum fake_hash hash)
{
	memset(one, 0, sizeof(*one));
	fake_mem_init(&one->target, BASE, one->bytes, sizeof(one->bytes));
	fake_elf(one->bytes, BASE, symbols, n, hash);
	one->module = (struct tc_module){ .base = BASE,
					  .end = BASE + sizeof(one->bytes),
					  .path = "/app/server" };
	one->target.mem.modules = &one->module;
	one->target.mem.n_modules = 1;
}

#define RUNTIME (BASE + FAKE_ELF_SIZE)

static const struct {
	struct fake_symbol symbols[5];
	size_t n;
	int want;
	uint32_t version;
	const char *other;
} exports[] = {
	{ { { "_PyRuntime", RUNTIME, false }, { "PyConfig_InitPythonConfig", BASE, false } },
	  2,
	  0,
	  0,
	  NULL },
	{ { { "a", 0, false },
	    { "b", 0, false },
	    { "PyConfig_InitPythonConfig", BASE, false },
	    { "_PyRuntime", RUNTIME, false } },
	  4,
	  0,
	  0,
	  NULL },
	{ { { "_PyRuntime", RUNTIME, false } }, 1, 0, 0x03070000, NULL },   /* 3.7 */
	{ { { "_PyRuntime", RUNTIME, true } }, 1, -TC_ENOPYTHON, 0, NULL }, /* imported */
	{ { { "_PyRuntimeX", RUNTIME, false }, { "_PyRuntim", RUNTIME, false } },
	  2,
	  -TC_ENOPYTHON,
	  0,
	  NULL },
	{ { { "Py_Initialize", BASE, false } }, 1, -TC_ENOPYTHON, 0, "Python" }, /* 2.7, 3.6 */
	{ { { "PyPy_GetVersion", BASE, false }, { "Py_Initialize", BASE, false } },
	  2,
	  -TC_ENOPYTHON,
	  0,
	  "PyPy" },
	{ { { "main", BASE, false } }, 1, -TC_ENOPYTHON, 0, NULL },
};

START_TEST(test_module_is_what_its_exports_say)
{
	static const enum fake_hash hashes[] = { FAKE_HASH_GNU, FAKE_HASH_SYSV };
	struct tc_runtime_site site;
	const char *module;
	static struct one one;

	for (int h = 0; h < 2; h++) {
		one_module(&one, exports[_i].symbols, exports[_i].n, hashes[h]);
		ck_assert_int_eq(tc_find_runtime(&one.target.mem, &site), exports[_i].want);
		if (exports[_i].want == 0) {
			ck_assert_uint_eq(site.runtime, RUNTIME);
			ck_assert_uint_eq(site.version, exports[_i].version);
		} else {
			ck_assert_pstr_eq(tc_find_other(&one.target.mem, &module),
					  exports[_i].other);
		}
	}
}
END_TEST

/* Words of the file that lie. Each is refused, and none is followed without an end. */
static const struct {
	enum fake_hash hash;
	unsigned at, size;
	uint64_t value;
} damage[] = {
	{ 0, 0, 4, 0 },				      /* no ELF file */
	{ 0, 4, 1, ELFCLASS32 },		      /* of 32 bits */
	{ 0, offsetof(Elf64_Ehdr, e_phentsize), 2, 1 },
	{ 0, offsetof(Elf64_Ehdr, e_phnum), 2, 65 },
	{ 0, offsetof(Elf64_Ehdr, e_phnum), 2, 1 },   /* no dynamic section */
	{ 0, offsetof(Elf64_Ehdr, e_phoff), 8, 1ul << 40 },
	{ 0, FAKE_ELF_PHDRS + 56 + 16, 8, 1ul << 40 }, /* the dynamic section is elsewhere */
	{ 0, FAKE_ELF_DYNAMIC, 8, DT_NULL },	       /* no symbols */
	{ 0, FAKE_ELF_DYNAMIC + 48, 8, DT_NEEDED },    /* without an end: zeros end it */
	{ 0, FAKE_ELF_DYNAMIC + 8, 8, 1ul << 40 },     /* symbols are elsewhere */
	{ 0, FAKE_ELF_DYNAMIC + 24, 8, 1ul << 40 },    /* names are elsewhere */
	{ 0, FAKE_ELF_DYNAMIC + 40, 8, 1ul << 40 },    /* the hash table is elsewhere */
	{ 0, FAKE_ELF_HASH, 4, 0 },		       /* no buckets */
	{ 0, FAKE_ELF_HASH, 4, UINT32_MAX },
	{ 0, FAKE_ELF_HASH + 4, 4, 9 },		       /* the first symbol is behind the bucket's */
	{ 0, FAKE_ELF_HASH + 8, 4, 0 },		       /* no filter */
	{ 0, FAKE_ELF_HASH + 16, 8, 0 },	       /* the filter says no */
	{ 0, FAKE_ELF_HASH + 24, 4, 1u << 30 },	       /* the chain is elsewhere */
	{ 1, FAKE_ELF_HASH, 4, 0 },
	{ 1, FAKE_ELF_HASH, 4, UINT32_MAX },
	{ 1, FAKE_ELF_HASH + 8, 4, 0 },
	{ 1, FAKE_ELF_HASH + 8, 4, 1u << 30 },
	{ 1, FAKE_ELF_HASH + 16, 4, 1 }, /* the chain is a ring */
};

START_TEST(test_damaged_module_holds_no_python)
{
	static const struct fake_symbol symbols[] = { { "main", BASE, false },
						      { "_PyRuntime", RUNTIME, false },
						      { "PyConfig_InitPythonConfig", BASE,
							false } };
	struct tc_runtime_site site;
	const char *module;
	static struct one one;

	one_module(&one, symbols, 3, damage[_i].hash);
	ck_assert_int_eq(tc_find_runtime(&one.target.mem, &site), 0);
	memcpy(one.bytes + damage[_i].at, &damage[_i].value, damage[_i].size);
	int r = tc_find_runtime(&one.target.mem, &site);
	if (damage[_i].at == FAKE_ELF_DYNAMIC + 48)
		ck_assert_int_eq(r, 0);
	else
		ck_assert_int_eq(r, -TC_ENOPYTHON);
	ck_assert_ptr_null(tc_find_other(&one.target.mem, &module));
}
END_TEST

/* A dynamic section, or a chain of hashes, that fills all that can be read. */
START_TEST(test_sections_without_an_end_are_left_at_a_bound)
{
	static struct one one;
	struct tc_runtime_site site;
	static uint8_t big[1 << 20];

	one_module(&one, &(struct fake_symbol){ "a", BASE, false }, 1, FAKE_HASH_GNU);
	memcpy(big, one.bytes, FAKE_ELF_SIZE);
	for (size_t at = FAKE_ELF_SIZE; at < sizeof(big); at += 8)
		memset(big + at, 2, 1); /* DT_PLTRELSZ */
	uint64_t dynamic = FAKE_ELF_SIZE;
	memcpy(big + FAKE_ELF_PHDRS + 56 + 16, &dynamic, 8);
	fake_mem_init(&one.target, BASE, big, sizeof(big));
	one.module.end = BASE + sizeof(big);
	one.target.mem.modules = &one.module;
	one.target.mem.n_modules = 1;
	ck_assert_int_eq(tc_find_runtime(&one.target.mem, &site), -TC_ENOPYTHON);
	ck_assert_uint_lt(one.target.n_reads, 2000);
}
END_TEST

/* What is named like Python is asked first, whatever its place. */
START_TEST(test_module_named_python_is_asked_first)
{
	struct fake *f = fake_new(12);
	struct tc_module modules[3] = { f->module, f->module, f->module };
	struct tc_runtime_site site;

	modules[0].path = "/app/server";
	modules[1].path = "libother.so";
	modules[2].path = "/usr/lib/libpython3.12.so";
	f->target.mem.modules = modules;
	f->target.mem.n_modules = 3;
	ck_assert_int_eq(tc_find_runtime(&f->target.mem, &site), 0);
	ck_assert_str_eq(site.module, "/usr/lib/libpython3.12.so");
	f->target.mem.n_modules = 2;
	ck_assert_int_eq(tc_find_runtime(&f->target.mem, &site), 0);
	ck_assert_str_eq(site.module, "/app/server");
	f->target.mem.n_modules = 0;
	ck_assert_int_eq(tc_find_runtime(&f->target.mem, &site), -TC_ENOPYTHON);
	fake_free(f);
}
END_TEST

/* Two libpythons, of which one was never started: its runtime is all zeros. */
START_TEST(test_python_that_has_started_comes_before_one_that_has_not)
{
	struct fake *f = fake_new(12);
	struct tc_module modules[2] = { f->module, f->module };
	tc_addr idle = fake_alloc(f, 4096),
		second = (fake_alloc(f, FAKE_ELF_SIZE + 4096) + 4095) & ~4095ul;
	struct fake_symbol symbols[] = { { "_PyRuntime", idle, false },
					 { "PyConfig_InitPythonConfig", idle, false },
					 { "Py_Version", idle + 8, false } };
	struct tc_runtime_site site;

	fake_put(f, idle + 8, f->version);
	fake_elf(f->target.bytes + (second - FAKE_BASE), second, symbols, 3, FAKE_HASH_GNU);
	modules[0].base = second;
	modules[0].path = "/opt/libpython3.12.so";
	f->target.mem.modules = modules;
	f->target.mem.n_modules = 1;
	ck_assert_int_eq(tc_find_runtime(&f->target.mem, &site), 0); /* alone it is the answer */
	ck_assert_uint_eq(site.runtime, idle);
	f->target.mem.n_modules = 2;
	ck_assert_int_eq(tc_find_runtime(&f->target.mem, &site), 0);
	ck_assert_uint_eq(site.runtime, f->runtime);
	fake_free(f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("find_python");
	TCase *c = tcase_create("find_python");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, test_runtime_of_each_version_is_found, 0, ROWS(minors));
	tcase_add_loop_test(c, test_module_is_what_its_exports_say, 0, ROWS(exports));
	tcase_add_loop_test(c, test_damaged_module_holds_no_python, 0, ROWS(damage));
	tcase_add_test(c, test_sections_without_an_end_are_left_at_a_bound);
	tcase_add_test(c, test_module_named_python_is_asked_first);
	tcase_add_test(c, test_python_that_has_started_comes_before_one_that_has_not);
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
