/* SPDX-License-Identifier: Apache-2.0
 * libtaskcore.so: the start of the hook. */
#define _GNU_SOURCE
#include "dumper/hook/hook.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dumper/hook/common/hook_emulator.h"
#include "dumper/hook/common/hook_process.h"
#include "dumper/hook/common/hook_say.h"
#include "dumper/hook/common/hook_settings.h"
#include "dumper/hook/hook_crash.h"
#include "dumper/hook/hook_python.h"
#include "dumper/hook/hook_signal.h"
#include "dumper/hook/hook_turn.h"
#include "dumper/hook/signals/hook_chain.h"
#include "dumper/hook/signals/hook_guard.h"
#include "dumper/hook/signals/hook_next.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/taskcore.h"

#define NAME_MAX_MEMFD 249 /* memfd_create(2) */

/* 0 not yet, 1 being started, 2 started or failed (start_error), 3 disabled */
static _Atomic int started;
static int start_error;

/* The first real-time signal, from SIGRTMAX - 3 down, whose action is SIG_DFL; 0: there is none. */
static int free_signal(void)
{
	struct tc_arch_action action;

	for (int sig = SIGRTMAX - 3; sig > SIGRTMIN; sig--)
		if (sig != tc_hook_settings.signal &&
		    tc_syscall4(SYS_rt_sigaction, sig, 0, (long)&action, 8) == 0 && !action.handler)
			return sig;
	return 0;
}

/* Publish what taskcore signal and status need as the name of a mapping: /proc/PID/maps shows it to
 * everybody who may read that. The mapping stays until the process ends. how: p: preloaded; i:
 * installed by taskcore_install; in an emulator v or q, its initial. No signal may be sent to a
 * process in an emulator, above all not in qemu-user, where signals have other numbers outside than
 * inside. */
static void publish(char how)
{
	const struct tc_hook_settings *s = &tc_hook_settings;
	static char name[TC_HOOK_PATH + 64]; /* too big for the stack */

	int n = snprintf(name, sizeof(name), "taskcore:1:%d:%d:%c:%s", s->signal, s->private_signal,
			 how, s->dir);
	if (n > NAME_MAX_MEMFD)
		snprintf(name, sizeof(name), "taskcore:1:%d:%d:%c:?", s->signal, s->private_signal,
			 how);
	int fd = (int)syscall(SYS_memfd_create, name, 1 /* MFD_CLOEXEC */);
	if (fd < 0)
		return;
	if (ftruncate(fd, TC_ARCH_PAGE) == 0)
		mmap(NULL, TC_ARCH_PAGE, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
}

static int start(char how)
{
	void (*restorer)(void);
	int r = tc_process_init();

	if (r == 0)
		r = tc_hook_stacks_init();
	if (r < 0)
		return r;
	tc_process_at_fork(tc_hook_before_fork, NULL);
	tc_hook_settings.private_signal = free_signal();
	restorer = tc_next_restorer(tc_hook_settings.private_signal ?: SIGUSR1);
	if (restorer)
		tc_chain_restorer(restorer);
	if (tc_hook_settings.private_signal)
		r = tc_chain_take(tc_hook_settings.private_signal, tc_hook_on_signal);
	if (r == 0 && tc_hook_settings.signal)
		r = tc_chain_take(tc_hook_settings.signal, tc_hook_on_signal);
	/* Asked only in a Python process: it takes some µs, and nothing is sent to other
	 * processes. */
	const char *emulator = tc_hook_is_linked_python() ? tc_hook_emulator() : NULL;
	if (r == 0 && tc_hook_is_linked_python())
		tc_hook_crash_take();
	if (r == 0)
		publish(emulator ? emulator[0] : how);
	return r;
}

/* Start the hook, if that was not done yet. 0 or -errno, the same at each call. */
static int start_once(char how)
{
	int expected = 0;

	if (!atomic_compare_exchange_strong(&started, &expected, 1)) {
		while (started == 1) /* another thread is at it */
			usleep(1000);
		return start_error;
	}
	/* a program with raised rights (set-user-ID): its environment is not to be trusted */
	bool secure = getauxval(AT_SECURE);
	if (!secure) {
		tc_hook_say_init();
		tc_hook_settings_read(environ);
	}
	if (tc_hook_settings.disabled || secure) {
		start_error = -EPERM;
		started = 3;
		return start_error;
	}
	start_error = start(how);
	started = 2;
	return start_error;
}

bool tc_hook_installed(void)
{
	return started == 2 && start_error == 0;
}

/* Were we loaded by LD_PRELOAD, and not by a later dlopen? */
static bool is_preloaded(void)
{
	const char *preload = NULL;

	for (char **at = environ; at && *at; at++)
		if (strncmp(*at, "LD_PRELOAD=", 11) == 0)
			preload = *at + 11;
	return preload && strstr(preload, "libtaskcore");
}

__attribute__((constructor)) static void construct(void)
{
	if (is_preloaded())
		start_once('p');
}

int taskcore_install(void)
{
	int r = start_once('i');

	errno = r < 0 ? -r : errno;
	return r < 0 ? -1 : 0;
}

const char *taskcore_version(void)
{
	return PACKAGE_VERSION;
}
