/* SPDX-License-Identifier: Apache-2.0
 * Gathers what a dump says about the process besides its tasks: maps, modules, threads, names. */
#define _GNU_SOURCE
#include "dumper/hook/capture/hook_gather.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <linux/utsname.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "dumper/hook/capture/hook_clone.h"
#include "dumper/hook/capture/hook_still.h"
#include "dumper/hook/common/hook_dump.h"
#include "dumper/hook/common/hook_outcome.h"
#include "dumper/hook/common/hook_settings.h"
#include "lib/base/arena.h"
#include "lib/base/intern.h"
#include "lib/base/strbuf.h"
#include "lib/format/format.h"
#include "lib/mem/mem.h"
#include "lib/mem/mem_self.h"
#include "lib/process/look.h"
#include "lib/process/maps.h"
#include "lib/process/proc.h"
#include "lib/process/stacks.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/walk/walk.h"
#include "lib/base/safe.h"

#define NS_PER_MAP 1000u /* to read and parse one */
#define MAPS_PART 4 /* reading the maps may take one part in so many of what is left of the pause */
/* the states of so many threads are always read, because that takes a millisecond at most: on a
 * busy machine the time may be over before one is read, also that of a loop */
#define FEW_THREADS 64
#define RUNNERS_MAX 1024
/* listing threads that are not read may take one part in so many of what is left of the pause */
#define LISTED_PART 8
/* The process waits for a copy of stacks: about a millisecond for so many bytes. Of the arena and
 * of what the cgroup leaves they may take one part in so many. */
#define COPIED_MOST (4u << 20)
#define COPIED_PART 4
#define ROOM_PART 8

void tc_hook_gather_registers(struct tc_hook_dump *dump)
{
	const struct tc_arch_context *context = dump->request.context;

	if (!context)
		return;
	dump->registers = (struct tc_registers){
		.general = { context->r8, context->r9, context->r10, context->r11, context->r12,
			     context->r13, context->r14, context->r15, context->rdi, context->rsi,
			     context->rbp, context->rbx, context->rdx, context->rax, context->rcx },
		.sp = context->rsp,
	};
	dump->mem.registers = &dump->registers;
	dump->mem.n_registers = 1;
}

/* The maps as they were when the interpreter was found: so its modules are known even if /proc can
 * no longer be read (after chroot). */
static char *kept_maps;
static size_t kept_size;

static char *read_maps(struct tc_arena *arena, size_t *ret_size)
{
	int fd = tc_sys_open(AT_FDCWD, "/proc/self/maps", O_RDONLY, 0);
	char *text = NULL;

	if (fd >= 0) {
		text = tc_proc_read_all(fd, arena, ret_size, NULL);
		tc_sys_close(fd);
	}
	return text;
}

void tc_hook_keep_maps(struct tc_arena *arena)
{
	size_t size;
	char *text = kept_maps ? NULL : read_maps(arena, &size);
	char *kept = text ? tc_sys_map(size, false) : NULL;

	if (!kept)
		return;
	memcpy(kept, text, size);
	kept_size = size;
	kept_maps = kept;
}

/* Would reading the maps take more than a part of what is left of the pause? In a child that does
 * not matter, because nobody waits for it. */
static bool takes_too_long(const struct tc_hook_dump *dump)
{
	uint64_t n = dump->outcome ? dump->outcome->n_maps : 0;

	return !dump->maker.guest && kept_maps &&
	       n * NS_PER_MAP > tc_hook_pause_left(dump) / MAPS_PART;
}

int tc_hook_gather_maps(struct tc_hook_dump *dump, struct tc_arena *arena)
{
	struct tc_module *modules;
	size_t size, n;
	bool late = takes_too_long(dump);
	char *text = late ? NULL : read_maps(arena, &size);

	dump->old_maps = text || !kept_maps ? NULL :
			 late		    ? "there are too many mappings to read them again" :
					      "/proc can no longer be read";
	if (dump->old_maps && (text = tc_arena_take(arena, kept_size + 1))) {
		memcpy(text, kept_maps, kept_size);
		size = kept_size;
	}
	if (!text)
		return -ENOENT;
	if (tc_maps_parse(text, size, arena, &dump->maps) < 0 ||
	    tc_maps_modules(&dump->maps, &dump->mem, arena, &modules, &n) < 0)
		return -ENOMEM;
	dump->mem.modules = modules;
	dump->mem.n_modules = n;
	if (dump->outcome && !dump->old_maps)
		dump->outcome->n_maps = (uint32_t)dump->maps.n_regions;
	return 0;
}

/* A thread that was interrupted: its registers say what it did. */
static void describe_interrupted(struct tc_os_thread *thread, const struct tc_arch_context *context)
{
	uint8_t code[18] = { 0 };

	thread->state = 'R';
	/* it is in our handler, and so does not run while its memory is read */
	thread->look = TC_LOOKED_STOOD;
	if (!context)
		return;
	thread->pc = context->rip;
	thread->sp = context->rsp;
	thread->how = TC_REGS_CONTEXT;
	if (tc_arch_copy(code, (const void *)(uintptr_t)(context->rip - 16), sizeof(code)) < 0)
		return;
	int64_t number = tc_arch_syscall(context, code, code + 16, thread->args);
	if (number != TC_ARCH_NO_SYSCALL)
		thread->state = 'S';
	if (number >= 0)
		thread->syscall = number;
}

/* The thread whose handler makes the dump. Its registers are copied, because the child may outlive
 * the context. */
static void describe_own(struct tc_hook_dump *dump, struct tc_os_thread *thread)
{
	const struct tc_arch_context *context = dump->request.context;

	describe_interrupted(thread, context);
	if (!context)
		return;
	tc_arch_context_regs(context, dump->own_regs);
	tc_arch_own_bases(dump->own_regs);
	thread->regs = dump->own_regs;
}

/* The threads that stand still in a handler of ours. Their registers go to the arena. */
static void describe_still(struct tc_hook_dump *dump, struct tc_arena *arena)
{
	for (size_t i = 0; i < dump->threads.n; i++) {
		struct tc_os_thread *thread = &dump->threads.at[i];
		const struct tc_hook_still *still = tc_hook_still_of(thread->tid_ns);
		uint64_t *regs;
		if (!still || thread->tid == dump->tid_proc)
			continue;
		thread->syscall = -1;
		memset(thread->args, 0, sizeof(thread->args));
		thread->flags |= TC_THREAD_PARKED;
		describe_interrupted(thread, still->context);
		thread->regs = regs = tc_arena_take(arena, TC_ARCH_N_REGS * sizeof(*regs));
		if (!regs)
			continue;
		tc_arch_context_regs(still->context, regs);
		regs[TC_ARCH_REG_FS_BASE] = still->fs_base;
		regs[TC_ARCH_REG_GS_BASE] = still->gs_base;
	}
}

/* Read a thread's system call and registers, from which its state follows; if they cannot be read,
 * only its state. look: note its counters first (look.h), for threads that may run a loop. */
static void read_thread(struct tc_hook_dump *dump, struct tc_os_thread *thread, bool look)
{
	struct tc_os_thread now = { .state = '?' };

	if (thread->tid == dump->tid_proc) {
		describe_own(dump, thread);
		return;
	}
	if (look)
		tc_look_first(dump->proc, thread);
	bool read = tc_proc_thread_syscall(dump->proc, thread->tid, thread);
	if (read && thread->syscall >= 0)
		return;
	if (read && thread->how == TC_REGS_NONE)
		thread->state = 'R';
	else if (tc_proc_thread(dump->proc, thread->tid, &now))
		thread->state = now.state;
}

/* The next thread of the array; NULL: it is full. */
static struct tc_os_thread *next_thread(struct tc_hook_dump *dump, uint32_t tid)
{
	if (dump->threads.n == dump->threads.max)
		return NULL;
	struct tc_os_thread *thread = &dump->threads.at[dump->threads.n++];
	*thread = (struct tc_os_thread){ .tid = tid, .tid_ns = tid, .state = '?', .syscall = -1 };
	return thread;
}

/* For going over all threads: those that are in the array already, and when to stop. */
struct gathering {
	struct tc_hook_dump *dump;
	struct tc_hash known;
	uint64_t end_ns, list_end_ns;
};

static void remember(struct gathering *gathering, uint32_t tid)
{
	uint64_t *number = tc_hash_at(&gathering->known, tid);

	if (number)
		*number = 1;
}

static bool is_known(const struct gathering *gathering, uint32_t tid)
{
	return tc_hash_find(&gathering->known, tid);
}

/* Add a thread before all others, if tid is a thread of this process. */
static void add_first(struct gathering *gathering, uint32_t tid)
{
	struct tc_hook_dump *dump = gathering->dump;
	struct tc_os_thread *thread = is_known(gathering, tid) ? NULL : next_thread(dump, tid);

	if (!thread)
		return;
	read_thread(dump, thread, true);
	if (thread->state == '?' && thread->syscall < 0 && tid != dump->tid_proc)
		dump->threads.n--;
	else
		remember(gathering, tid);
}

/* Called for each thread. False: stop. */
static bool add_thread(void *context, uint32_t tid)
{
	struct gathering *gathering = context;
	struct tc_hook_dump *dump = gathering->dump;

	if (is_known(gathering, tid))
		return true;
	uint64_t now = tc_sys_clock_ns(CLOCK_MONOTONIC);
	bool late = now > gathering->end_ns &&
		    (dump->maker.guest || dump->threads.n >= FEW_THREADS);
	struct tc_os_thread *thread = late && now > gathering->list_end_ns ? NULL :
									     next_thread(dump, tid);
	if (!thread) {
		dump->threads.missing = true;
		return false;
	}
	if (late)
		dump->threads.n_unread++;
	else
		/* if there are more, those that run loops were added before, and have their
		 * counters */
		read_thread(dump, thread, dump->threads.n <= FEW_THREADS);
	return true;
}

/* The id of this thread in the pid namespace of /proc, which may have been mounted in another
 * one. */
static uint32_t proc_tid(uint32_t tid)
{
	char link[64];
	long n = tc_syscall4(SYS_readlinkat, AT_FDCWD, (long)"/proc/thread-self", (long)link,
			     sizeof(link) - 1);
	const char *at = link;

	if (n <= 0)
		return tid;
	link[n] = 0;
	for (const char *p = link; *p; p++)
		if (*p == '/')
			at = p + 1;
	return (uint32_t)tc_parse_number(&at, 10);
}

/* If /proc is of another pid namespace: find the id of each thread in ours, as long as there is
 * time. */
static void number_threads(struct tc_hook_dump *dump, uint64_t end_ns)
{
	char path[64], text[3072];
	struct tc_strbuf name;

	for (size_t i = 0; i < dump->threads.n && dump->tid != dump->tid_proc; i++) {
		struct tc_os_thread *thread = &dump->threads.at[i];
		tc_strbuf_init(&name, path, sizeof(path));
		tc_strbuf_s(&name, "task/");
		tc_strbuf_u(&name, thread->tid);
		tc_strbuf_s(&name, "/status");
		if (thread->tid == dump->tid_proc)
			thread->tid_ns = dump->tid;
		else if (tc_sys_clock_ns(CLOCK_MONOTONIC) > end_ns)
			thread->tid_ns = 0;
		else if (tc_proc_read(dump->proc, path, text, sizeof(text)) > 0)
			thread->tid_ns = tc_proc_innermost(tc_proc_field(text, "NSpid"));
	}
}

/* Take the array, with room for threads that are started meanwhile. Its memory is backed only where
 * it is used. */
static void take_threads(struct tc_hook_dump *dump, size_t n)
{
	size_t most = dump->arena.left / 2 / sizeof(*dump->threads.at);

	dump->threads.max = n && n + n / 8 + 64 < most ? n + n / 8 + 64 : most;
	dump->threads.at =
		tc_arena_take(&dump->arena, dump->threads.max * sizeof(*dump->threads.at));
}

/* Add the threads that run event loops, which the interpreter knows. */
static void add_runners(struct gathering *gathering)
{
	/* too big for the stack; only one dump is made at a time */
	static uint32_t tids[RUNNERS_MAX];
	struct tc_hook_dump *dump = gathering->dump;
	const struct tc_runtime_site *python = tc_hook_python();

	if (!python || dump->tid != dump->tid_proc)
		return;
	tc_mem_self_init(&dump->mem, false);
	size_t n = tc_walk_runners(&dump->mem, python, tids, RUNNERS_MAX);
	for (size_t i = 0; i < n; i++)
		if (i < FEW_THREADS || tc_sys_clock_ns(CLOCK_MONOTONIC) < gathering->end_ns)
			add_first(gathering, tids[i]);
}

void tc_hook_gather_threads(struct tc_hook_dump *dump, size_t n, uint64_t end_ns, bool list)
{
	uint64_t rest = tc_hook_pause_left(dump) / LISTED_PART;
	struct gathering gathering = { .dump = dump,
				       .end_ns = end_ns,
				       .list_end_ns = list ? end_ns + rest : end_ns };

	dump->tid_proc = proc_tid(dump->tid);
	dump->threads.why_unread = "the pause (TASKCORE_PAUSE_MS) had no time for it";
	take_threads(dump, n);
	tc_hash_init(&gathering.known, &dump->arena);
	if (dump->proc >= 0 && dump->tid == dump->tid_proc && !dump->request.siginfo)
		add_first(&gathering, dump->pid);
	add_first(&gathering, dump->tid_proc);
	if (dump->proc >= 0 && dump->request.siginfo)
		add_first(&gathering, dump->pid);
	if (n > FEW_THREADS)
		add_runners(&gathering);
	if (dump->proc < 0 || tc_proc_each_thread(dump->proc, add_thread, &gathering) < 0) {
		dump->threads.missing = true;
		dump->threads.why_unread = "no descriptor was free for it";
	}
	number_threads(dump, gathering.list_end_ns);
}

/* Open the /proc directory of this child's parent, even if /proc is of another pid namespace. */
static int open_parent(const struct tc_hook_dump *dump)
{
	char text[2048], path[32];
	struct tc_stat stat;
	struct tc_strbuf to;

	if (tc_proc_read(AT_FDCWD, "/proc/self/stat", text, sizeof(text)) <= 0 ||
	    !tc_proc_parse_stat(text, &stat) || !stat.ppid)
		return -ENOENT;
	tc_strbuf_init(&to, path, sizeof(path));
	tc_strbuf_s(&to, "/proc/");
	tc_strbuf_u(&to, stat.ppid);
	int fd = tc_sys_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0 && (uint32_t)tc_syscall0(SYS_getppid) != dump->pid) { /* it ended meanwhile */
		tc_sys_close(fd);
		fd = -ENOENT;
	}
	return fd;
}

void tc_hook_open_target(struct tc_hook_dump *dump)
{
	dump->proc = open_parent(dump);
}

void tc_hook_gather_threads_late(struct tc_hook_dump *dump)
{
	struct gathering gathering = { .dump = dump, .list_end_ns = dump->deadline_ns };
	size_t first = dump->threads.n;

	if (!dump->threads.missing || dump->proc < 0)
		return;
	tc_hash_init(&gathering.known, &dump->arena);
	for (size_t i = 0; i < first; i++)
		remember(&gathering, dump->threads.at[i].tid);
	dump->threads.missing = false;
	tc_proc_each_thread(dump->proc, add_thread, &gathering);
	number_threads(dump, dump->deadline_ns);
}

void tc_hook_gather_thread_names(struct tc_hook_dump *dump)
{
	for (size_t i = 0; i < dump->threads.n && dump->proc >= 0; i++) {
		struct tc_os_thread *thread = &dump->threads.at[i];
		char state = thread->state;
		tc_proc_thread(dump->proc, thread->tid, thread);
		/* The state and wait channel of now do not count: the thread may have gone on since
		 * the dump. */
		if (state != '?' || thread->syscall < 0) {
			thread->state = state;
			thread->wchan[0] = state == '?' ? 0 : thread->wchan[0];
		} else if (thread->state == 'R') {
			thread->state = 'S';
		}
		if (thread->flags & TC_THREAD_PARKED) /* in our handler */
			thread->wchan[0] = 0;
		if (thread->look != TC_LOOKED_STOOD)
			tc_look_last(dump->proc, thread);
	}
	dump->mem.threads = dump->threads.at;
	dump->mem.n_threads = dump->threads.n;
}

/* How much of each stack may be kept. Whoever wants no values wants none that lie on stacks. */
static uint64_t stack_bytes(const struct tc_hook_dump *dump)
{
	if (!dump->way.dumpable || tc_hook_settings.values == TC_HOOK_VALUES_NONE)
		return 0;
	return tc_hook_settings.stack_bytes;
}

/* The bytes that copies of stacks may take of the arena. */
static uint64_t copied_most(const struct tc_hook_dump *dump, const struct tc_arena *arena)
{
	uint64_t most = arena->left / COPIED_PART;

	most = most < COPIED_MOST ? most : COPIED_MOST;
	return most < dump->way.room / ROOM_PART ? most : dump->way.room / ROOM_PART;
}

void tc_hook_gather_stacks(struct tc_hook_dump *dump, struct tc_arena *arena)
{
	struct tc_hook_threads *threads = &dump->threads;
	struct tc_stack_limits limits = tc_stack_limits(stack_bytes(dump));
	uint32_t crashed = dump->process.crash ? dump->tid_proc : 0;

	describe_still(dump, arena);
	if (!dump->way.snapshot && limits.all > copied_most(dump, arena))
		limits.all = copied_most(dump, arena);
	dump->n_stacks_cut =
		tc_stacks_choose(threads->at, threads->n, &dump->maps, crashed, &limits);
	if (!dump->way.snapshot)
		dump->n_stacks_cut += tc_stacks_copy(threads->at, threads->n, &dump->mem, arena);
}

void tc_hook_note_threads(struct tc_hook_dump *dump)
{
	struct tc_strbuf text;

	if ((!dump->threads.n_unread && !dump->threads.missing) || !tc_hook_notice(dump, &text))
		return;
	tc_strbuf_s(&text, "of ");
	tc_strbuf_u(&text, dump->threads.n_unread);
	tc_strbuf_s(&text,
		    dump->threads.missing ? " threads and more that are not listed" : " threads");
	tc_strbuf_s(&text, " the state is unknown: ");
	tc_strbuf_s(&text, dump->threads.why_unread);
}

/* Read size and time of module files that have no build-id. Others are known by their build-id, and
 * not touched, because a file system may hang. */
static void stat_modules(struct tc_hook_dump *dump)
{
	struct tc_module *modules = (struct tc_module *)dump->mem.modules; /* from our arena */
	struct statx st;

	for (size_t i = 0; i < dump->mem.n_modules; i++) {
		struct tc_module *m = &modules[i];
		if (m->build_id_size || m->path[0] != '/' ||
		    tc_syscall5(SYS_statx, AT_FDCWD, (long)m->path, 0, STATX_BASIC_STATS,
				(long)&st) < 0 ||
		    st.stx_ino != m->inode)
			continue;
		m->size = st.stx_size;
		m->mtime_ns = (uint64_t)st.stx_mtime.tv_sec * 1000000000u + st.stx_mtime.tv_nsec;
	}
}

static void read_stat(struct tc_hook_dump *dump)
{
	char text[2048];
	struct tc_stat stat;

	if (dump->proc < 0 || tc_proc_read(dump->proc, "stat", text, sizeof(text)) <= 0 ||
	    !tc_proc_parse_stat(text, &stat))
		return;
	dump->process.ppid = stat.ppid;
	dump->process.start_ns = stat.start_ns;
}

static void read_files(struct tc_hook_dump *dump)
{
	struct tc_process *p = &dump->process;
	struct new_utsname uts;
	char text[3072];

	long n = tc_syscall4(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe",
			     (long)dump->names.exe, sizeof(dump->names.exe) - 1);
	dump->names.exe[n > 0 ? n : 0] = 0;
	n = tc_proc_read(AT_FDCWD, "/proc/self/cmdline", dump->names.args,
			 sizeof(dump->names.args));
	p->args_size = n > 0 ? (size_t)n : 0;
	dump->names.cgroup[0] = dump->names.host[0] = dump->names.release[0] = 0;
	if (tc_proc_read(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) > 0)
		tc_proc_cgroup(text, dump->names.cgroup, sizeof(dump->names.cgroup));
	p->max_fds = tc_proc_max_fds(AT_FDCWD, "/proc/self/limits");
	n = tc_proc_read(AT_FDCWD, "/proc/self/auxv", (char *)p->auxv, sizeof(p->auxv));
	p->auxv_size = n > 0 ? (size_t)n & ~(size_t)15 : 0;
	if (tc_syscall1(SYS_uname, (long)&uts) == 0) {
		memcpy(dump->names.host, uts.nodename, sizeof(dump->names.host));
		memcpy(dump->names.release, uts.release, sizeof(dump->names.release));
	}
}

void tc_hook_gather_names(struct tc_hook_dump *dump)
{
	struct tc_process *p = &dump->process;

	p->pid = p->pid_ns = dump->pid;
	p->uid = (uint32_t)tc_syscall0(SYS_geteuid);
	p->gid = (uint32_t)tc_syscall0(SYS_getegid);
	p->reason = dump->request.reason;
	p->signal = (uint32_t)dump->request.signal;
	p->sender_pid = dump->request.sender_pid;
	p->sender_uid = dump->request.sender_uid;
	p->cookie = dump->request.cookie;
	p->wall_ns = dump->wall_ns;
	p->mono_ns = dump->began_ns;
	p->boot_ns = dump->boot_ns;
	p->flags = TC_HEAD_HOOK;
	dump->crash.tid = dump->tid_proc;
	p->exe = dump->names.exe;
	p->args = dump->names.args;
	p->host = dump->names.host;
	p->release = dump->names.release;
	p->cgroup = dump->names.cgroup;
	p->state = dump->threads.n ? dump->threads.at[0].state : '?';
	read_stat(dump);
	read_files(dump);
	stat_modules(dump);
}

void tc_hook_walk_options(const struct tc_hook_dump *dump, struct tc_walk_options *ret)
{
	*ret = (struct tc_walk_options){
		.no_values = !dump->way.dumpable || tc_hook_settings.values == TC_HOOK_VALUES_NONE,
		.value_strings = tc_hook_settings.values == TC_HOOK_VALUES_STRINGS,
		.now_ns = dump->began_ns,
		.crashed_tid = dump->request.siginfo ? dump->tid : 0,
	};
	if (tc_syscall3(SYS_getrandom, (long)&ret->seed, sizeof(ret->seed), 1 /* GRND_NONBLOCK */) <
	    0)
		ret->seed = dump->began_ns ^ (uint64_t)dump->pid << 32;
}
