/* SPDX-License-Identifier: Apache-2.0
 * The address of a fault. */
#include "analyzer/facts/crash_address.h"

#include <inttypes.h>

#include "analyzer/facts/signal_code.h"

#define NULL_MAX (64u << 10) /* the lowest address that may be mapped (vm.mmap_min_addr) */
#define NEAR (1u << 20)
#define PATH_COLUMNS 60u
#define DELETED " (deleted)"

enum { READ = 1, WRITE = 2, EXECUTE = 4 }; /* of tc_crash_record.access */

static uint32_t signal_of(const struct tc_crash_view *crash)
{
	return crash->threads->model->head.signal;
}

/* A page fault says how the address was used; other faults do not. */
static bool is_page_fault(const struct tc_crash_view *crash)
{
	const int64_t code = crash->record->code;

	if (signal_of(crash) == TC_SIGNAL_SEGV)
		return code == TC_CODE_SEGV_MAPERR || code == TC_CODE_SEGV_ACCERR ||
		       code == TC_CODE_SEGV_PKUERR;
	return signal_of(crash) == TC_SIGNAL_BUS &&
	       (code == TC_CODE_BUS_ADRERR || code == TC_CODE_BUS_MCEERR_AR);
}

enum tc_access tc_crash_access(const struct tc_crash_view *crash)
{
	if (!tc_crash_has_address(crash))
		return TC_ACCESS_UNKNOWN;
	return crash->record->flags & TC_CRASH_FETCH ? TC_ACCESS_EXECUTE :
	       crash->record->flags & TC_CRASH_WRITE ? TC_ACCESS_WRITE :
	       is_page_fault(crash)		     ? TC_ACCESS_READ :
						       TC_ACCESS_UNKNOWN;
}

bool tc_crash_has_address(const struct tc_crash_view *crash)
{
	return crash->cause == TC_CRASH_BY_FAULT && crash->record->flags & TC_CRASH_ADDRESS &&
	       (signal_of(crash) == TC_SIGNAL_SEGV || signal_of(crash) == TC_SIGNAL_BUS);
}

static bool begins(struct tc_text text, const char *with)
{
	return text.size >= strlen(with) && memcmp(text.at, with, strlen(with)) == 0;
}

/* These have no name in any folder, and are called deleted from the beginning (Linux, mm/shmem.c,
 * mm/memfd.c, mm/hugetlb.c, ipc/shm.c). */
static bool is_nameless(struct tc_text path)
{
	return begins(path, "/memfd:") || begins(path, "/dev/zero") || begins(path, "/SYSV") ||
	       begins(path, "/anon_hugepage");
}

static bool is_deleted(struct tc_text *path)
{
	const size_t end = strlen(DELETED);

	if (path->size <= end || memcmp(path->at + path->size - end, DELETED, end) != 0)
		return false;
	path->size -= end;
	return !is_nameless(*path);
}

/* "an anonymous mapping", "[heap]", "the mapping of /a/b, a file that was deleted". */
static void say_mapping(struct tc_out *out, const struct tc_crash_record *record)
{
	struct tc_text path = record->path;

	if (path.size == 0) {
		tc_out_str(out, "an anonymous mapping");
		return;
	}
	const bool deleted = is_deleted(&path);
	if (path.at[0] == '/')
		tc_out_str(out, "the mapping of ");
	tc_out_text_end(out, path, PATH_COLUMNS);
	if (deleted)
		tc_out_str(out, ", a file that was deleted");
}

/* The thread whose stack begins where this mapping without access ends; the one that took the
 * signal before others. NULL: none. */
static const struct tc_thread_view *guarded(const struct tc_crash_view *crash)
{
	const struct tc_crash_record *record = crash->record;
	const struct tc_thread_view *found = NULL;

	if (record->access)
		return NULL;
	for (size_t i = 0; i < crash->threads->n; i++) {
		const struct tc_thread_view *view = &crash->threads->at[i];
		if (!view->os || view->os->stack.start >= view->os->stack.end ||
		    view->os->stack.start != record->mapping.end)
			continue;
		if (view->os->tid == record->tid)
			return view;
		found = found ? found : view;
	}
	return found;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* Nothing is mapped at the address, though a mapping that may be accessed holds it: a guard that
 * was made with MADV_GUARD_INSTALL (Linux 6.13), as glibc 2.42 makes those of stacks. One mapping
 * may hold the stacks of many threads, so only a guard near the stack pointer is this thread's. */
static bool is_inner_guard(const struct tc_crash_view *crash)
{
	const struct tc_crash_record *record = crash->record;

	return signal_of(crash) == TC_SIGNAL_SEGV && record->code == TC_CODE_SEGV_MAPERR &&
	       record->access && crash->thread &&
	       tc_span_has(record->mapping, crash->thread->os->sp) &&
	       distance(crash->thread->os->sp, record->address) <= NEAR;
}

static bool say_guard(struct tc_out *out, const struct tc_crash_view *crash)
{
	const struct tc_crash_record *record = crash->record;
	const struct tc_thread_view *view = guarded(crash);

	if (view) {
		tc_out_printf(out, "in the guard below the stack of H%zu",
			      (size_t)(view - crash->threads->at) + 1);
		if (view->os->tid == record->tid)
			tc_out_str(out, ": the stack of this thread has overflowed");
		return true;
	}
	if (is_inner_guard(crash)) {
		tc_out_str(out, "in a guard inside the mapping of the stack: the stack of this "
				"thread has overflowed");
		return true;
	}
	if (record->access || !crash->thread ||
	    !tc_span_has(record->mapping, crash->thread->os->sp))
		return false;
	tc_out_str(out, "in a mapping without access, where the stack pointer is too: the stack of "
			"this thread has overflowed, or its stack pointer is wrong");
	return true;
}

static void say_mapped(struct tc_out *out, const struct tc_crash_view *crash)
{
	const struct tc_crash_record *record = crash->record;
	const enum tc_access access = tc_crash_access(crash);

	if (say_guard(out, crash))
		return;
	tc_out_str(out, "in ");
	say_mapping(out, record);
	if (signal_of(crash) == TC_SIGNAL_BUS && record->code == TC_CODE_BUS_ADRERR &&
	    record->path.size && record->path.at[0] == '/' &&
	    !begins(record->path, "/anon_hugepage"))
		tc_out_str(out, ", behind the end of the file, or where it cannot be read");
	else if (!(record->access & (READ | WRITE | EXECUTE)))
		tc_out_str(out, ", which allows no access");
	else if (access == TC_ACCESS_EXECUTE && !(record->access & EXECUTE))
		tc_out_str(out, ", which is not executable");
	else if (access == TC_ACCESS_WRITE && !(record->access & WRITE))
		tc_out_str(out, ", which is mapped read-only");
	else
		tc_out_printf(out, " (%c%c%c)", record->access & READ ? 'r' : '-',
			      record->access & WRITE ? 'w' : '-',
			      record->access & EXECUTE ? 'x' : '-');
}

/* The kernel lets the stack of the first thread grow when an address below it is used, up to a
 * bound: below it there is no guard, only nothing. */
static bool say_below_stack(struct tc_out *out, const struct tc_crash_view *crash)
{
	const struct tc_crash_record *record = crash->record;
	const struct tc_thread *os = crash->thread ? crash->thread->os : NULL;

	if (!os || record->above <= record->address || record->above - record->address > NEAR ||
	    distance(os->sp, record->address) > NEAR)
		return false;
	if (os->stack.start < os->stack.end && os->stack.start == record->above) {
		tc_out_printf(out,
			      "right below the stack of H%zu: the stack of this thread has "
			      "overflowed",
			      (size_t)(crash->thread - crash->threads->at) + 1);
		return true;
	}
	if (os->stack.start < os->stack.end || os->sp >= record->above || os->sp < record->below)
		return false;
	tc_out_str(out, "right below a mapping, and the stack pointer is there too: the stack of "
			"this thread has overflowed, or its stack pointer is wrong");
	return true;
}

static void say_unmapped(struct tc_out *out, const struct tc_crash_view *crash)
{
	const struct tc_crash_record *record = crash->record;
	const uint64_t addr = record->address;
	const bool below = record->below && record->below <= addr && addr - record->below <= NEAR;
	const bool above = record->above > addr && record->above - addr <= NEAR;

	if (say_below_stack(out, crash))
		return;
	tc_out_str(out, "where nothing is mapped");
	if (addr < NULL_MAX || (!below && !above))
		return;
	tc_out_str(out, ", ");
	if (below && addr == record->below) {
		tc_out_str(out, "right behind the end of a mapping");
	} else if (below && (!above || addr - record->below <= record->above - addr)) {
		tc_out_bytes(out, addr - record->below);
		tc_out_str(out, " behind the end of a mapping");
	} else {
		tc_out_bytes(out, record->above - addr);
		tc_out_str(out, " before the beginning of a mapping");
	}
}

static void say_place(struct tc_out *out, const struct tc_crash_view *crash)
{
	if (tc_span_has(crash->record->mapping, crash->record->address))
		say_mapped(out, crash);
	else
		say_unmapped(out, crash);
}

/* "NULL", "NULL + 0x18". False, and nothing: it is not close to it. */
static bool say_null(struct tc_out *out, const char *before, uint64_t addr, const char *behind)
{
	if (addr >= NULL_MAX)
		return false;
	tc_out_printf(out, "%sNULL", before);
	if (addr)
		tc_out_printf(out, " + 0x%" PRIx64, addr);
	tc_out_str(out, behind);
	return true;
}

void tc_crash_say_address(struct tc_out *out, const struct tc_crash_view *crash)
{
	tc_out_printf(out, "0x%" PRIx64, crash->record->address);
	say_null(out, " (", crash->record->address, ")");
	tc_out_str(out, ", ");
	say_place(out, crash);
}

void tc_crash_say_where(struct tc_out *out, const struct tc_crash_view *crash)
{
	say_null(out, "", crash->record->address, ", ");
	say_place(out, crash);
}

const struct tc_module_map *tc_module_of(const struct tc_model *model, uint64_t addr)
{
	for (size_t i = 0; i < model->n_modules; i++)
		if (model->modules[i].base <= addr && addr < model->modules[i].end)
			return &model->modules[i];
	return NULL;
}

void tc_say_code(struct tc_out *out, const struct tc_model *model, uint64_t addr)
{
	const struct tc_module_map *module = tc_module_of(model, addr);

	if (!module) {
		tc_out_printf(out, "0x%" PRIx64 " in no module", addr);
		return;
	}
	tc_out_text_end(out, tc_text_base(module->path), PATH_COLUMNS);
	tc_out_printf(out, "+0x%" PRIx64, addr - module->base);
}
