/* SPDX-License-Identifier: Apache-2.0
 * TaskCore's own records about the process: its head, its crash, its modules, its threads
 * (docs/format.md section 8). */
#include "lib/core/head_records.h"

#include "lib/sys/arch_x86_64.h"
#include "lib/base/safe.h"

/* bytes; a head chunk is closed at this size, which must be below TC_RECORDS_FLUSH: there the chunk
 * would be written */
#define HEAD_FULL (960u << 10)
#define WRITER "taskcore " PACKAGE_VERSION /* of configure.ac */

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
	tc_put_u(rec, p->max_fds);
	tc_record_end(rec);
}

static void put_crash(struct tc_records *rec, const struct tc_crash *crash,
		      const struct tc_maps *maps)
{
	const struct tc_region *in = NULL, *below = NULL, *above = NULL;

	for (size_t i = 0; maps && i < maps->n_regions && !above; i++) {
		const struct tc_region *r = &maps->regions[i];
		if (r->end <= crash->address)
			below = r;
		else if (r->start <= crash->address)
			in = r;
		else
			above = r;
	}
	tc_record_begin(rec, TC_REC_CRASH);
	tc_put_u(rec, crash->tid);
	tc_put_u(rec, crash->flags);
	tc_put_s(rec, crash->code);
	tc_put_u(rec, crash->address);
	tc_put_u(rec, in ? in->start : 0);
	tc_put_u(rec, in ? in->end : 0);
	tc_put_u(rec, in ? in->prot : 0);
	put_string(rec, in ? in->path : "");
	tc_put_u(rec, below ? below->end : 0);
	tc_put_u(rec, above ? above->start : 0);
	tc_put_u(rec, crash->handler);
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
	tc_put_u(rec, t->flags);
	tc_put_u(rec, t->stack.start);
	tc_put_u(rec, t->stack.end);
	tc_put_u(rec, t->kept.start);
	tc_put_u(rec, t->kept.end);
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

/* Write records of modules and threads until the present chunk has `full` bytes. 0 or
 * -TC_EWRITE. */
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

void tc_core_head_records(struct tc_core *core, const struct tc_maps *maps,
			  const struct tc_process *process)
{
	put_head(&core->rec, process);
	if (process->crash)
		put_crash(&core->rec, process->crash, maps);
	put_modules_and_threads(core, HEAD_FULL);
	tc_records_flush(&core->rec, TC_NOTE_HEAD);
}

int tc_core_more_head_records(struct tc_core *core)
{
	return put_modules_and_threads(core, SIZE_MAX);
}
