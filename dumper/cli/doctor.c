/* SPDX-License-Identifier: Apache-2.0
 * taskcore doctor: each thing a dump needs, and whether it is there. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "dumper/base/exit.h"
#include "dumper/ask/hooked.h"
#include "dumper/outside/probe.h"
#include "dumper/cli/status.h"
#include "lib/process/proc.h"

static void say(bool good, const char *what, const char *detail)
{
	printf("%-4s %-18s %s\n", good ? "ok" : "NO", what, detail);
}

/* Files of /proc/PID that a dump opens. */
static void check_files(pid_t pid)
{
	static const struct {
		const char *name, *loss;
	} files[] = {
		{ "mem", "nothing can be read" },
		{ "maps", "the interpreter cannot be found" },
		{ "pagemap", "only small exact reads: slower" },
		{ "syscall", "no system calls and program counters of threads" },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		char path[64], detail[200];
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i].name);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			snprintf(detail, sizeof(detail), "readable");
		else
			snprintf(detail, sizeof(detail), "%s: %s", strerror(errno), files[i].loss);
		say(fd >= 0, path, detail);
		if (fd >= 0)
			close(fd);
	}
}

/* Reading an address that is not mapped shows whether the call is allowed: then it fails with
 * EFAULT. */
static void check_readv(pid_t pid)
{
	char byte;
	struct iovec local = { &byte, 1 }, remote = { (void *)4096, 1 };
	ssize_t r = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	if (r >= 0 || errno == EFAULT)
		say(true, "process_vm_readv", "allowed");
	else
		say(false, "process_vm_readv",
		    errno == ENOSYS ?
			    "not in this kernel, or denied by seccomp: /proc/PID/mem is used" :
		    errno == EPERM ? "denied: /proc/PID/mem is used when it can be opened" :
				     strerror(errno));
}

static void check_yama(void)
{
	char text[16], detail[100];

	if (tc_proc_read(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", text, sizeof(text)) <= 0) {
		say(true, "Yama", "not active");
		return;
	}
	int scope = atoi(text);
	snprintf(detail, sizeof(detail), "kernel.yama.ptrace_scope = %d%s", scope,
		 scope == 0 ? "" :
		 scope == 3 ? ": nobody may read another process" :
			      ": sudo or a parent process only");
	say(scope == 0 || (scope < 3 && geteuid() == 0), "Yama", detail);
}

static void check_output(void)
{
	say(access(".", W_OK) == 0, "working directory",
	    access(".", W_OK) == 0 ? "writable" : "not writable: give a place with -o FILE");
}

static void check_python(const struct tc_probe *p)
{
	char detail[300], version[32];

	if (!p->has_python) {
		say(false, "Python", p->line);
		return;
	}
	tc_version_text(p->walk.python.version, version, sizeof(version));
	snprintf(detail, sizeof(detail), "%s, layout: %s", version, p->walk.python.layout);
	say(p->code == TC_EXIT_OK, "Python", p->code == TC_EXIT_OK ? detail : p->line);
	say(p->walk.python.asyncio, "asyncio",
	    p->walk.python.asyncio ? "loaded" : "not loaded: only threads are read");
	snprintf(detail, sizeof(detail), "%" PRIu64 " tasks, %" PRIu64 " loops in %.1f ms",
		 p->walk.counts.found, p->walk.counts.loops, (double)p->took_ns / 1e6);
	say(p->walk.counts.torn == 0 && p->walk.counts.cut == 0, "walk", detail);
}

int tc_doctor_print(pid_t pid, uint64_t max_memory)
{
	struct tc_probe probe = { .pid = pid, .max_memory = max_memory };
	int code = tc_probe_run(&probe);
	char detail[100], hook[TC_HOOKED_LINE];

	if (code == TC_EXIT_GONE) {
		say(false, "process", probe.line);
		return code;
	}
	check_files(pid);
	check_readv(pid);
	check_yama();
	if (code == TC_EXIT_PERMISSION) {
		say(false, "permission", probe.line);
		return code;
	}
	snprintf(detail, sizeof(detail), "traced by process %d: --stop is not possible",
		 probe.tracer);
	say(!probe.tracer, "tracer", probe.tracer ? detail : "none: --stop is possible");
	check_python(&probe);
	snprintf(detail, sizeof(detail), "%" PRIu64 " MiB for reading", max_memory >> 20);
	say(true, "memory", detail);
	check_output();
	say(tc_hooked_describe(pid, hook, sizeof(hook)), "hook", hook);
	return code;
}
