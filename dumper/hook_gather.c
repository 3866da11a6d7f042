/* SPDX-License-Identifier: Apache-2.0
 * What a dump says of the process besides its tasks: maps, modules, threads, names. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <linux/utsname.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "../lib/look.h"
#include "../lib/proc.h"
#include "../lib/sys.h"
#include "hook.h"
#include "../lib/safe.h"

/* The maps as they were when the interpreter was found: where there is no /proc any more (chroot),
 * its modules are known all the same. */
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

int tc_hook_gather_maps(struct tc_hook_dump *dump, struct tc_arena *arena)
{
	struct tc_module *modules;
	size_t size, n;
	char *text = read_maps(arena, &size);

	dump->old_maps = !text && kept_maps;
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
	return 0;
}

/* The interrupted thread: what it did, its registers tell. */
static void describe_own(struct tc_hook_dump *dump, struct tc_os_thread *thread)
{
	const struct tc_arch_context *context = dump->request.context;
	uint8_t code[18] = { 0 };

	thread->state = 'R';
	thread->look = TC_LOOKED_STOOD; /* in the handler, while its memory is read */
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

static bool add_thread(void *context, uint32_t tid)
{
	struct tc_hook_dump *dump = context;
	/* One array: nothing else takes from the arena here. */
	struct tc_os_thread *thread = tc_arena_extend(
		&dump->arena, dump->threads ? dump->threads + dump->n_threads : NULL, sizeof(*thread));

	if (!thread)
		return false;
	if (!dump->threads)
		dump->threads = thread;
	thread = &dump->threads[dump->n_threads++];
	*thread = (struct tc_os_thread){ .tid = tid, .tid_ns = tid, .state = '?', .syscall = -1 };
	if (tid == dump->tid_proc) {
		describe_own(dump, thread);
	} else {
		tc_look_first(dump->proc, thread);
		tc_proc_thread_syscall(dump->proc, tid, thread);
	}
	return true;
}

/* Our thread as /proc counts it: of another pid namespace where that is mounted from outside. */
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
	return (uint32_t)tc_text_number(&at, 10);
}

/* Where /proc counts otherwise than we do: our own number of each thread. */
static void number_threads(struct tc_hook_dump *dump)
{
	char path[64], text[3072];
	struct tc_text name;

	for (size_t i = 0; i < dump->n_threads && dump->tid != dump->tid_proc; i++) {
		struct tc_os_thread *thread = &dump->threads[i];
		tc_text_init(&name, path, sizeof(path));
		tc_text_s(&name, "task/");
		tc_text_u(&name, thread->tid);
		tc_text_s(&name, "/status");
		if (thread->tid == dump->tid_proc)
			thread->tid_ns = dump->tid;
		else if (tc_proc_read(dump->proc, path, text, sizeof(text)) > 0)
			thread->tid_ns = tc_proc_innermost(tc_proc_field(text, "NSpid"));
	}
}

void tc_hook_gather_threads(struct tc_hook_dump *dump)
{
	dump->proc = tc_sys_open(AT_FDCWD, "/proc/self", O_RDONLY | O_DIRECTORY, 0);
	dump->tid_proc = proc_tid(dump->tid);
	if (dump->proc >= 0)
		tc_proc_each_thread(dump->proc, add_thread, dump);
	if (dump->n_threads == 0) /* no /proc, no descriptor left: this thread at least */
		add_thread(dump, dump->tid_proc);
	number_threads(dump);
}

/* Of this child, as /proc counts it, be that of another pid namespace. */
static int open_parent(const struct tc_hook_dump *dump)
{
	char text[2048], path[32];
	struct tc_stat stat;
	struct tc_text to;

	if (tc_proc_read(AT_FDCWD, "/proc/self/stat", text, sizeof(text)) <= 0 ||
	    !tc_proc_parse_stat(text, &stat) || !stat.ppid)
		return -ENOENT;
	tc_text_init(&to, path, sizeof(path));
	tc_text_s(&to, "/proc/");
	tc_text_u(&to, stat.ppid);
	int fd = tc_sys_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0 && (uint32_t)tc_syscall0(SYS_getppid) != dump->pid) { /* it ended meanwhile */
		tc_sys_close(fd);
		fd = -ENOENT;
	}
	return fd;
}

void tc_hook_gather_threads_late(struct tc_hook_dump *dump)
{
	struct tc_os_thread own;

	if (dump->proc >= 0 || dump->n_threads == 0 || (dump->proc = open_parent(dump)) < 0)
		return;
	own = dump->threads[0];
	dump->threads = NULL;
	dump->n_threads = 0;
	dump->request.context = NULL; /* gone, if the memory is not ours alone */
	tc_proc_each_thread(dump->proc, add_thread, dump);
	for (size_t i = 0; i < dump->n_threads; i++) {
		dump->threads[i].sched.known = false; /* that was too late to tell anything */
		if (dump->threads[i].tid == own.tid)
			dump->threads[i] = own;
	}
	number_threads(dump);
}

void tc_hook_gather_thread_names(struct tc_hook_dump *dump)
{
	for (size_t i = 0; i < dump->n_threads && dump->proc >= 0; i++) {
		struct tc_os_thread *thread = &dump->threads[i];
		char state = thread->state;
		tc_proc_thread(dump->proc, thread->tid, thread);
		/* When it was captured is what counts: it may have moved on since. */
		if (state != '?')
			thread->state = state;
		else if (thread->syscall >= 0 && thread->state == 'R')
			thread->state = 'S';
		if (thread->look != TC_LOOKED_STOOD)
			tc_look_last(dump->proc, thread);
	}
	dump->mem.threads = dump->threads;
	dump->mem.n_threads = dump->n_threads;
}

/* Size and time of files that have no build-id to be known by: only these are touched, because a
 * file system may hang. */
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

	long n = tc_syscall4(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)dump->exe,
			     sizeof(dump->exe) - 1);
	dump->exe[n > 0 ? n : 0] = 0;
	n = tc_proc_read(AT_FDCWD, "/proc/self/cmdline", dump->args, sizeof(dump->args));
	p->args_size = n > 0 ? (size_t)n : 0;
	dump->cgroup[0] = dump->host[0] = dump->release[0] = 0;
	if (tc_proc_read(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) > 0)
		tc_proc_cgroup(text, dump->cgroup, sizeof(dump->cgroup));
	n = tc_proc_read(AT_FDCWD, "/proc/self/auxv", (char *)p->auxv, sizeof(p->auxv));
	p->auxv_size = n > 0 ? (size_t)n & ~(size_t)15 : 0;
	if (tc_syscall1(SYS_uname, (long)&uts) == 0) {
		memcpy(dump->host, uts.nodename, sizeof(dump->host));
		memcpy(dump->release, uts.release, sizeof(dump->release));
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
	p->exe = dump->exe;
	p->args = dump->args;
	p->host = dump->host;
	p->release = dump->release;
	p->cgroup = dump->cgroup;
	p->state = dump->n_threads ? dump->threads[0].state : '?';
	read_stat(dump);
	read_files(dump);
	stat_modules(dump);
}

void tc_hook_walk_options(const struct tc_hook_dump *dump, struct tc_walk_options *ret)
{
	*ret = (struct tc_walk_options){
		.no_values = !dump->dumpable || tc_hook_settings.values == TC_HOOK_VALUES_NONE,
		.value_strings = tc_hook_settings.values == TC_HOOK_VALUES_STRINGS,
		.now_ns = dump->began_ns,
	};
	if (tc_syscall3(SYS_getrandom, (long)&ret->seed, sizeof(ret->seed), 1 /* GRND_NONBLOCK */) <
	    0)
		ret->seed = dump->began_ns ^ (uint64_t)dump->pid << 32;
}
