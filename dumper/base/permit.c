/* SPDX-License-Identifier: Apache-2.0
 * Names the rule of the kernel that denies the access to another process. */
#define _GNU_SOURCE
#include "dumper/base/permit.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/process/proc.h"

#define CAP_SYS_PTRACE_BIT (1ull << 19) /* include/uapi/linux/capability.h */

struct identity {
	unsigned uid[3], gid[3]; /* real, effective, saved */
	uint64_t permitted, effective;
	int seccomp;
	char userns[64];
};

static bool read_identity(pid_t pid, struct identity *ret)
{
	char path[64], text[8192];

	memset(ret, 0, sizeof(*ret));
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (tc_proc_read(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return false;
	const char *field = tc_proc_field(text, "Uid");
	if (field)
		sscanf(field, "%u %u %u", &ret->uid[0], &ret->uid[1], &ret->uid[2]);
	if ((field = tc_proc_field(text, "Gid")))
		sscanf(field, "%u %u %u", &ret->gid[0], &ret->gid[1], &ret->gid[2]);
	if ((field = tc_proc_field(text, "CapPrm")))
		ret->permitted = strtoull(field, NULL, 16);
	if ((field = tc_proc_field(text, "CapEff")))
		ret->effective = strtoull(field, NULL, 16);
	if ((field = tc_proc_field(text, "Seccomp")))
		ret->seccomp = atoi(field);
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	ssize_t n = readlink(path, ret->userns, sizeof(ret->userns) - 1);
	ret->userns[n > 0 ? n : 0] = 0;
	return true;
}

static int yama_scope(void)
{
	char text[16];

	if (tc_proc_read(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", text, sizeof(text)) <= 0)
		return 0;
	return atoi(text);
}

static bool same_user(const struct identity *us, const struct identity *them)
{
	for (int i = 0; i < 3; i++)
		if (them->uid[i] != us->uid[1] || them->gid[i] != us->gid[1])
			return false;
	return true;
}

/* The files in /proc of a process that is not dumpable belong to root (proc(5)). */
static bool is_dumpable(pid_t pid, const struct identity *them)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	return stat(path, &st) < 0 || st.st_uid == them->uid[1] || them->uid[1] == 0;
}

void tc_permit_explain(pid_t pid, char *line, size_t size)
{
	struct identity us, them;
	int scope = yama_scope();

	if (!read_identity(getpid(), &us) || !read_identity(pid, &them)) {
		snprintf(line, size,
			 "process %d may not be read: its /proc/%d/status cannot be read", pid,
			 pid);
		return;
	}
	bool ptrace = us.effective & CAP_SYS_PTRACE_BIT;
	if (!ptrace && !same_user(&us, &them))
		snprintf(line, size,
			 "process %d belongs to uid %u (gid %u), we are uid %u (gid %u) without "
			 "CAP_SYS_PTRACE: "
			 "run as that user, or with sudo",
			 pid, them.uid[1], them.gid[1], us.uid[1], us.gid[1]);
	else if (!ptrace && !is_dumpable(pid, &them))
		snprintf(line, size,
			 "process %d is not dumpable (it changed its uid, or asked for it with "
			 "prctl): "
			 "only CAP_SYS_PTRACE may read it, run with sudo",
			 pid);
	else if (!ptrace && (them.permitted & ~us.permitted))
		snprintf(line, size,
			 "process %d has capabilities that we do not have (0x%llx): run with sudo",
			 pid, (unsigned long long)(them.permitted & ~us.permitted));
	else if (ptrace && strcmp(us.userns, them.userns) != 0 && them.userns[0])
		snprintf(line, size,
			 "process %d is in another user namespace, where our CAP_SYS_PTRACE does "
			 "not count: "
			 "run outside, or join it with nsenter -U -t %d",
			 pid, pid);
	else if (scope == 3)
		snprintf(line, size,
			 "Yama forbids it to everybody until a reboot (kernel.yama.ptrace_scope = "
			 "3)");
	else if (scope && !ptrace)
		snprintf(
			line, size,
			"Yama forbids it (kernel.yama.ptrace_scope = %d): run with sudo, or sysctl "
			"kernel.yama.ptrace_scope=0",
			scope);
	else if (us.seccomp)
		snprintf(line, size,
			 "process %d may not be read: a seccomp filter or a security module is in "
			 "the way "
			 "(we run under seccomp mode %d)",
			 pid, us.seccomp);
	else
		snprintf(line, size,
			 "process %d may not be read: a security module (SELinux, AppArmor) or the "
			 "kernel's "
			 "lockdown forbids it",
			 pid);
}
