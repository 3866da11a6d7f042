/* SPDX-License-Identifier: Apache-2.0
 * The head notes of the dump file: what gdb and eu-stack read, and TaskCore's own head records. */
#include "lib/core/core_notes.h"

#include <elf.h>

#include "lib/sys/arch_x86_64.h"
#include "lib/base/safe.h"

#define HEAD_FULL (960u << 10) /* a head chunk is closed there: below TC_RECORDS_FLUSH */
#define FILES_MAX 16384u       /* entries of NT_FILE */
#define WRITER "taskcore 0.1.0"

static size_t pad4(size_t size)
{
	return (size + 3) & ~(size_t)3;
}

static uint64_t note_size(const char *owner, size_t size)
{
	return sizeof(Elf64_Nhdr) + pad4(strlen(owner) + 1) + pad4(size);
}

/* The head of a note: header and owner; the descriptor of size bytes and its padding follow. */
static int put_note_head(struct tc_core *core, const char *owner, uint32_t type, size_t size)
{
	size_t owner_size = strlen(owner) + 1;
	Elf64_Nhdr head = { .n_namesz = (uint32_t)owner_size,
			    .n_descsz = (uint32_t)size,
			    .n_type = type };

	if (tc_core_put(core, &head, sizeof(head)) < 0 || tc_core_put(core, owner, owner_size) < 0)
		return -TC_EWRITE;
	return tc_core_pad(core, core->at + pad4(owner_size) - owner_size);
}

int tc_core_note(struct tc_core *core, const char *owner, uint32_t type, const void *desc,
		 size_t size)
{
	if (put_note_head(core, owner, type, size) < 0 || tc_core_put(core, desc, size) < 0)
		return -TC_EWRITE;
	return tc_core_pad(core, core->at + pad4(size) - size);
}

/* Registers that are not known stay 0 (format.md section 2). */
static int put_prstatus(struct tc_core *core, const struct tc_os_thread *thread)
{
	uint8_t desc[TC_ARCH_PRSTATUS_SIZE];
	uint64_t regs[TC_ARCH_N_REGS] = { 0 };

	memset(desc, 0, sizeof(desc));
	memcpy(desc + TC_ARCH_PRSTATUS_PID, &thread->tid, 4);
	regs[TC_ARCH_REG_PC] = thread->pc;
	regs[TC_ARCH_REG_SP] = thread->sp;
	memcpy(desc + TC_ARCH_PRSTATUS_REGS, regs, sizeof(regs));
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

	if (put_note_head(core, "CORE", NT_FILE, size) < 0 ||
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
	return tc_core_pad(core, core->at + pad4(size) - size);
}

uint64_t tc_core_head_notes_size(const struct tc_core *core, const struct tc_maps *maps,
				 const struct tc_process *process)
{
	size_t files;

	count_files(maps, &files);
	return core->mem->n_threads * note_size("CORE", TC_ARCH_PRSTATUS_SIZE) +
	       note_size("CORE", sizeof(struct prpsinfo)) + note_size("CORE", process->auxv_size) +
	       note_size("CORE", files) + note_size(TC_NOTE_OWNER, core->head_size);
}

int tc_core_put_head_notes(struct tc_core *core, const struct tc_maps *maps,
			   const struct tc_process *process)
{
	for (size_t i = 0; i < core->mem->n_threads; i++)
		if (put_prstatus(core, &core->mem->threads[i]) < 0)
			return -TC_EWRITE;
	if (put_prpsinfo(core, process) < 0 ||
	    tc_core_note(core, "CORE", NT_AUXV, process->auxv, process->auxv_size) < 0 ||
	    put_files(core, maps) < 0)
		return -TC_EWRITE;
	return tc_core_note(core, TC_NOTE_OWNER, TC_NOTE_HEAD, core->head_chunk, core->head_size);
}

static void put_string(struct tc_records *rec, const char *text)
{
	tc_put_b(rec, text, strlen(text));
}

static void put_head(struct tc_records *rec, const struct tc_process *p)
{
	tc_record_begin(rec, TC_REC_HEAD);
	tc_put_u(rec, p->pid);
	tc_put_u(rec, p->pid_ns);
	tc_put_u(rec, p->ppid);
	tc_put_u(rec, p->uid);
	tc_put_u(rec, p->gid);
	put_string(rec, p->reason);
	tc_put_u(rec, p->signal);
	tc_put_u(rec, p->sender_pid);
	tc_put_u(rec, p->sender_uid);
	tc_put_u(rec, p->wall_ns);
	tc_put_u(rec, p->mono_ns);
	tc_put_u(rec, p->boot_ns);
	tc_put_u(rec, p->start_ns);
	put_string(rec, p->exe);
	tc_put_b(rec, p->args, p->args_size < TC_CORE_ARGS_MAX ? p->args_size : TC_CORE_ARGS_MAX);
	put_string(rec, p->host);
	put_string(rec, p->release);
	put_string(rec, WRITER);
	tc_put_u(rec, p->flags);
	tc_put_u(rec, (uint8_t)p->state);
	tc_put_u(rec, TC_ARCH_PAGE);
	put_string(rec, p->cgroup);
	tc_put_u(rec, p->cookie);
	tc_put_u(rec, 0); /* features that a reader must know: none */
	tc_record_end(rec);
}

static int put_thread(struct tc_records *rec, const struct tc_os_thread *t)
{
	tc_record_begin(rec, TC_REC_THREAD);
	tc_put_u(rec, t->tid);
	tc_put_u(rec, t->tid_ns);
	put_string(rec, t->comm);
	tc_put_u(rec, (uint8_t)t->state);
	tc_put_u(rec, t->how);
	tc_put_u(rec, t->pc);
	tc_put_u(rec, t->sp);
	tc_put_u(rec, (uint64_t)(t->syscall + 1));
	for (int i = 0; i < 6; i++)
		tc_put_u(rec, t->args[i]);
	tc_put_u(rec, t->utime_ns);
	tc_put_u(rec, t->stime_ns);
	put_string(rec, t->wchan);
	return tc_record_end(rec);
}

static int put_module(struct tc_records *rec, const struct tc_module *m)
{
	tc_record_begin(rec, TC_REC_MODULE);
	tc_put_u(rec, m->base);
	tc_put_u(rec, m->end);
	tc_put_u(rec, m->dev);
	tc_put_u(rec, m->inode);
	tc_put_u(rec, m->mtime_ns);
	tc_put_u(rec, m->size);
	tc_put_b(rec, m->build_id, m->build_id_size);
	put_string(rec, m->path);
	return tc_record_end(rec);
}

/* Put records of modules and threads until the chunk under way is so long. -TC_EWRITE, or 0. */
static int put_modules_and_threads(struct tc_core *core, size_t full)
{
	struct tc_records *rec = &core->rec;

	while (core->next_module < core->mem->n_modules && rec->used < full)
		if (put_module(rec, &core->mem->modules[core->next_module++]) == -TC_EWRITE)
			return -TC_EWRITE;
	while (core->next_thread < core->mem->n_threads && rec->used < full)
		if (put_thread(rec, &core->mem->threads[core->next_thread++]) == -TC_EWRITE)
			return -TC_EWRITE;
	return 0;
}

void tc_core_head_records(struct tc_core *core, const struct tc_process *process)
{
	put_head(&core->rec, process);
	put_modules_and_threads(core, HEAD_FULL);
	tc_records_flush(&core->rec, TC_NOTE_HEAD);
}

int tc_core_more_head_records(struct tc_core *core)
{
	return put_modules_and_threads(core, SIZE_MAX);
}
