/* SPDX-License-Identifier: Apache-2.0
 * The smallest hook: the chain with an entry that counts. With TEST_GUARD every counted signal also
 * reads through a bad pointer under the guard. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "dumper/hook/hook.h"
#include "dumper/hook/hook_exit.h"
#include "dumper/hook/hook_turn.h"
#include "dumper/hook/signals/hook_action.h"
#include "dumper/hook/signals/hook_chain.h"
#include "dumper/hook/common/hook_process.h"
#include "lib/sys/arch_x86_64.h"

#define EXPORT __attribute__((visibility("default")))

_Atomic int test_dumps_;  /* counted, not nested */
_Atomic int test_nested_; /* nested */
_Atomic int test_guard_;  /* 1: guard every dump */
_Atomic int test_live_ = 1;
_Atomic int test_faults_;
EXPORT int test_dumps(void);
EXPORT int test_nested(void);
EXPORT int test_faults(void);
EXPORT void test_guard(int on);
EXPORT void test_live(int on);
EXPORT int test_in_front(int sig);
EXPORT void test_guarded_call(void (*function)(void));
EXPORT unsigned test_start_begin(void);
EXPORT void test_start_end(unsigned ignored);

/* Of files that are not in here: nothing here starts a child. */
void tc_hook_reap_at_end(void)
{
}

bool tc_hook_installed(void)
{
	return false;
}

bool tc_hook_reap(void)
{
	return true;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	if (info->si_code > 0 && tc_arch_fix(context))
		test_faults_++;
	else
		tc_chain_guard_yield(sig, info, context);
}

static void guarded_read(void)
{
	char byte;

	tc_chain_guard_begin(on_fault);
	tc_arch_copy(&byte, (void *)16, 1);
	tc_chain_guard_end();
}

static void entry(int sig, siginfo_t *info, void *context)
{
	if (tc_process_kind() == TC_PROCESS_VFORKED) {
		tc_chain_pass(sig, info, context, false);
		return;
	}
	if (!tc_chain_nested(sig, context)) {
		test_dumps_++;
		if (test_guard_)
			guarded_read();
	} else {
		test_nested_++;
	}
	tc_chain_pass(sig, info, context, test_live_);
}

int test_dumps(void)
{
	return test_dumps_;
}

int test_nested(void)
{
	return test_nested_;
}

int test_faults(void)
{
	return test_faults_;
}

void test_guard(int on)
{
	test_guard_ = on;
}

void test_live(int on)
{
	test_live_ = on;
}

int test_in_front(int sig)
{
	return tc_chain_in_front(sig);
}

/* As another thread's call in the middle of a dump. */
void test_guarded_call(void (*function)(void))
{
	tc_chain_guard_begin(on_fault);
	function();
	tc_chain_guard_end();
}

/* The begin and the end of a call that starts a program. */
unsigned test_start_begin(void)
{
	return tc_action_ignore_begin();
}

void test_start_end(unsigned ignored)
{
	tc_action_ignore_end(ignored);
}

__attribute__((constructor)) static void start(void)
{
	if (tc_process_init() < 0 || tc_chain_take(SIGUSR1, entry) < 0 ||
	    tc_chain_take(SIGRTMAX - 3, entry) < 0)
		abort();
	test_live_ = getenv("TEST_DIE") == NULL;
}
