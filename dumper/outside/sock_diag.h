/* SPDX-License-Identifier: Apache-2.0
 * What the kernel says of the sockets of a network namespace: NETLINK_SOCK_DIAG, see sock_diag(7). */
#ifndef TC_SOCK_DIAG_H
#define TC_SOCK_DIAG_H

#include <linux/inet_diag.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A socket of AF_UNIX. */
struct tc_diag_unix {
	uint32_t inode;
	uint32_t peer; /* inode; with has_peer 0: of a peer that is closed or not accepted yet */
	uint8_t type, state; /* state as of TCP */
	bool has_peer, peer_closed, has_numbers;
	uint32_t unread, unsent; /* of a listener: connections that wait, and may wait */
	const char *name;
	size_t name_size; /* 0: it has none */
};

/* Of AF_INET or AF_INET6, by a netlink socket made here. each returns false when it wants no more. 0;
 * -errno of the kernel's refusal; -ETIME after end_ns (CLOCK_MONOTONIC). */
int tc_diag_inet(uint8_t family, uint8_t protocol, uint64_t end_ns,
		 bool (*each)(void *context, const struct inet_diag_msg *msg), void *context);

/* The same of AF_UNIX: all of the namespace, or with inodes these n alone; those that are not there are
 * passed over. */
int tc_diag_unix(const uint32_t *inodes, size_t n, uint64_t end_ns,
		 bool (*each)(void *context, const struct tc_diag_unix *one), void *context);

#endif
