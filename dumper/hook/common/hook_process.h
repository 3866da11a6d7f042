/* SPDX-License-Identifier: Apache-2.0
 * The hook's state of one process: in memory that the kernel zeroes in a forked child
 * (MADV_WIPEONFORK, Linux 4.14), and that a vfork child shares. Everything here may run in a signal
 * handler, unless "normal context" is said. */
#ifndef TC_HOOK_PROCESS_H
#define TC_HOOK_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct tc_hook_outcome;

/* In all fields zero means that nothing has happened yet in this process. */
struct tc_hook_process {
	/* of the process whose state this is; 0: a forked child, where nothing of ours has run
	 * yet */
	_Atomic uint32_t pid;
	/* the turn: tid of the thread whose handler makes a dump; 0: none */
	_Atomic uint32_t busy;
	/* pid of the child that makes a dump and is not reaped yet; 0: none */
	_Atomic uint32_t child;
	_Atomic uint32_t child_apart; /* 1: child is a snapshot, with memory of its own */
	_Atomic uint32_t lost;	      /* 1: the last child was killed before its dump was done */
	/* pid of a child that has done its work and is about to end; 0: none */
	_Atomic uint32_t leaving;
	/* pid of a child that hangs while it uses stacks in our memory; 0: none */
	_Atomic uint32_t stuck;
	/* pid of the child that says why a request was refused; 1: it is being started; 0: none */
	_Atomic uint32_t speaking;
	/* tid of the thread whose fatal signal is being dumped; it stays if the process ends of
	 * it */
	_Atomic uint32_t crashing;
	_Atomic uint32_t n_parked; /* threads that stand still for a dump (hook_still.h) */
	_Atomic uint32_t writing;     /* 1: a thread changes a signal action (hook_action.c) */
	_Atomic uint32_t n_refused;   /* requests refused since the last line about it */
	_Atomic uint32_t n_dumps;     /* begun in this process */
	/* CLOCK_MONOTONIC of the last dump by a plain signal; 0: none */
	_Atomic uint64_t last_ns;
	struct tc_hook_outcome *outcome; /* of the dump that was begun last; NULL: none was */
	_Atomic uint64_t refused_ns;  /* CLOCK_MONOTONIC of the last line about refusals */
};

enum tc_process_kind {
	TC_PROCESS_OWN, /* the process whose state this is, also right after a fork */
	/* a vfork child: it runs in its parent's memory and must change nothing */
	TC_PROCESS_VFORKED
};

/* Map the state. Normal context, once, before the hook takes a signal. 0 or -errno. Without
 * MADV_WIPEONFORK a vfork child cannot be told from a forked one: each process with another pid
 * then counts as forked. */
int tc_process_init(void);

/* In which kind of process do we run? In a forked child the zeroed state becomes its own here (pid
 * is set). One system call, getpid. */
enum tc_process_kind tc_process_kind(void);

/* Reap the child with the pid in *pid, if it has ended; then *pid becomes 0. True: there is no such
 * child (any more). *ret_status is that of wait4(2). tc_process_reap_one: child is what *pid was
 * when the caller read it. */
bool tc_process_reap(_Atomic uint32_t *pid, int *ret_status);
bool tc_process_reap_one(_Atomic uint32_t *pid, uint32_t child, int *ret_status);

/* From now on call prepare before every fork(3), and child in the child before fork returns there;
 * either may be NULL. Not called for vfork. Normal context. */
void tc_process_at_fork(void (*prepare)(void), void (*child)(void));

/* The state; never NULL: before tc_process_init it is one that belongs to no process. */
struct tc_hook_process *tc_hook_process(void);

#endif
