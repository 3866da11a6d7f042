/* SPDX-License-Identifier: Apache-2.0
 * Asks the kernel about the sockets of our network namespace: NETLINK_SOCK_DIAG, see sock_diag(7).
 * Uses no libc, so it may run in the process of fds_ask.c. */
#ifndef TC_SOCK_DIAG_H
#define TC_SOCK_DIAG_H

#include <linux/inet_diag.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A socket of AF_UNIX. */
struct tc_diag_unix {
	uint32_t inode;
	uint32_t peer; /* inode; 0 with has_peer: the peer is closed, or not accepted yet */
	uint8_t type, state; /* state: a TC_FD_ state, as of TCP */
	bool has_peer, peer_closed, has_numbers;
	/* bytes; of a listening socket: connections that wait, and that may wait */
	uint32_t unread, unsent;
	const char *name;
	size_t name_size; /* 0: it has none */
};

/* Call each(context, msg) for all sockets of AF_INET or AF_INET6 with this protocol, until it
 * returns false. 0; -errno: the kernel refuses; -ETIME: it is later than end_ns
 * (CLOCK_MONOTONIC). */
int tc_diag_inet(uint8_t family, uint8_t protocol, uint64_t end_ns,
		 bool (*each)(void *context, const struct inet_diag_msg *msg), void *context);

/* The same for AF_UNIX: for all sockets, or, if inodes is not NULL, only for those with these n
 * inodes, as far as they exist. */
int tc_diag_unix(const uint32_t *inodes, size_t n, uint64_t end_ns,
		 bool (*each)(void *context, const struct tc_diag_unix *one), void *context);

#endif
