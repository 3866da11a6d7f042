/* SPDX-License-Identifier: Apache-2.0
 * The work of the process that asks for descriptors: between fds_ask.c and fds_tables.c. */
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

/* A socket or pipe. */
struct tc_channel {
	uint32_t inode;
	uint32_t at;   /* in fds->one */
	uint32_t peer; /* its inode; 0: none, or not known */
	uint8_t table; /* enum tc_fds_table */
	bool known;    /* nothing is left to be asked */
};

/* An inode, and the channel that it is of, or whose peer it is of. */
struct tc_inode {
	uint32_t inode, channel;
};

struct tc_fds_work {
	struct tc_fds *fds;
	unsigned n_looks;
	bool late; /* fds->end_ns has passed */
	uint32_t n, n_peers;
	uint32_t n_of[TC_N_TABLES_ASKED + 1]; /* sockets in each table */
	enum tc_fds_table table;	      /* of the answers that come now */
	uint32_t n_wanted;		      /* of these */
	struct tc_channel channels[TC_FDS_MAX];
	struct tc_inode inodes[TC_FDS_MAX], peers[TC_FDS_MAX]; /* ascending */
};

bool tc_fds_late(struct tc_fds_work *work);

/* Put a new answer in the place of what was known of a descriptor. */
void tc_fds_replace(struct tc_fds_work *work, uint32_t at, struct tc_fd_facts *facts);

/* Ask the kernel's tables about all sockets that are in one of them. */
void tc_fds_ask_tables(struct tc_fds_work *work);

#endif
