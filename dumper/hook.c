/* SPDX-License-Identifier: Apache-2.0
 * libtaskcore.so: its start, and the handler. */
#define _GNU_SOURCE
#include "hook.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../lib/sys.h"
#include "../lib/taskcore.h"
#include "hook_chain.h"
#include "hook_process.h"

#define NAME_MAX_MEMFD 249 /* memfd_create(2) */

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0.1.0"
#endif

static _Atomic int started; /* 1 under way, 2 done, 3 disabled */
static int start_error;

/* The first real-time signal from SIGRTMAX - 3 down that nobody uses; 0: none. */
static int free_signal(void)
{
	struct tc_arch_action action;

	for (int sig = SIGRTMAX - 3; sig > SIGRTMIN; sig--)
		if (sig != tc_hook_settings.signal &&
		    tc_syscall4(SYS_rt_sigaction, sig, 0, (long)&action, 8) == 0 && !action.handler)
			return sig;
	return 0;
}

/* Publish what taskcore signal and status need, in the name of a mapping: /proc/PID/maps shows it
 * to whoever may look. It is kept for ever. */
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

static const char *reason_of(int sig, char *to, size_t size)
{
	struct tc_text text;

	if (sig == SIGUSR1 || sig == SIGUSR2)
		return sig == SIGUSR1 ? "usr1" : "usr2";
	tc_text_init(&text, to, size);
	tc_text_s(&text, "rtmin+");
	tc_text_u(&text, (uint64_t)(sig - SIGRTMIN));
	return to;
}

/* The program's own signal: a dump, unless there was one a moment ago. */
static void on_plain(int sig, siginfo_t *info, void *context)
{
	char name[32];
	struct tc_hook_process *process = tc_process();
	struct tc_request request = {
		.reason = reason_of(sig, name, sizeof(name)),
		.signal = sig,
		.sender_pid = info->si_code <= 0 ? (uint32_t)info->si_pid : 0,
		.sender_uid = info->si_code <= 0 ? (uint32_t)info->si_uid : 0,
		.context = context,
	};
	uint64_t now = tc_sys_clock_ns(CLOCK_MONOTONIC), last = process->last_ns;
	uint64_t interval = tc_hook_settings.min_interval_s * 1000000000u;

	if (last && interval && now - last < interval) {
		tc_hook_refuse(&request, -EAGAIN, (now - last) / 1000000000u);
		return;
	}
	int r = tc_hook_request(&request);
	if (r == 0)
		process->last_ns = now;
	else if (r != -ENOEXEC)
		tc_hook_refuse(&request, r, 0);
}

static void on_cookie(siginfo_t *info, void *context, uint64_t cookie)
{
	struct tc_request request = {
		.reason = "request",
		.signal = info->si_signo,
		.sender_pid = (uint32_t)info->si_pid,
		.sender_uid = (uint32_t)info->si_uid,
		.cookie = cookie,
		.context = context,
	};
	int r;

	switch (cookie >> 40 & 255) {
	case TC_COOKIE_DUMP:
		if ((r = tc_hook_request(&request)) < 0)
			tc_hook_refuse(&request, r, 0);
		break;
	case TC_COOKIE_AGAIN:
		tc_hook_request_again(context);
		break;
	case TC_COOKIE_PARK:
		tc_hook_park();
		break;
	default:
		break;
	}
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	if (tc_process_kind() == TC_PROCESS_VFORKED) { /* nothing here is ours to change */
		tc_chain_pass(sig, info, context, false);
		return;
	}
	if (sig == tc_hook_settings.private_signal) {
		uint64_t cookie = (uint64_t)(uintptr_t)info->si_value.sival_ptr;
		if (info->si_code == SI_QUEUE && cookie >> 48 == TC_COOKIE_MAGIC)
			on_cookie(info, context, cookie);
		else
			tc_chain_pass(sig, info, context, false);
		return;
	}
	bool python = tc_hook_has_python();
	if (python && !tc_chain_nested(sig, context))
		on_plain(sig, info, context);
	tc_chain_pass(sig, info, context, python);
}

static int start(char how)
{
	int r = tc_process_init();

	if (r == 0)
		r = tc_hook_stacks_init();
	if (r < 0)
		return r;
	tc_hook_settings.private_signal = free_signal();
	if (tc_hook_settings.private_signal)
		r = tc_chain_take(tc_hook_settings.private_signal, on_signal);
	if (r == 0 && tc_hook_settings.signal)
		r = tc_chain_take(tc_hook_settings.signal, on_signal);
	if (r == 0)
		publish(how);
	return r;
}

/* Once, whether preloaded or called for. */
static int start_once(char how)
{
	int expected = 0;

	if (!atomic_compare_exchange_strong(&started, &expected, 1)) {
		while (started == 1) /* another thread is at it */
			usleep(1000);
		return start_error;
	}
	bool secure = getauxval(AT_SECURE); /* the environment is a stranger's */
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

/* Whether the loader put us in by LD_PRELOAD, not a later dlopen. */
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
