/* SPDX-License-Identifier: Apache-2.0
 * The state of the process that asks for descriptors: what fds_ask.c, fds_tables.c and fds_work.c
 * call of each other. No libc in any of it (fds.h). */
#ifndef TC_FDS_WORK_H
#define TC_FDS_WORK_H

#include "dumper/outside/fds.h"

/* The kernel's tables of sockets. */
enum tc_fds_table {
	TC_TABLE_UNIX,
	TC_TABLE_TCP4,
	TC_TABLE_TCP6,
	TC_TABLE_UDP4,
	TC_TABLE_UDP6,
	TC_N_TABLES_ASKED,
	TC_TABLE_NONE = TC_N_TABLES_ASKED
};

/* A descriptor that is a socket or pipe. */
struct tc_channel {
	uint32_t inode;
	uint32_t at; /* its index in fds->one */
	uint32_t peer; /* its inode; 0: none, or not known */
	uint8_t table; /* enum tc_fds_table */
	bool known;    /* nothing is left to be asked about it */
};

/* An inode, and the index of the channel that has it, or whose peer has it. */
struct tc_inode {
	uint32_t inode, channel;
};

struct tc_fds_work {
	struct tc_fds *fds;
	unsigned n_looks;
	bool late; /* fds->end_ns has passed */
	uint32_t n, n_peers;
	uint32_t n_of[TC_N_TABLES_ASKED + 1]; /* sockets in each table */
	enum tc_fds_table table;	      /* the table that is asked now */
	uint32_t n_wanted; /* how many answers are still missing */
	struct tc_channel channels[TC_FDS_MAX];
	struct tc_inode inodes[TC_FDS_MAX], peers[TC_FDS_MAX]; /* ascending */
};

/* Is the time over (fds->end_ns)? */
bool tc_fds_late(struct tc_fds_work *work);

/* Replace what is known of descriptor number `at` of fds->one by *facts; its number and type
 * stay. */
void tc_fds_replace(struct tc_fds_work *work, uint32_t at, struct tc_fd_facts *facts);

/* Ask the kernel's tables of sockets about all sockets that are in them. */
void tc_fds_ask_tables(struct tc_fds_work *work);

#endif
