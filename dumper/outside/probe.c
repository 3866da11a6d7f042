/* SPDX-License-Identifier: Apache-2.0
 * Walks a process for its counts only. */
#include "dumper/outside/probe.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lib/python/find_python.h"
#include "lib/sys/sys.h"
#include "dumper/base/exit.h"
#include "dumper/base/wire.h"
#include "lib/base/plain.h"
#include "dumper/outside/target.h"
#include "dumper/outside/watch.h"

#define SILENCE_MS 2000

static int keep_nothing(struct tc_sink *sink, enum tc_note note, const void *chunk, size_t size)
{
	(void)sink;
	(void)note;
	(void)chunk;
	(void)size;
	return 0;
}

static int fail(struct tc_probe *probe, const struct tc_target *target, int r)
{
	snprintf(probe->line, sizeof(probe->line), "%s",
		 target->line[0] ? target->line : tc_strcode(r));
	return probe->code = r == -TC_EPERM	? TC_EXIT_PERMISSION :
			     r == -TC_EGONE	? TC_EXIT_GONE :
			     r == -TC_ENOPYTHON ? TC_EXIT_INPUT :
						  TC_EXIT_INTERNAL;
}

static void take_identity(struct tc_probe *probe, const struct tc_target *target)
{
	snprintf(probe->exe, sizeof(probe->exe), "%.*s", (int)sizeof(probe->exe) - 1, target->exe);
	memcpy(probe->comm, target->stat.comm, sizeof(probe->comm));
	probe->state = target->stat.state;
	probe->uid = target->process.uid;
	probe->n_threads = (uint32_t)target->n_threads;
	probe->tracer = target->tracer;
	probe->via = target->via;
	probe->pagemap = target->pagemap >= 0;
}

static int look(struct tc_probe *probe, struct tc_mem *mem)
{
	struct tc_runtime_site site;
	int r = tc_find_runtime(mem, &site);

	probe->has_python = r == 0;
	tc_unsupported_name(r, mem, &probe->walk.python, probe->other);
	return probe->code = r < 0 ? TC_EXIT_INPUT : TC_EXIT_OK;
}

static int walk(struct tc_probe *probe, struct tc_target *target, struct tc_arena *arena)
{
	static struct tc_records rec;
	struct tc_sink sink = { keep_nothing };
	struct tc_walk_options options = { .no_locals = true,
					   .no_refs = true,
					   .max_objects = 1,
					   .now_ns = tc_sys_clock_ns(CLOCK_MONOTONIC),
					   .seed = (uint64_t)getpid() };
	void *buf = tc_arena_take(arena, TC_RECORDS_BUFFER);

	if (!buf)
		return fail(probe, target, -TC_ENOSPACE);
	tc_records_init(&rec, buf, &sink, 0);
	int r = tc_walk(&target->reader.mem, &rec, arena, &options, &probe->walk);
	if (target->reader.mem.lost)
		return fail(probe, target, -TC_EGONE);
	probe->has_python = r != -TC_ENOPYTHON;
	snprintf(probe->module, sizeof(probe->module), "%s",
		 probe->walk.python.module ? probe->walk.python.module : "");
	probe->bytes_read = target->reader.mem.bytes_read;
	tc_unsupported_name(r, &target->reader.mem, &probe->walk.python, probe->other);
	if (probe->other[0])
		snprintf(probe->line, sizeof(probe->line),
			 "process %d runs %s, which is not supported (" TC_SUPPORTED ")",
			 probe->pid, probe->other);
	else if (r == -TC_ENOPYTHON)
		snprintf(probe->line, sizeof(probe->line),
			 "no Python interpreter in process %d (%.200s)", probe->pid,
			 probe->exe[0] ? probe->exe : probe->comm);
	else if (r < 0)
		snprintf(probe->line, sizeof(probe->line), "%s (%s)", tc_strcode(r),
			 probe->walk.notices.n ? probe->walk.notices.lines[0] :
						 probe->walk.python.layout);
	return probe->code = r < 0 ? TC_EXIT_INPUT : TC_EXIT_OK;
}

static int job(struct tc_watch *watch, void *context)
{
	static struct tc_target target;
	struct tc_probe *probe = context;
	uint64_t began = tc_sys_clock_ns(CLOCK_MONOTONIC);
	size_t size = (size_t)(probe->max_memory - TC_MEM_PID_MIN);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct tc_arena arena;
	int r;

	if (memory == MAP_FAILED)
		return probe->code = TC_EXIT_INTERNAL;
	tc_arena_init(&arena, memory, size);
	tc_watch_step(watch, "opening /proc/PID");
	if ((r = tc_target_open(&target, probe->pid)) < 0 ||
	    (r = tc_target_read(&target, &arena, watch)) < 0 ||
	    (r = tc_target_attach(&target, probe->max_memory, &arena, watch)) < 0) {
		take_identity(probe, &target);
		return fail(probe, &target, r);
	}
	take_identity(probe, &target);
	r = probe->no_walk ? look(probe, &target.reader.mem) : walk(probe, &target, &arena);
	probe->took_ns = tc_sys_clock_ns(CLOCK_MONOTONIC) - began;
	return r;
}

int tc_probe_run(struct tc_probe *probe)
{
	struct tc_probe *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct tc_watch *watch = NULL;

	if (shared == MAP_FAILED)
		return probe->code = TC_EXIT_INTERNAL;
	*shared = *probe;
	int code = tc_watch_run(job, shared, SILENCE_MS, &watch);
	*probe = *shared;
	munmap(shared, sizeof(*shared));
	probe->code = code;
	if (watch && watch->line[0])
		snprintf(probe->line, sizeof(probe->line), "%s", watch->line);
	if (watch)
		munmap(watch, sizeof(*watch));
	tc_plain(probe->line);
	tc_plain(probe->exe);
	tc_plain(probe->comm);
	tc_plain(probe->module);
	return code;
}

bool tc_probe_is_dumper(const struct tc_probe *probe)
{
	return strcmp(probe->comm, TC_DUMPER_NAME) == 0;
}

bool tc_probe_has_loops(const struct tc_probe *probe)
{
	return probe->walk.counts.loops && !tc_probe_is_dumper(probe);
}
