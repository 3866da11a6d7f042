/* SPDX-License-Identifier: Apache-2.0
 * What the descriptors of the process are (record TC_REC_FD of docs/format.md): asked by the child of
 * the table that it shares with the process. Nothing is opened meanwhile, the process would have it too;
 * nothing asked here waits for a device or a server. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/stat.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

#include "../lib/proc.h"
#include "../lib/sys.h"
#include "hook.h"
#include "../lib/safe.h"

#define FDS_MAX 16384
#define NUMBERS_UNKNOWN 65536 /* without /proc: numbers tried */
#define NUMBERS_PER_LOOK 256  /* the clock is read once in so many */
#define ADDRESS_SIZE 128
#define WHAT_SIZE 256

enum { TYPE_FIFO = S_IFIFO >> 12, TYPE_SOCKET = S_IFSOCK >> 12, TYPE_UNKNOWN = 0 };

struct tc_hook_fd {
	struct tc_hook_fd *next;
	uint64_t unread, unsent; /* + 1 */
	uint32_t fd;
	uint8_t type, family, socket_type, state;
	uint8_t local_size, peer_size;
	uint16_t what_size;
	char text[]; /* local, peer, what */
};

/* One under way. */
struct facts {
	struct tc_hook_fd fd;
	struct tc_text local, peer;
	char local_bytes[ADDRESS_SIZE], peer_bytes[ADDRESS_SIZE], what[WHAT_SIZE];
};

static void put_ipv4(struct tc_text *to, const uint8_t bytes[4])
{
	for (int i = 0; i < 4; i++) {
		if (i)
			tc_text_s(to, ".");
		tc_text_u(to, bytes[i]);
	}
}

/* The longest run of at least two zero groups, the first of equals; its length, 0: there is none. */
static int find_zeros(const uint8_t bytes[16], int *ret_at)
{
	int best = 1;

	for (int i = 0, run = 0; i < 8; i++) {
		run = bytes[2 * i] || bytes[2 * i + 1] ? 0 : run + 1;
		if (run > best) {
			best = run;
			*ret_at = i + 1 - run;
		}
	}
	return best > 1 ? best : 0;
}

static void put_group(struct tc_text *to, unsigned group)
{
	bool begun = false;

	for (int shift = 12; shift >= 0; shift -= 4) {
		unsigned digit = group >> shift & 15;
		begun = begun || digit || shift == 0;
		if (begun)
			tc_text_bytes(to, &"0123456789abcdef"[digit], 1);
	}
}

/* As RFC 5952 has it. */
static void put_ipv6(struct tc_text *to, const uint8_t bytes[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	int at = 8;
	int n = find_zeros(bytes, &at);

	if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		tc_text_s(to, "::ffff:");
		put_ipv4(to, bytes + 12);
		return;
	}
	for (int i = 0; i < 8; i++) {
		if (n && i == at) {
			tc_text_s(to, "::");
			i += n - 1;
			continue;
		}
		if (i && i != at + n)
			tc_text_s(to, ":");
		put_group(to, (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1]);
	}
}

static void put_port(struct tc_text *to, const void *port)
{
	const uint8_t *bytes = port; /* in network order */

	tc_text_s(to, ":");
	tc_text_u(to, (unsigned)bytes[0] << 8 | bytes[1]);
}

static void put_unix(struct tc_text *to, const char *path, size_t size)
{
	tc_text_s(to, "unix:");
	if (size && !path[0]) {
		tc_text_s(to, "@");
		tc_text_bytes(to, path + 1, size - 1);
	} else {
		const char *end = memchr(path, 0, size);
		tc_text_bytes(to, path, end ? (size_t)(end - path) : size);
	}
}

union address {
	struct sockaddr_storage any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
	struct sockaddr_un local;
};

/* What getsockname or getpeername says. */
static void ask_address(struct tc_text *to, uint32_t fd, long call)
{
	union address at;
	uint32_t size = sizeof(at);

	if (tc_syscall3(call, fd, (long)&at, (long)&size) < 0 || size < sizeof(sa_family_t))
		return;
	if (size > sizeof(at))
		size = sizeof(at);
	if (at.any.ss_family == AF_UNIX) {
		put_unix(to, at.local.sun_path, size - offsetof(struct sockaddr_un, sun_path));
	} else if (at.any.ss_family == AF_INET && size >= sizeof(at.ipv4)) {
		put_ipv4(to, (const uint8_t *)&at.ipv4.sin_addr);
		put_port(to, &at.ipv4.sin_port);
	} else if (at.any.ss_family == AF_INET6 && size >= sizeof(at.ipv6)) {
		tc_text_s(to, "[");
		put_ipv6(to, (const uint8_t *)&at.ipv6.sin6_addr);
		if (at.ipv6.sin6_scope_id) {
			tc_text_s(to, "%");
			tc_text_u(to, at.ipv6.sin6_scope_id);
		}
		tc_text_s(to, "]");
		put_port(to, &at.ipv6.sin6_port);
	}
}

/* An int that ioctl gives, + 1; 0: it gives none. */
static uint64_t ask_number(uint32_t fd, unsigned long request)
{
	int number = -1;

	if (tc_syscall3(SYS_ioctl, fd, (long)request, (long)&number) < 0 || number < 0)
		return 0;
	return (uint64_t)number + 1;
}

/* An int of SOL_SOCKET, or -1. */
static int ask_option(uint32_t fd, int name)
{
	int value = -1;
	uint32_t size = sizeof(value);

	return tc_syscall5(SYS_getsockopt, fd, SOL_SOCKET, name, (long)&value, (long)&size) < 0 ?
		       -1 :
		       value;
}

/* The first byte of struct tcp_info is tcpi_state (linux/tcp.h); the kernel gives as much of it as is
 * asked for. */
static uint8_t ask_tcp_state(uint32_t fd)
{
	uint8_t state = 0;
	uint32_t size = sizeof(state);

	return tc_syscall5(SYS_getsockopt, fd, IPPROTO_TCP, 11 /* TCP_INFO */, (long)&state,
			   (long)&size) < 0 ?
		       0 :
		       state;
}

/* Of a pipe or a connected socket of AF_UNIX. */
static uint8_t ask_other_end(uint32_t fd)
{
	struct pollfd poll = { .fd = (int)fd, .events = POLLRDHUP };
	struct timespec now = { 0, 0 };

	if (tc_syscall5(SYS_ppoll, (long)&poll, 1, (long)&now, 0, 0) < 0 ||
	    (poll.revents & POLLNVAL))
		return 0;
	return poll.revents ? TC_FD_PEER_CLOSED : TC_FD_ESTABLISHED;
}

static uint8_t ask_socket_state(const struct facts *facts)
{
	const struct tc_hook_fd *fd = &facts->fd;

	if (fd->socket_type != SOCK_STREAM && fd->socket_type != SOCK_SEQPACKET)
		return 0;
	if (fd->family == AF_INET || fd->family == AF_INET6)
		return ask_tcp_state(fd->fd);
	if (fd->family != AF_UNIX)
		return 0;
	if (ask_option(fd->fd, SO_ACCEPTCONN) == 1)
		return TC_FD_LISTENING;
	return facts->peer.at != facts->peer.start ? ask_other_end(fd->fd) : 0;
}

/* False: it is no socket. */
static bool ask_socket(struct facts *facts)
{
	struct tc_hook_fd *fd = &facts->fd;
	int family = ask_option(fd->fd, SO_DOMAIN), type = ask_option(fd->fd, SO_TYPE);

	if (family <= 0 || type <= 0)
		return false;
	fd->family = (uint8_t)family;
	fd->socket_type = (uint8_t)type;
	ask_address(&facts->local, fd->fd, SYS_getsockname);
	ask_address(&facts->peer, fd->fd, SYS_getpeername);
	fd->state = ask_socket_state(facts);
	fd->unread = ask_number(fd->fd, FIONREAD);
	fd->unsent = ask_number(fd->fd, SIOCOUTQ);
	return true;
}

static void ask_link(struct facts *facts)
{
	char path[32];
	struct tc_text text;

	tc_text_init(&text, path, sizeof(path));
	tc_text_s(&text, "/proc/self/fd/");
	tc_text_u(&text, facts->fd.fd);
	long n = tc_syscall4(SYS_readlinkat, AT_FDCWD, (long)path, (long)facts->what, WHAT_SIZE);
	facts->fd.what_size = n > 0 ? (uint16_t)n : 0;
}

/* AT_STATX_DONT_SYNC: a file system whose server hangs, or is this very process, is not asked. */
static bool ask_type(uint32_t fd, uint8_t *ret)
{
	struct statx st;
	long r = tc_syscall5(SYS_statx, fd, (long)"", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
			     STATX_TYPE, (long)&st);

	if (r == -EBADF || (r < 0 && tc_syscall3(SYS_fcntl, fd, F_GETFD, 0) < 0))
		return false;
	*ret = r < 0 ? TYPE_UNKNOWN : (uint8_t)(st.stx_mode >> 12);
	return true;
}

/* False: no such descriptor. */
static bool ask(struct facts *facts, uint32_t number)
{
	struct tc_hook_fd *fd = &facts->fd;

	*fd = (struct tc_hook_fd){ .fd = number };
	tc_text_init(&facts->local, facts->local_bytes, ADDRESS_SIZE);
	tc_text_init(&facts->peer, facts->peer_bytes, ADDRESS_SIZE);
	if (!ask_type(number, &fd->type))
		return false;
	if ((fd->type == TYPE_SOCKET || fd->type == TYPE_UNKNOWN) && ask_socket(facts))
		return true;
	ask_link(facts);
	if (fd->type == TYPE_FIFO) {
		fd->unread = ask_number(number, FIONREAD);
		fd->state = ask_other_end(number);
	}
	return true;
}

static size_t size_of(const struct tc_text *text)
{
	return (size_t)(text->at - text->start);
}

/* Into the arena, behind the one before. False: it is full. */
static bool keep(struct tc_hook_dump *dump, const struct facts *facts)
{
	size_t local = size_of(&facts->local), peer = size_of(&facts->peer),
	       what = facts->fd.what_size;
	struct tc_hook_fd *fd =
		tc_arena_take(&dump->arena, sizeof(struct tc_hook_fd) + local + peer + what);

	if (!fd)
		return false;
	*fd = facts->fd;
	fd->local_size = (uint8_t)local;
	fd->peer_size = (uint8_t)peer;
	memcpy(fd->text, facts->local_bytes, local);
	memcpy(fd->text + local, facts->peer_bytes, peer);
	memcpy(fd->text + local + peer, facts->what, what);
	if (dump->last_fd)
		dump->last_fd->next = fd;
	else
		dump->first_fd = fd;
	dump->last_fd = fd;
	dump->n_fds++;
	return true;
}

static void gather_one(struct tc_hook_dump *dump, uint32_t number)
{
	struct facts facts;

	if (dump->n_fds == FDS_MAX || dump->n_fds_left) {
		dump->n_fds_left += tc_syscall3(SYS_fcntl, number, F_GETFD, 0) >= 0;
		return;
	}
	if (ask(&facts, number) && !keep(dump, &facts))
		dump->n_fds_left++;
}

void tc_hook_gather_fds(struct tc_hook_dump *dump)
{
	uint32_t end = dump->n_numbers ? dump->n_numbers : NUMBERS_UNKNOWN;

	for (uint32_t i = 0; i < end; i++) {
		if (i % NUMBERS_PER_LOOK == NUMBERS_PER_LOOK - 1 &&
		    tc_sys_clock_ns(CLOCK_MONOTONIC) > dump->deadline_ns) {
			dump->fds_late = true;
			return;
		}
		gather_one(dump, i);
	}
}

void tc_hook_put_fds(const struct tc_hook_dump *dump, struct tc_records *rec)
{
	for (const struct tc_hook_fd *fd = dump->first_fd; fd; fd = fd->next) {
		const char *peer = fd->text + fd->local_size, *what = peer + fd->peer_size;
		tc_record_begin(rec, TC_REC_FD);
		tc_put_u(rec, fd->fd);
		tc_put_u(rec, fd->type);
		tc_put_u(rec, fd->family);
		tc_put_u(rec, fd->socket_type);
		tc_put_b(rec, fd->text, fd->local_size);
		tc_put_b(rec, peer, fd->peer_size);
		tc_put_u(rec, fd->unread);
		tc_put_u(rec, fd->unsent);
		tc_put_b(rec, what, fd->what_size);
		tc_put_u(rec, fd->state);
		tc_record_end(rec); /* rec keeps an error */
	}
}

void tc_hook_note_fds(struct tc_hook_dump *dump)
{
	struct tc_text text;

	if ((!dump->n_fds_left && !dump->fds_late) || dump->n_notices == TC_NOTICES_MAX)
		return;
	tc_text_init(&text, dump->notices[dump->n_notices++], TC_NOTICE_SIZE);
	tc_text_s(&text, "descriptors: the first ");
	tc_text_u(&text, dump->n_fds);
	tc_text_s(&text, " are recorded, ");
	if (dump->fds_late)
		tc_text_s(&text, "then the time for the dump was over");
	else
		tc_text_u(&text, dump->n_fds_left);
	tc_text_s(&text, dump->fds_late ? "" : " more are not");
}
