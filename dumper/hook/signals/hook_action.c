/* SPDX-License-Identifier: Apache-2.0
 * The table of signal actions. A new action is written into the cell that is not in use, and then
 * seq is incremented, which switches to it. A reader that finds that seq has changed reads
 * again. */
#include "dumper/hook/signals/hook_action.h"

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>

#include "dumper/hook/common/hook_process.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

/* The flags that the kernel keeps; it drops all others (kernel/signal.c, do_sigaction). */
#define KEPT_FLAGS                                                                         \
	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER | \
	 SA_RESETHAND | 0x800u /* SA_EXPOSE_TAGBITS */ | TC_ARCH_SA_RESTORER)
/* A writer that waits for another one sleeps after so many looks. */
#define MAX_SPINS 200

static struct tc_action taken[TC_ACTION_MAX];
static _Atomic unsigned n_taken;

struct tc_action tc_action_guarded[TC_ACTION_GUARDED] = {
	{ .sig = SIGSEGV, .guarded = true, .seq = 1 },
	{ .sig = SIGBUS, .index = 1, .guarded = true, .seq = 1 },
	{ .sig = SIGSYS, .index = 2, .guarded = true, .seq = 1 },
};
_Atomic bool tc_action_guarding;
static _Atomic bool small_altstacks;
void (*tc_action_restorer)(void) = tc_arch_restore;

int tc_action_kernel(int sig, const struct tc_arch_action *set, struct tc_arch_action *ret_old)
{
	return (int)tc_syscall4(SYS_rt_sigaction, sig, (long)set, (long)ret_old, 8);
}

struct tc_arch_action tc_action_of(void *handler, unsigned long flags, uint64_t mask)
{
	return (struct tc_arch_action){ handler, flags | TC_ARCH_SA_RESTORER,
					tc_action_restorer, mask };
}

/* The flag is in the state of hook_process.h, which is zero in a forked child: there the lock is
 * free even if another thread of the parent held it. */
uint64_t tc_action_lock(void)
{
	struct timespec wait = { .tv_nsec = 50000 };
	uint64_t before;

	tc_sys_block(&before);

	for (unsigned n = 1; atomic_exchange(&tc_hook_process()->writing, 1); n++)
		if (n % MAX_SPINS == 0)
			tc_syscall2(SYS_nanosleep, (long)&wait, 0);
		else
			tc_arch_pause();
	return before;
}

void tc_action_unlock(uint64_t before)
{
	atomic_store(&tc_hook_process()->writing, 0);
	tc_sys_mask(before, NULL);
}

static void cell_write(struct tc_action_cell *cell, const struct tc_arch_action *from)
{
	atomic_store_explicit(&cell->handler, from->handler, memory_order_relaxed);
	atomic_store_explicit(&cell->flags, from->flags, memory_order_relaxed);
	atomic_store_explicit(&cell->mask, from->mask, memory_order_relaxed);
	atomic_store_explicit(&cell->restorer, from->restorer, memory_order_relaxed);
}

uint64_t tc_action_read(const struct tc_action *action, struct tc_arch_action *ret)
{
	struct tc_arch_action set;
	uint64_t seq;

	do {
		seq = atomic_load(&action->seq);
		const struct tc_action_cell *cell = seq == atomic_load(&action->found_seq) ?
							    &action->found :
							    &action->cells[seq & 1];
		set.handler = atomic_load_explicit(&cell->handler, memory_order_relaxed);
		set.flags = atomic_load_explicit(&cell->flags, memory_order_relaxed);
		set.mask = atomic_load_explicit(&cell->mask, memory_order_relaxed);
		set.restorer = atomic_load_explicit(&cell->restorer, memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
	} while (atomic_load_explicit(&action->seq, memory_order_relaxed) != seq);
	if (atomic_load(&action->spent) == seq)
		set.handler = (void *)SIG_DFL;
	*ret = set;
	return seq;
}

void tc_action_found(struct tc_action *action, const struct tc_arch_action *kernel)
{
	cell_write(&action->found, kernel);
	atomic_store(&action->found_seq, atomic_load(&action->seq));
}

static void write_cell(struct tc_action *action, const struct tc_arch_action *set)
{
	uint64_t next = atomic_load(&action->seq) + 1;
	struct tc_arch_action kept = tc_action_of(set->handler, set->flags & KEPT_FLAGS, set->mask);

	kept.mask &= ~(UINT64_C(1) << (SIGKILL - 1) | UINT64_C(1) << (SIGSTOP - 1));
	cell_write(&action->cells[next & 1], &kept);
	atomic_store(&action->seq, next);
}

struct tc_action *tc_action_find(int sig)
{
	unsigned n = atomic_load(&n_taken);

	for (unsigned i = 0; i < n; i++)
		if (taken[i].sig == sig)
			return &taken[i];
	if (atomic_load(&tc_action_guarding))
		for (unsigned i = 0; i < TC_ACTION_GUARDED; i++)
			if (tc_action_guarded[i].sig == sig)
				return &tc_action_guarded[i];
	return NULL;
}

static void *entry_of(const struct tc_action *action)
{
	return (void *)atomic_load(&action->entry);
}

/* A thread whose stack has overflowed gets one of these two. */
static bool overflows(const struct tc_action *action)
{
	return action->fatal && (action->sig == SIGSEGV || action->sig == SIGBUS);
}

struct tc_arch_action tc_action_in_front(const struct tc_action *action,
					 const struct tc_arch_action *set)
{
	bool calls = set->handler != (void *)SIG_DFL && set->handler != (void *)SIG_IGN;

	if (action->guarded && !atomic_load(&tc_action_guarding))
		return *set;
	if (set->handler == (void *)SIG_IGN && atomic_load(&action->n_ignoring))
		return (struct tc_arch_action){ .handler = (void *)SIG_IGN };
	unsigned long flags = calls ? set->flags & (SA_RESTART | SA_NODEFER | SA_ONSTACK) :
			      small_altstacks || action->guarded ? SA_RESTART :
								   SA_RESTART | SA_ONSTACK;
	if (overflows(action) && !small_altstacks)
		flags |= SA_ONSTACK;
	return tc_action_of(entry_of(action), SA_SIGINFO | flags, calls ? set->mask : 0);
}

struct tc_arch_action tc_action_own(const struct tc_arch_action *set)
{
	return tc_action_of(set->handler, set->flags, set->mask);
}

/* Works without a lock: everybody who has changed the action calls this afterwards, and it goes
 * round again when the action has changed meanwhile. So the kernel always ends with the last
 * one. */
bool tc_action_settle(struct tc_action *action)
{
	struct tc_arch_action set, kernel;
	uint64_t seq, spent;
	int r;

	do {
		spent = atomic_load(&action->spent);
		seq = tc_action_read(action, &set);
		kernel = atomic_load(&action->let_seq) == seq ? tc_action_own(&set) :
								tc_action_in_front(action, &set);
		r = tc_action_kernel(action->sig, &kernel, NULL);
	} while (atomic_load(&action->seq) != seq || atomic_load(&action->spent) != spent);
	return r == 0;
}

/* In a forked child the other threads do not exist: end what they had begun. */
static void forked(void)
{
	unsigned n = atomic_load(&n_taken);

	if (atomic_exchange(&tc_action_guarding, false))
		for (unsigned i = 0; i < TC_ACTION_GUARDED; i++)
			tc_action_settle(&tc_action_guarded[i]);
	for (unsigned i = 0; i < n; i++) {
		struct tc_arch_action set, kernel;
		tc_action_read(&taken[i], &set);
		atomic_store(&taken[i].n_ignoring, 0);
		if (atomic_exchange(&taken[i].let_seq, 0))
			tc_action_settle(&taken[i]);
		if (set.handler == (void *)SIG_IGN &&
		    tc_action_kernel(taken[i].sig, NULL, &kernel) == 0 &&
		    kernel.handler == (void *)SIG_IGN)
			tc_action_settle(&taken[i]);
	}
}

int tc_action_take(int sig, tc_chain_entry *entry, bool fatal)
{
	unsigned n = atomic_load(&n_taken);
	struct tc_arch_action kernel;

	if (n == TC_ACTION_MAX)
		return -ENOSPC;
	int r = tc_action_kernel(sig, NULL, &kernel);
	if (r < 0)
		return r;
	if (n == 0)
		tc_process_at_fork(NULL, forked);
	uint64_t before = tc_action_lock();
	taken[n] = (struct tc_action){ .sig = sig, .index = n, .fatal = fatal };
	atomic_store(&taken[n].entry, entry);
	atomic_store(&taken[n].seq, 1);
	tc_action_found(&taken[n], &kernel);
	atomic_store(&n_taken, n + 1);
	tc_action_settle(&taken[n]);
	tc_action_unlock(before);
	return 0;
}

bool tc_action_let(struct tc_action *action)
{
	struct tc_arch_action set;
	uint64_t seq = tc_action_read(action, &set);

	atomic_store(&action->let_seq, seq);
	if (!tc_action_settle(action))
		return false;
	if (set.flags & SA_RESETHAND && set.handler != (void *)SIG_DFL)
		tc_action_spend(action, seq); /* as the kernel does when it calls the handler */
	return true;
}

/* In a vfork child: the kernel's signal actions are its own, but the table is its parent's. */
static void set_vforked(struct tc_action *action, const struct tc_arch_action *set,
			struct tc_arch_action *ret_old)
{
	struct tc_arch_action kernel = { 0 }, now;

	if (set)
		kernel = tc_action_of(set->handler, set->flags, set->mask);
	tc_action_kernel(action->sig, set ? &kernel : NULL, &now);
	if (now.handler == entry_of(action))
		tc_action_read(action, &now);
	*ret_old = now;
}

void tc_action_set(struct tc_action *action, const struct tc_arch_action *set,
		   struct tc_arch_action *ret_old)
{
	struct tc_arch_action ignore = { .handler = (void *)SIG_IGN };

	if (tc_process_kind() == TC_PROCESS_VFORKED) {
		set_vforked(action, set, ret_old);
		return;
	}
	if (!set) {
		tc_action_read(action, ret_old);
		return;
	}
	uint64_t before = tc_action_lock();
	tc_action_read(action, ret_old);
	write_cell(action, set);
	/* Setting SIG_IGN in the kernel also drops pending signals (sigaction(2)), as the program
	 * expects. Not while memory is read: a fault must find its handler. */
	if (set->handler == ignore.handler && !action->guarded)
		tc_action_kernel(action->sig, &ignore, NULL);
	tc_action_settle(action);
	tc_action_unlock(before);
}

bool tc_action_spend(struct tc_action *action, uint64_t seq)
{
	uint64_t before = atomic_load(&action->spent);

	return before != seq && atomic_compare_exchange_strong(&action->spent, &before, seq);
}

bool tc_action_is_front(const struct tc_action *action)
{
	struct tc_arch_action kernel;

	return tc_action_kernel(action->sig, NULL, &kernel) == 0 &&
	       kernel.handler == entry_of(action);
}

bool tc_action_is_ignored(int sig)
{
	struct tc_action *action = tc_action_find(sig);
	struct tc_arch_action set = { 0 };

	if (action && !action->guarded)
		tc_action_read(action, &set);
	return set.handler == (void *)SIG_IGN;
}

void tc_action_avoid_altstacks(void)
{
	unsigned n = atomic_load(&n_taken);

	if (tc_process_kind() != TC_PROCESS_OWN || atomic_exchange(&small_altstacks, true))
		return;
	uint64_t before = tc_action_lock();
	for (unsigned i = 0; i < n; i++)
		tc_action_settle(&taken[i]);
	tc_action_unlock(before);
}

static bool is_ignored(const struct tc_action *action)
{
	struct tc_arch_action set;

	tc_action_read(action, &set);
	return set.handler == (void *)SIG_IGN;
}

/* Let the kernel ignore the signal. Not if the kernel no longer calls our entry: then a raw
 * rt_sigaction, or a vfork child, has set another action. */
static bool ignore(struct tc_action *action, bool own)
{
	struct tc_arch_action none = { .handler = (void *)SIG_IGN };
	bool others = own && atomic_load(&action->n_ignoring) > 0;

	if (!is_ignored(action) || (!others && !tc_action_is_front(action)))
		return false;
	if (own)
		atomic_fetch_add(&action->n_ignoring, 1);
	tc_action_kernel(action->sig, &none, NULL);
	return true;
}

/* Most programs ignore none of our signals: for them no system call is made. */
static bool are_any_ignored(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (is_ignored(&taken[i]))
			return true;
	return false;
}

/* The lock is needed because no other thread may begin between the moment when the last one ends
 * and the moment when the kernel has our handler again. */
uint32_t tc_action_ignore_begin(void)
{
	unsigned n = atomic_load(&n_taken);
	uint64_t before = 0;
	uint32_t which = 0;

	if (!are_any_ignored(n))
		return 0;
	bool own = tc_process_kind() == TC_PROCESS_OWN;
	if (own)
		before = tc_action_lock();
	for (unsigned i = 0; i < n; i++)
		if (ignore(&taken[i], own))
			which |= 1u << i;
	if (own)
		tc_action_unlock(before);
	return which;
}

void tc_action_ignore_end(uint32_t which)
{
	uint64_t before = 0;

	if (!which)
		return;
	bool own = tc_process_kind() == TC_PROCESS_OWN;
	if (own)
		before = tc_action_lock();
	for (unsigned i = 0; i < TC_ACTION_MAX; i++)
		if (which & 1u << i)
			if (!own || atomic_fetch_sub(&taken[i].n_ignoring, 1) == 1)
				tc_action_settle(&taken[i]);
	if (own)
		tc_action_unlock(before);
}
