/* SPDX-License-Identifier: Apache-2.0
 * The alternate signal stacks: mapped when a thread is made, and taken back by the destructor of a
 * thread-specific key, which is called at each end of a thread: return, pthread_exit, cancellation.
 * The kernel alone knows which stack is in force in a thread. We keep only which one is ours there.
 *
 * A forked child has a copy of all stacks, and one thread, which keeps its own: the kernel leaves
 * the alternate stack in force at a fork (kernel/fork.c, copy_process). Those of the other threads
 * are never used again there, and count in MAX_STACKS. */
#define _GNU_SOURCE
#include "dumper/hook/signals/hook_altstack.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "dumper/hook/signals/hook_next.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"

/* A program that sets SA_ONSTACK and no alternate stack finds its handlers on ours, where they had
 * the thread's own stack before. So it is much larger than what our handler needs: that takes only
 * addresses, because memory is used page by page. */
#define MIN_SIZE (256u << 10)
/* The kernel's frame, with all registers, takes at least AT_MINSIGSTKSZ (getauxval(3)). */
#define N_FRAMES 4
#define GUARD_SIZE TC_ARCH_PAGE
/* Each stack is two mappings, of which a process may have 65,530 (vm.max_map_count). A program with
 * so many threads that it comes near must not fail because of us: the threads after these get no
 * stack. */
#define MAX_STACKS 4096
/* Stacks of ended threads that are kept for new ones, as libc keeps their own stacks. */
#define N_KEPT 16

static size_t size; /* of each stack, without its guard page */
static _Atomic bool are_wanted;
static _Atomic unsigned n_stacks; /* that are mapped */
static _Atomic(struct tc_altstack *) kept[N_KEPT];

/* The key. It is made as soon as threads are possible: before glibc 2.34 the functions are in
 * libpthread, which the program may load later. */
enum { KEY_NONE, KEY_BEING_MADE, KEY_MADE };
static _Atomic int key_state;
static pthread_key_t key;

/* Our stack of this thread; NULL: it has none. */
static __thread struct tc_altstack *own;
/* The destructor was called before in this thread. */
static __thread bool is_ending;

static void *bottom_of(const struct tc_altstack *stack)
{
	return (uint8_t *)(stack + 1) - size;
}

static long altstack(const stack_t *set, stack_t *old)
{
	return tc_syscall2(SYS_sigaltstack, (long)set, (long)old);
}

static stack_t as_set(const struct tc_altstack *stack)
{
	return (stack_t){ .ss_sp = bottom_of(stack), .ss_size = size };
}

/* Map a stack above its guard page. munlock: after mlockall(MCL_FUTURE) the kernel would back all
 * of it at once. NULL: the kernel refuses. */
static struct tc_altstack *map_stack(void)
{
	long guard = tc_syscall6(SYS_mmap, 0, (long)(GUARD_SIZE + size), PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	long bottom = guard + GUARD_SIZE;

	if (guard < 0 && guard > -(long)TC_ARCH_PAGE)
		return NULL;
	tc_syscall2(SYS_munlock, guard, (long)(GUARD_SIZE + size));
	if (tc_syscall3(SYS_mprotect, bottom, (long)size, PROT_READ | PROT_WRITE) == 0)
		return (struct tc_altstack *)(bottom + (long)size) - 1;
	tc_sys_unmap((void *)guard, GUARD_SIZE + size);
	return NULL;
}

static struct tc_altstack *new_stack(void)
{
	struct tc_altstack *stack = NULL;

	if (atomic_fetch_add(&n_stacks, 1) < MAX_STACKS)
		stack = map_stack();
	if (!stack)
		atomic_fetch_sub(&n_stacks, 1);
	return stack;
}

static bool remember(const struct tc_altstack *stack)
{
	__typeof__(pthread_setspecific) *set = tc_next(TC_NEXT_PTHREAD_SETSPECIFIC);

	return set && set(key, stack) == 0;
}

/* The first call only asks for a second one: destructors of the program may be called after ours,
 * and their faults need the stack too. libc goes over all keys again while any has a value, 4 times
 * at most (POSIX, PTHREAD_DESTRUCTOR_ITERATIONS). Where the stack cannot be taken out of force
 * (EPERM: the thread ends in a handler on it), it is left alone for ever. */
static void at_thread_end(void *stack)
{
	stack_t none = { .ss_flags = SS_DISABLE }, now;

	if (!is_ending) {
		is_ending = true;
		if (remember(stack))
			return;
	}
	own = NULL; /* first, so that renew in a handler does not put it in force again */
	if (altstack(NULL, &now) != 0)
		return;
	if (now.ss_sp == bottom_of(stack) && altstack(&none, NULL) != 0)
		return;
	tc_altstack_give_back(stack);
}

static bool has_key(void)
{
	int state = KEY_NONE;

	if (atomic_load(&key_state) == KEY_MADE)
		return true;
	if (!atomic_compare_exchange_strong(&key_state, &state, KEY_BEING_MADE))
		return state == KEY_MADE;
	__typeof__(pthread_key_create) *create = tc_next(TC_NEXT_PTHREAD_KEY_CREATE);
	bool is_made = create && create(&key, at_thread_end) == 0;
	atomic_store(&key_state, is_made ? KEY_MADE : KEY_NONE);
	return is_made;
}

struct tc_altstack *tc_altstack_take(void)
{
	struct tc_altstack *stack;

	if (!atomic_load(&are_wanted) || !has_key())
		return NULL;
	for (int i = 0; i < N_KEPT; i++)
		if (atomic_load_explicit(&kept[i], memory_order_relaxed) &&
		    (stack = atomic_exchange(&kept[i], NULL)))
			return stack;
	return new_stack();
}

void tc_altstack_give_back(struct tc_altstack *stack)
{
	struct tc_altstack *none;

	for (int i = 0; i < N_KEPT; i++) {
		none = NULL;
		if (!atomic_load_explicit(&kept[i], memory_order_relaxed) &&
		    atomic_compare_exchange_strong(&kept[i], &none, stack))
			return;
	}
	tc_sys_unmap((uint8_t *)bottom_of(stack) - GUARD_SIZE, GUARD_SIZE + size);
	atomic_fetch_sub(&n_stacks, 1);
}

/* Put the stack in force, unless another one is. False: the kernel refuses. */
static bool put_in_force(struct tc_altstack *stack)
{
	stack_t set = as_set(stack), old;

	own = stack;
	if (altstack(&set, &old) != 0) {
		own = NULL;
		return false;
	}
	if (!(old.ss_flags & SS_DISABLE))
		altstack(&old, NULL);
	return true;
}

void tc_altstack_use(struct tc_altstack *stack)
{
	if (remember(stack) && put_in_force(stack))
		return;
	remember(NULL);
	tc_altstack_give_back(stack);
}

/* Without a key this is a program that cannot have threads yet, and its only one keeps its stack to
 * the end. */
void tc_hook_altstack_main(void)
{
	size_t least = N_FRAMES * getauxval(AT_MINSIGSTKSZ);

	least = least > MIN_SIZE ? least : MIN_SIZE;
	size = (least + TC_ARCH_PAGE - 1) & ~(size_t)(TC_ARCH_PAGE - 1);
	atomic_store(&are_wanted, true);
	struct tc_altstack *stack = new_stack();
	if (!stack)
		return;
	if (has_key())
		tc_altstack_use(stack);
	else if (!put_in_force(stack))
		tc_altstack_give_back(stack);
}

void tc_altstack_conceal(stack_t *old)
{
	if (own && old && old->ss_sp == bottom_of(own) && !(old->ss_flags & SS_ONSTACK))
		*old = (stack_t){ .ss_flags = SS_DISABLE };
}

/* SS_DISABLE together with other flags is left as the program has set it: a later call must get the
 * same flags back. */
void tc_altstack_renew(const stack_t *now)
{
	stack_t set;

	if (!own || now->ss_flags != SS_DISABLE)
		return;
	set = as_set(own);
	altstack(&set, NULL);
}
