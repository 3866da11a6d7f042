/* SPDX-License-Identifier: Apache-2.0
 * The state by which we know whether we are in the process that made it, in a forked child, or in a
 * vfork child: MADV_WIPEONFORK (madvise(2)) makes it zero in a forked child; a vfork child shares
 * it, but has another pid. */
#include "dumper/hook/common/hook_process.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/sys/arch_x86_64.h"
#include "lib/base/safe.h"

/* Exported by glibc since 2.3.2 (what pthread_atfork calls); other libcs may lack it. */
extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
			     void *dso) __attribute__((weak));
extern void *__dso_handle __attribute__((visibility("hidden")));

static struct tc_hook_process before_init; /* so that tc_hook_process never returns NULL */
static struct tc_hook_process *own = &before_init;
static bool wipes;

static void adopt(uint32_t pid)
{
	if (!wipes)
		memset(own, 0, sizeof(*own));
	atomic_store(&own->pid, pid);
}

/* Without this, a forked child that calls vfork before any code of ours runs in it would leave the
 * state to its vfork child. */
static void forked(void)
{
	adopt((uint32_t)tc_syscall0(SYS_getpid));
}

int tc_process_init(void)
{
	long at = tc_syscall6(SYS_mmap, 0, TC_ARCH_PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at < 0 && at > -(long)TC_ARCH_PAGE)
		return (int)at;
	wipes = tc_syscall3(SYS_madvise, at, TC_ARCH_PAGE, MADV_WIPEONFORK) == 0;
	own = (struct tc_hook_process *)at;
	adopt((uint32_t)tc_syscall0(SYS_getpid));
	tc_process_at_fork(NULL, forked);
	return 0;
}

void tc_process_at_fork(void (*prepare)(void), void (*child)(void))
{
	if (__register_atfork)
		__register_atfork(prepare, NULL, child, &__dso_handle);
}

enum tc_process_kind tc_process_kind(void)
{
	uint32_t pid = (uint32_t)tc_syscall0(SYS_getpid);
	uint32_t owner = atomic_load(&own->pid);

	if (owner == pid)
		return TC_PROCESS_OWN;
	if (owner && wipes)
		return TC_PROCESS_VFORKED;
	adopt(pid);
	return TC_PROCESS_OWN;
}

struct tc_hook_process *tc_hook_process(void)
{
	return own;
}

/* __WCLONE (wait4(2)): only children that do not send SIGCHLD. The program may have reaped our
 * child, and may have a child of its own with this pid now, which must not be reaped. */
bool tc_process_reap_one(_Atomic uint32_t *pid, uint32_t child, int *ret_status)
{
	if (!child || tc_syscall4(SYS_wait4, child, (long)ret_status, WNOHANG | __WCLONE, 0) == 0)
		return !child;
	atomic_compare_exchange_strong(pid, &child, 0);
	return true;
}

bool tc_process_reap(_Atomic uint32_t *pid, int *ret_status)
{
	return tc_process_reap_one(pid, *pid, ret_status);
}
