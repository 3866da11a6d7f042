/* SPDX-License-Identifier: Apache-2.0
 * What a descriptor of a process is (record TC_REC_FD of docs/format.md): asking for it, keeping it
 * until the file is written, writing the record. Everything here may run in a signal handler. */
#ifndef TC_FD_RECORD_H
#define TC_FD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "lib/base/arena.h"
#include "lib/format/record.h"
#include "lib/base/strbuf.h"

#define TC_FDS_MAX 16384 /* of one process; the rest is counted */
#define TC_FD_ADDRESS_SIZE 128
#define TC_FD_WHAT_SIZE 256

enum { TC_FD_FIFO = S_IFIFO >> 12, TC_FD_SOCKET = S_IFSOCK >> 12 };

/* What is known of one descriptor, in the order and with the values of TC_REC_FD; its texts lie
 * behind the struct. */
struct tc_kept_fd {
	struct tc_kept_fd *next;
	uint64_t unread, unsent; /* bytes + 1; 0: unknown */
	uint32_t fd;
	uint8_t type, family, socket_type, state;
	uint8_t missing; /* TC_FD_NO_… */
	uint8_t local_size, peer_size;
	uint16_t what_size;
};

/* Its texts: local, then peer, then what; their sizes are in it. */
static inline char *tc_fd_text(const struct tc_kept_fd *fd)
{
	return (char *)(fd + 1);
}

/* A descriptor while it is asked for. It has pointers into itself, so it must not be copied. */
struct tc_fd_facts {
	struct tc_kept_fd fd;
	struct tc_strbuf local, peer;
	char local_bytes[TC_FD_ADDRESS_SIZE], peer_bytes[TC_FD_ADDRESS_SIZE], what[TC_FD_WHAT_SIZE];
};

/* Begin: nothing is known of descriptor number yet. */
void tc_fd_begin(struct tc_fd_facts *facts, uint32_t number);

/* Append an address, as text as in format.md section 8. port points to two bytes in network order.
 * scope is the number of an interface, 0: none. size is that of the name of an AF_UNIX socket, 0:
 * it has no name. */
void tc_fd_put_ipv4(struct tc_strbuf *to, const uint8_t bytes[4], const void *port);
void tc_fd_put_ipv6(struct tc_strbuf *to, const uint8_t bytes[16], uint32_t scope,
		    const void *port);
void tc_fd_put_unix(struct tc_strbuf *to, const char *name, size_t size);

/* Read the link with the name number in the directory dir (a descriptor of /proc/PID/fd; or
 * AT_FDCWD and a path). what_size stays 0 when it cannot be read. */
void tc_fd_ask_link(struct tc_fd_facts *facts, int dir, const char *number);

/* Ask what the descriptor fd of this process is; none of these waits for a device or a server. fd
 * may be another number than the one that is recorded (a duplicate). tc_fd_ask_type: false when fd
 * is not open. tc_fd_ask_socket: false when it is no socket. tc_fd_ask_pipe is for type
 * TC_FD_FIFO. */
bool tc_fd_ask_type(struct tc_fd_facts *facts, uint32_t fd);
bool tc_fd_ask_socket(struct tc_fd_facts *facts, uint32_t fd);
void tc_fd_ask_pipe(struct tc_fd_facts *facts, uint32_t fd);

/* A copy in the arena, with the texts as long as they are; NULL: the arena is full. */
struct tc_kept_fd *tc_fd_keep(struct tc_arena *arena, const struct tc_fd_facts *facts);

/* Write the record. An error stays in rec. */
void tc_fd_put_record(struct tc_records *rec, const struct tc_kept_fd *fd);

#endif
