/* SPDX-License-Identifier: Apache-2.0
 * The head notes of the dump file: those that gdb and eu-stack read, and the one that holds the
 * head chunk. */
#include "lib/core/core_notes.h"

#include <elf.h>

#include "lib/core/core_out.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/base/safe.h"

#define FILES_MAX 16384u       /* entries of NT_FILE */

static uint64_t note_size(const char *owner, size_t size)
{
	return sizeof(Elf64_Nhdr) + tc_core_pad4(strlen(owner) + 1) + tc_core_pad4(size);
}

/* The fatal signal, in the fields of prstatus. As the kernel does (fs/binfmt_elf.c, fill_prstatus),
 * each thread gets it: gdb takes that of the last one. */
static void put_signal(uint8_t *desc, const struct tc_process *process,
		       const struct tc_os_thread *thread)
{
	const uint16_t signal = (uint16_t)process->signal;

	if (!process->crash)
		return;
	memcpy(desc + TC_ARCH_PRSTATUS_SIGNO, &process->signal, 4);
	memcpy(desc + TC_ARCH_PRSTATUS_CURSIG, &signal, sizeof(signal));
	if (process->crash->tid == thread->tid)
		memcpy(desc + TC_ARCH_PRSTATUS_CODE, &process->crash->code, 4);
}

/* If only pc and sp are known, the other registers stay 0 (format.md section 2). */
static int put_prstatus(struct tc_core *core, const struct tc_process *process,
			const struct tc_os_thread *thread)
{
	uint8_t desc[TC_ARCH_PRSTATUS_SIZE];
	uint64_t regs[TC_ARCH_N_REGS] = { 0 };

	memset(desc, 0, sizeof(desc));
	memcpy(desc + TC_ARCH_PRSTATUS_PID, &thread->tid, 4);
	put_signal(desc, process, thread);
	regs[TC_ARCH_REG_PC] = thread->pc;
	regs[TC_ARCH_REG_SP] = thread->sp;
	memcpy(desc + TC_ARCH_PRSTATUS_REGS, thread->regs ? thread->regs : regs, sizeof(regs));
	return tc_core_note(core, "CORE", NT_PRSTATUS, desc, sizeof(desc));
}

/* struct elf_prpsinfo of <linux/elfcore.h>. */
struct prpsinfo {
	char state, sname, zomb, nice;
	uint64_t flag;
	uint32_t uid, gid, pid, ppid, pgrp, sid;
	char fname[16], psargs[80];
};

static int put_prpsinfo(struct tc_core *core, const struct tc_process *process)
{
	struct prpsinfo info = { .sname = process->state,
				 .uid = process->uid,
				 .gid = process->gid,
				 .pid = process->pid,
				 .ppid = process->ppid };
	const char *base = process->exe;

	for (const char *p = process->exe; *p; p++)
		if (*p == '/')
			base = p + 1;
	size_t n = strlen(base);
	memcpy(info.fname, base, n < sizeof(info.fname) ? n : sizeof(info.fname) - 1);
	n = process->args_size < sizeof(info.psargs) ? process->args_size : sizeof(info.psargs) - 1;
	for (size_t i = 0; i < n; i++)
		info.psargs[i] = process->args[i] ? process->args[i] : ' ';
	return tc_core_note(core, "CORE", NT_PRPSINFO, &info, sizeof(info));
}

static bool has_siginfo(const struct tc_process *process)
{
	return process->crash && process->crash->siginfo;
}

/* NT_SIGINFO comes right behind the registers of the first thread: gdb takes it for that of the
 * thread whose registers came last (bfd/elf.c, elfcore_make_note_pseudosection). */
static int put_threads(struct tc_core *core, const struct tc_process *process)
{
	const struct tc_mem *mem = core->mem;

	for (size_t i = 0; i < mem->n_threads; i++) {
		if (put_prstatus(core, process, &mem->threads[i]) < 0)
			return -TC_EWRITE;
		if (i == 0 && has_siginfo(process) &&
		    tc_core_note(core, "CORE", NT_SIGINFO, process->crash->siginfo,
				 TC_CORE_SIGINFO) < 0)
			return -TC_EWRITE;
	}
	return 0;
}

static bool is_file(const struct tc_region *r)
{
	return r->inode && r->path[0] == '/';
}

/* The number of entries of NT_FILE and the bytes of its descriptor. */
static size_t count_files(const struct tc_maps *maps, size_t *ret_size)
{
	size_t n = 0, size = 16;

	for (size_t i = 0; maps && i < maps->n_regions && n < FILES_MAX; i++)
		if (is_file(&maps->regions[i])) {
			n++;
			size += 24 + strlen(maps->regions[i].path) + 1;
		}
	*ret_size = size;
	return n;
}

/* NT_FILE as fs/binfmt_elf.c fill_files_note writes it: count, page size, {start, end, page} …,
 * paths. */
static int put_files(struct tc_core *core, const struct tc_maps *maps)
{
	size_t size, n = count_files(maps, &size);
	uint64_t head[2] = { n, TC_ARCH_PAGE };
	size_t left = n;

	if (tc_core_note_head(core, "CORE", NT_FILE, size) < 0 ||
	    tc_core_put(core, head, sizeof(head)) < 0)
		return -TC_EWRITE;
	for (size_t i = 0; left && i < maps->n_regions; i++) {
		const struct tc_region *r = &maps->regions[i];
		uint64_t entry[3] = { r->start, r->end, r->offset / TC_ARCH_PAGE };
		if (!is_file(r))
			continue;
		left--;
		if (tc_core_put(core, entry, sizeof(entry)) < 0)
			return -TC_EWRITE;
	}
	left = n;
	for (size_t i = 0; left && i < maps->n_regions; i++) {
		const struct tc_region *r = &maps->regions[i];
		if (!is_file(r))
			continue;
		left--;
		if (tc_core_put(core, r->path, strlen(r->path) + 1) < 0)
			return -TC_EWRITE;
	}
	return tc_core_pad(core, core->at + tc_core_pad4(size) - size);
}

uint64_t tc_core_head_notes_size(const struct tc_core *core, const struct tc_maps *maps,
				 const struct tc_process *process)
{
	size_t files;

	count_files(maps, &files);
	return core->mem->n_threads * note_size("CORE", TC_ARCH_PRSTATUS_SIZE) +
	       (core->mem->n_threads && has_siginfo(process) ?
			note_size("CORE", TC_CORE_SIGINFO) :
			0) +
	       note_size("CORE", sizeof(struct prpsinfo)) + note_size("CORE", process->auxv_size) +
	       note_size("CORE", files) + note_size(TC_NOTE_OWNER, core->head_size);
}

int tc_core_put_head_notes(struct tc_core *core, const struct tc_maps *maps,
			   const struct tc_process *process)
{
	if (put_threads(core, process) < 0 || put_prpsinfo(core, process) < 0 ||
	    tc_core_note(core, "CORE", NT_AUXV, process->auxv, process->auxv_size) < 0 ||
	    put_files(core, maps) < 0)
		return -TC_EWRITE;
	return tc_core_note(core, TC_NOTE_OWNER, TC_NOTE_HEAD, core->head_chunk, core->head_size);
}
