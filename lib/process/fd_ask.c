/* SPDX-License-Identifier: Apache-2.0
 * Asks what descriptors of this process are, by system calls. */
#define _GNU_SOURCE
#include "lib/process/fd_record.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/stat.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

#include "lib/sys/arch_x86_64.h"
#include "lib/base/safe.h"

union address {
	struct sockaddr_storage any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
	struct sockaddr_un local;
};

/* The address that getsockname or getpeername (call) gives. */
static void ask_address(struct tc_strbuf *to, uint32_t fd, long call)
{
	union address at;
	uint32_t size = sizeof(at);

	if (tc_syscall3(call, fd, (long)&at, (long)&size) < 0 || size < sizeof(sa_family_t))
		return;
	if (size > sizeof(at))
		size = sizeof(at);
	if (at.any.ss_family == AF_UNIX) {
		tc_fd_put_unix(to, at.local.sun_path,
			       size - offsetof(struct sockaddr_un, sun_path));
	} else if (at.any.ss_family == AF_INET && size >= sizeof(at.ipv4)) {
		tc_fd_put_ipv4(to, (const uint8_t *)&at.ipv4.sin_addr, &at.ipv4.sin_port);
	} else if (at.any.ss_family == AF_INET6 && size >= sizeof(at.ipv6)) {
		tc_fd_put_ipv6(to, (const uint8_t *)&at.ipv6.sin6_addr, at.ipv6.sin6_scope_id,
			       &at.ipv6.sin6_port);
	}
}

/* The number that the ioctl gives, plus 1; 0: it gives none. */
static uint64_t ask_number(uint32_t fd, unsigned long request)
{
	int number = -1;

	if (tc_syscall3(SYS_ioctl, fd, (long)request, (long)&number) < 0 || number < 0)
		return 0;
	return (uint64_t)number + 1;
}

/* The value of a socket option of level SOL_SOCKET, or -1. */
static int ask_option(uint32_t fd, int name)
{
	int value = -1;
	uint32_t size = sizeof(value);

	return tc_syscall5(SYS_getsockopt, fd, SOL_SOCKET, name, (long)&value, (long)&size) < 0 ?
		       -1 :
		       value;
}

/* The first byte of struct tcp_info is tcpi_state (linux/tcp.h); the kernel gives only as many
 * bytes as are asked for. */
static uint8_t ask_tcp_state(uint32_t fd)
{
	uint8_t state = 0;
	uint32_t size = sizeof(state);

	return tc_syscall5(SYS_getsockopt, fd, IPPROTO_TCP, 11 /* TCP_INFO */, (long)&state,
			   (long)&size) < 0 ?
		       0 :
		       state;
}

/* Is the other end of a pipe, or of a connected AF_UNIX socket, closed? A TC_FD_ state; 0:
 * unknown. */
static uint8_t ask_other_end(uint32_t fd)
{
	struct pollfd poll = { .fd = (int)fd, .events = POLLRDHUP };
	struct timespec now = { 0, 0 };

	if (tc_syscall5(SYS_ppoll, (long)&poll, 1, (long)&now, 0, 0) < 0 ||
	    (poll.revents & POLLNVAL))
		return 0;
	return poll.revents ? TC_FD_PEER_CLOSED : TC_FD_ESTABLISHED;
}

static uint8_t ask_socket_state(const struct tc_fd_facts *facts, uint32_t fd)
{
	if (facts->fd.socket_type != SOCK_STREAM && facts->fd.socket_type != SOCK_SEQPACKET)
		return 0;
	if (facts->fd.family == AF_INET || facts->fd.family == AF_INET6)
		return ask_tcp_state(fd);
	if (facts->fd.family != AF_UNIX)
		return 0;
	if (ask_option(fd, SO_ACCEPTCONN) == 1)
		return TC_FD_LISTENING;
	return facts->peer.at != facts->peer.start ? ask_other_end(fd) : 0;
}

bool tc_fd_ask_socket(struct tc_fd_facts *facts, uint32_t fd)
{
	int family = ask_option(fd, SO_DOMAIN), type = ask_option(fd, SO_TYPE);

	if (family <= 0 || type <= 0)
		return false;
	facts->fd.family = (uint8_t)family;
	facts->fd.socket_type = (uint8_t)type;
	ask_address(&facts->local, fd, SYS_getsockname);
	ask_address(&facts->peer, fd, SYS_getpeername);
	facts->fd.state = ask_socket_state(facts, fd);
	facts->fd.unread = ask_number(fd, FIONREAD);
	facts->fd.unsent = ask_number(fd, SIOCOUTQ);
	return true;
}

void tc_fd_ask_pipe(struct tc_fd_facts *facts, uint32_t fd)
{
	facts->fd.unread = ask_number(fd, FIONREAD);
	facts->fd.state = ask_other_end(fd);
}

void tc_fd_ask_link(struct tc_fd_facts *facts, int dir, const char *number)
{
	long n = tc_syscall4(SYS_readlinkat, dir, (long)number, (long)facts->what, TC_FD_WHAT_SIZE);

	facts->fd.what_size = n > 0 ? (uint16_t)n : 0;
}

/* AT_STATX_DONT_SYNC: the server of a file system is not asked; it may hang, or be this process. */
bool tc_fd_ask_type(struct tc_fd_facts *facts, uint32_t fd)
{
	struct statx st;
	long r = tc_syscall5(SYS_statx, fd, (long)"", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
			     STATX_TYPE, (long)&st);

	if (r == -EBADF || (r < 0 && tc_syscall3(SYS_fcntl, fd, F_GETFD, 0) < 0))
		return false;
	if (r < 0)
		facts->fd.missing |= TC_FD_NO_TYPE;
	else
		facts->fd.type = (uint8_t)(st.stx_mode >> 12);
	return true;
}
