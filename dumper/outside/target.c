/* SPDX-License-Identifier: Apache-2.0
 * Opens a process and reads what /proc tells of it. */
#define _GNU_SOURCE
#include "dumper/outside/target.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "lib/sys/sys.h"
#include "dumper/base/permit.h"
#include "dumper/outside/threads.h"

#define PF_KTHREAD 0x00200000u /* include/linux/sched.h */

#define fail(target, code, ...) \
	(snprintf((target)->line, sizeof((target)->line), __VA_ARGS__), -(int)(code))

static int open_proc(struct tc_target *target)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", target->pid);
	target->proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (target->proc >= 0)
		return 0;
	int saved = errno;
	if (kill(target->pid, 0) == 0 || errno == EPERM) {
		if (access("/proc/self/stat", R_OK) < 0)
			return fail(target, TC_EPERM, "process %d: /proc is not mounted here",
				    target->pid);
		return fail(target, TC_EPERM, "process %d is hidden: /proc is mounted with hidepid",
			    target->pid);
	}
	if (saved == EACCES)
		return fail(target, TC_EPERM, "process %d: %s: %s", target->pid, path,
			    strerror(saved));
	return fail(target, TC_EGONE, "no process %d", target->pid);
}

static int read_stat(struct tc_target *target, int dir)
{
	char text[2048];

	if (tc_proc_read(dir, "stat", text, sizeof(text)) <= 0 ||
	    !tc_proc_parse_stat(text, &target->stat))
		return fail(target, TC_EGONE, "process %d has ended", target->pid);
	return 0;
}

/* The first thread has ended: read through another one. */
static int open_living(struct tc_target *target)
{
	char path[32];
	pid_t tid = tc_threads_living(target->proc);

	if (!tid)
		return fail(target, TC_EGONE,
			    "process %d is a zombie: it has ended and waits for its parent (%u)",
			    target->pid, target->stat.ppid);
	snprintf(path, sizeof(path), "task/%d", tid);
	target->dir = openat(target->proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (target->dir < 0)
		return fail(target, TC_EGONE, "process %d has ended", target->pid);
	/* In the stat file of the zombie arguments and state are of no use; only its start time is
	 * that of the process. */
	uint64_t start_ns = target->stat.start_ns;
	int r = read_stat(target, target->dir);
	if (r < 0)
		return r;
	target->stat.start_ns = start_ns;
	target->via = tid;
	if (target->mem_fd >= 0)
		close(target->mem_fd);
	target->mem_fd = openat(target->dir, "mem", O_RDONLY | O_CLOEXEC);
	target->process.flags |= TC_HEAD_LEADER_GONE;
	return 0;
}

int tc_target_open(struct tc_target *target, pid_t pid)
{
	*target = (struct tc_target){
		.pid = pid, .via = pid, .proc = -1, .dir = -1, .mem_fd = -1, .pagemap = -1
	};
	int r = open_proc(target);
	if (r < 0)
		return r;
	target->mem_fd = openat(target->proc, "mem", O_RDONLY | O_CLOEXEC);
	int why = errno;
	if ((r = read_stat(target, target->proc)) < 0)
		return r;
	if (target->stat.state == 'Z' || target->stat.state == 'X') {
		if ((r = open_living(target)) < 0)
			return r;
		why = errno;
	} else {
		target->dir = dup(target->proc);
	}
	if (target->stat.flags & PF_KTHREAD)
		return fail(target, TC_ENOPYTHON,
			    "process %d (%s) is a kernel thread: no Python in it", pid,
			    target->stat.comm);
	if (target->mem_fd < 0 && why == ESRCH)
		return fail(target, TC_EGONE, "process %d has ended, or has no memory of its own",
			    pid);
	if (target->mem_fd < 0) {
		tc_permit_explain(target->pid, target->line, sizeof(target->line));
		return -TC_EPERM;
	}
	target->pagemap = openat(target->dir, "pagemap", O_RDONLY | O_CLOEXEC);
	return 0;
}

static uint32_t count_words(const char *text)
{
	uint32_t n = 0;

	for (const char *p = text; *p && *p != '\n'; n++) {
		p += strcspn(p, " \t\n");
		p += strspn(p, " \t");
	}
	return n;
}

/* Identity: uids, namespaces, tracer. */
static int read_status(struct tc_target *target)
{
	struct tc_process *p = &target->process;
	char text[8192];
	char *at;

	if (tc_proc_read(target->dir, "status", text, sizeof(text)) <= 0)
		return fail(target, TC_EGONE, "process %d has ended", target->pid);
	const char *uid = tc_proc_field(text, "Uid"), *gid = tc_proc_field(text, "Gid");
	if (uid) {
		strtoul(uid, &at, 10);
		p->uid = (uint32_t)strtoul(at, NULL, 10); /* the effective one */
	}
	if (gid) {
		strtoul(gid, &at, 10);
		p->gid = (uint32_t)strtoul(at, NULL, 10);
	}
	const char *tgid = tc_proc_field(text, "Tgid");
	if (tgid) /* pid may have been the id of any thread */
		target->pid = (pid_t)strtol(tgid, NULL, 10);
	const char *tracer = tc_proc_field(text, "TracerPid");
	target->tracer = tracer ? (pid_t)strtol(tracer, NULL, 10) : 0;
	const char *nspid = tc_proc_field(text, "NStgid");
	target->ns_depth = nspid ? count_words(nspid) : 1;
	p->pid_ns = (uint32_t)target->pid;
	for (uint32_t i = 0; nspid && i < target->ns_depth; i++) {
		p->pid_ns = (uint32_t)strtoul(nspid, &at, 10);
		nspid = at;
	}
	return 0;
}

static void read_names(struct tc_target *target)
{
	struct tc_process *p = &target->process;
	struct utsname uts;
	char cgroup[4096];
	ssize_t n = readlinkat(target->dir, "exe", target->exe, sizeof(target->exe) - 1);

	target->exe[n > 0 ? n : 0] = 0;
	if (uname(&uts) == 0) {
		snprintf(target->host, sizeof(target->host), "%.64s", uts.nodename);
		snprintf(target->release, sizeof(target->release), "%.64s", uts.release);
	}
	if (tc_proc_read(target->dir, "cgroup", cgroup, sizeof(cgroup)) > 0)
		tc_proc_cgroup(cgroup, target->cgroup, sizeof(target->cgroup));
	p->max_fds = tc_proc_max_fds(target->dir, "limits");
	p->exe = target->exe;
	p->args = target->args;
	p->host = target->host;
	p->release = target->release;
	p->cgroup = target->cgroup;
	n = tc_proc_read(target->dir, "auxv", (char *)p->auxv, sizeof(p->auxv));
	p->auxv_size = n > 0 ? (size_t)n & ~(size_t)15 : 0;
}

/* There may be any number of maps, so the file is read into the arena. */
int tc_target_read_maps(struct tc_target *target, struct tc_arena *arena, struct tc_watch *watch)
{
	int fd = tc_sys_open(target->dir, "maps", O_RDONLY, 0);
	size_t size;

	if (fd == -EACCES || fd == -EPERM)
		return fail(target, TC_EPERM, "process %d: /proc/%d/maps: %s", target->pid,
			    target->pid, strerror(-fd));
	if (fd < 0)
		return fail(target, TC_EGONE, "process %d has ended", target->pid);
	char *text = tc_proc_read_all(fd, arena, &size, &watch->beats);
	tc_sys_close(fd);
	if (!text)
		return -TC_ENOSPACE;
	return tc_maps_parse(text, size, arena, &target->maps);
}

int tc_target_read(struct tc_target *target, struct tc_arena *arena, struct tc_watch *watch)
{
	struct tc_process *p = &target->process;
	int r;

	tc_watch_step(watch, "reading /proc/PID/status");
	if ((r = read_status(target)) < 0)
		return r;
	p->pid = (uint32_t)target->pid;
	p->ppid = target->stat.ppid;
	p->state = target->stat.state;
	p->start_ns = target->stat.start_ns;
	p->reason = "attach";
	p->wall_ns = tc_sys_clock_ns(CLOCK_REALTIME);
	p->mono_ns = tc_sys_clock_ns(CLOCK_MONOTONIC);
	p->boot_ns = tc_sys_clock_ns(CLOCK_BOOTTIME);
	p->flags |= TC_HEAD_OUTSIDE;
	if (target->tracer)
		p->flags |= TC_HEAD_WAS_TRACED;
	if (target->stat.state == 'T' || target->stat.state == 't')
		p->flags |= TC_HEAD_WAS_STOPPED;
	tc_watch_step(watch, "reading the names of the process");
	read_names(target);
	tc_watch_step(watch, "listing the threads");
	if ((r = tc_threads_read(target, arena, watch)) < 0)
		return fail(target, -r, "process %d: %s", target->pid, tc_strcode(r));
	tc_watch_step(watch, "reading /proc/PID/maps (its memory map may be locked)");
	if ((r = tc_target_read_maps(target, arena, watch)) < 0)
		return r;
	if (target->maps.n_regions == 0 && !tc_mem_fd_alive(target->mem_fd, 0))
		return fail(target, TC_EGONE, "process %d has ended", target->pid);
	return 0;
}

/* Time and size of a module's file, if the file at that path is the one that is mapped. */
static void stat_module(struct tc_target *target, struct tc_module *module)
{
	char path[4200];
	struct stat st;

	if (module->path[0] != '/')
		return;
	snprintf(path, sizeof(path), "root%s", module->path);
	if (fstatat(AT_FDCWD, module->path, &st, 0) < 0 || st.st_ino != module->inode)
		if (fstatat(target->dir, path, &st, 0) < 0)
			return;
	if (st.st_ino != module->inode)
		return;
	module->mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
	module->size = (uint64_t)st.st_size;
}

/* Is /proc of our own pid namespace, so that its pids may be used in system calls? */
static bool proc_is_ours(void)
{
	char link[32];
	ssize_t n = readlink("/proc/self", link, sizeof(link) - 1);

	link[n > 0 ? n : 0] = 0;
	return strtol(link, NULL, 10) == getpid();
}

int tc_target_attach(struct tc_target *target, uint64_t budget, struct tc_arena *arena,
		     struct tc_watch *watch)
{
	struct tc_module *modules;
	size_t n;
	pid_t pid = proc_is_ours() ? target->via : 0;
	int r = tc_mem_pid_init(&target->reader, target->dir, target->mem_fd, target->pagemap, pid,
				budget, arena, arena->left, watch);
	if (r < 0)
		return fail(target, TC_ENOSPACE, "no memory for a cache of %llu bytes",
			    (unsigned long long)budget);
	struct tc_mem *mem = &target->reader.mem;
	target->reader.maps = &target->maps;
	mem->threads = target->threads;
	mem->n_threads = target->n_threads;
	tc_watch_step(watch, "reading the heads of the modules");
	if ((r = tc_maps_modules(&target->maps, mem, arena, &modules, &n)) < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		tc_watch_step(
			watch,
			"looking at a module's file (on a file system that does not answer?)");
		stat_module(target, &modules[i]);
	}
	mem->modules = modules;
	mem->n_modules = n;
	size_t size = (size_t)(target->stat.args_end - target->stat.args);
	size = size < sizeof(target->args) ? size : sizeof(target->args);
	if (target->stat.args && size && tc_read(mem, target->stat.args, target->args, size) == 0)
		target->process.args_size = size;
	tc_watch_step(watch, "reading memory");
	return tc_mem_pid_alive(&target->reader, 0) ?
		       0 :
		       fail(target, TC_EGONE, "process %d has ended, or started another program",
			    target->pid);
}
