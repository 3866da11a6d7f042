/* SPDX-License-Identifier: Apache-2.0
 * What the hook keeps for one process: a page that is zero again in a forked child
 * (MADV_WIPEONFORK, Linux 4.14) and shared with a vfork child. Everything here may run in a signal
 * handler. */
#ifndef TC_HOOK_PROCESS_H
#define TC_HOOK_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct tc_outcome_page;

/* Zero means: nothing has happened yet in this process. */
struct tc_hook_process {
	_Atomic uint32_t pid;	      /* of the process whose page this is; 0: forked, not adopted */
	_Atomic uint32_t busy;	      /* tid of the thread whose handler makes a dump; 0: none */
	_Atomic uint32_t child;	      /* pid of the dumping child that was not reaped yet; 0: none */
	_Atomic uint32_t child_apart; /* 1: it has its memory to itself */
	_Atomic uint32_t lost;	      /* 1: the last one was killed while it was at work */
	_Atomic uint32_t leaving;     /* of one that is done and has yet to end; 0: none */
	_Atomic uint32_t stuck;	      /* pid of one that hangs on stacks of ours; 0: none */
	_Atomic uint32_t speaking;    /* of one that says why a request was refused; 1: it is begun */
	_Atomic uint32_t parked;      /* tid of the thread that was parked for a dump; 0: none */
	_Atomic uint32_t writing;     /* 1: a thread writes a setting (hook_action.c) */
	_Atomic uint32_t n_refused;   /* requests refused since the last line about it */
	_Atomic uint32_t n_dumps;     /* begun in this process */
	_Atomic uint64_t last_ns;     /* CLOCK_MONOTONIC of the last dump by a plain signal; 0: none */
	struct tc_outcome_page *outcome; /* of the dump begun last; NULL: none was */
	_Atomic uint64_t refused_ns;  /* CLOCK_MONOTONIC of the last line about refusals */
};

enum tc_process_kind {
	TC_PROCESS_OWN,	   /* the process whose page this is, also right after a fork */
	TC_PROCESS_VFORKED /* a vfork child: it runs in its parent's memory and must change nothing */
};

/* Make the page. Normal context, once, before any signal is taken. 0 or -errno. A kernel without
 * MADV_WIPEONFORK: 0 as well, and each process whose pid differs counts as forked. */
int tc_process_init(void);

/* Where are we? A forked child adopts its zeroed page here: only pid is set. One system call
 * (getpid). */
enum tc_process_kind tc_process_kind(void);

/* Call prepare before every fork(3), and child in the child before it returns there; either may be NULL.
 * Not at a vfork. Normal context. */
void tc_process_at_fork(void (*prepare)(void), void (*child)(void));

/* The page; never NULL (a page of no process before tc_process_init). */
struct tc_hook_process *tc_process(void);

#endif
