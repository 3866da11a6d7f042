/* SPDX-License-Identifier: Apache-2.0
 * Asks by netlink, and takes the answers apart. */
#define _GNU_SOURCE
#include "dumper/outside/sock_diag.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

#define ANSWER_SIZE 32768 /* bytes; the kernel's messages are never longer */

/* One question and its answers. */
struct talk {
	int fd;
	uint64_t end_ns;
	/* False: no more is wanted. */
	bool (*take)(struct talk *talk, const void *payload, size_t size);
	void *each, *context;
};

static int open_talk(struct talk *talk)
{
	talk->fd = (int)tc_syscall3(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
				    NETLINK_SOCK_DIAG);
	return talk->fd < 0 ? talk->fd : 0;
}

/* Receive the next part of the answer: its size, or -errno. */
static long receive(const struct talk *talk, void *to)
{
	struct pollfd poll_fd = { .fd = talk->fd, .events = POLLIN };

	for (;;) {
		long n = tc_syscall6(SYS_recvfrom, talk->fd, (long)to, ANSWER_SIZE, MSG_DONTWAIT, 0,
				     0);
		if (n != -EAGAIN && n != -EINTR)
			return n ? n : -EPIPE;
		uint64_t now = tc_sys_clock_ns(CLOCK_MONOTONIC);
		if (now >= talk->end_ns)
			return -ETIME;
		struct timespec left = { (time_t)((talk->end_ns - now) / 1000000000),
					 (long)((talk->end_ns - now) % 1000000000) };
		tc_syscall5(SYS_ppoll, (long)&poll_fd, 1, (long)&left, 0, 0);
	}
}

/* Take the messages out of a part of the answer. 1: another part follows; 0: that was all; -errno:
 * the kernel's. */
static int take_messages(struct talk *talk, const struct nlmsghdr *msg, size_t size, bool dump)
{
	for (; NLMSG_OK(msg, size); msg = NLMSG_NEXT(msg, size)) {
		const struct nlmsgerr *error = NLMSG_DATA(msg);
		if (msg->nlmsg_type == NLMSG_DONE)
			return 0;
		if (msg->nlmsg_type == NLMSG_ERROR)
			return msg->nlmsg_len < NLMSG_LENGTH(sizeof(*error)) ? -EPROTO :
									      error->error;
		if (msg->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
		    !talk->take(talk, NLMSG_DATA(msg), NLMSG_PAYLOAD(msg, 0)))
			return 0;
	}
	return dump;
}

/* Ask, and take all answers. */
static int ask(struct talk *talk, void *request, size_t size, bool dump)
{
	_Alignas(struct nlmsghdr) char answer[ANSWER_SIZE];
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr *head = request;
	int r;

	*head = (struct nlmsghdr){ .nlmsg_len = (uint32_t)size,
				   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
				   .nlmsg_flags = NLM_F_REQUEST | (dump ? NLM_F_DUMP : 0) };
	long n = tc_syscall6(SYS_sendto, talk->fd, (long)request, (long)size, 0, (long)&kernel,
			     sizeof(kernel));
	if (n < 0)
		return (int)n;
	do {
		if ((n = receive(talk, answer)) < 0)
			return (int)n;
		r = take_messages(talk, (struct nlmsghdr *)answer, (size_t)n, dump);
	} while (r == 1);
	return r;
}

static bool take_inet(struct talk *talk, const void *payload, size_t size)
{
	bool (*each)(void *, const struct inet_diag_msg *) = talk->each;

	return size < sizeof(struct inet_diag_msg) || each(talk->context, payload);
}

int tc_diag_inet(uint8_t family, uint8_t protocol, uint64_t end_ns,
		 bool (*each)(void *context, const struct inet_diag_msg *msg), void *context)
{
	/* All states but TIME_WAIT and NEW_SYN_RECV (net/tcp_states.h): those belong to no
	 * process. */
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 body;
	} request = { .body = { .sdiag_family = family,
				.sdiag_protocol = protocol,
				.idiag_states = ~(1u << 6 | 1u << 12) } };
	struct talk talk = {
		.end_ns = end_ns, .take = take_inet, .each = each, .context = context
	};
	int r = open_talk(&talk);

	if (r < 0)
		return r;
	r = ask(&talk, &request, sizeof(request), true);
	tc_sys_close(talk.fd);
	return r;
}

static void take_attribute(struct tc_diag_unix *one, const struct rtattr *attr)
{
	const void *data = RTA_DATA(attr);
	size_t size = RTA_PAYLOAD(attr);

	if (attr->rta_type == UNIX_DIAG_NAME) {
		one->name = data;
		one->name_size = size;
	} else if (attr->rta_type == UNIX_DIAG_PEER && size >= sizeof(one->peer)) {
		one->has_peer = true;
		memcpy(&one->peer, data, sizeof(one->peer));
	} else if (attr->rta_type == UNIX_DIAG_RQLEN && size >= sizeof(struct unix_diag_rqlen)) {
		const struct unix_diag_rqlen *length = data;
		one->has_numbers = true;
		one->unread = length->udiag_rqueue;
		one->unsent = length->udiag_wqueue;
	} else if (attr->rta_type == UNIX_DIAG_SHUTDOWN && size >= 1) {
		one->peer_closed = *(const uint8_t *)data & 1; /* RCV_SHUTDOWN of net/sock.h */
	}
}

static bool take_unix(struct talk *talk, const void *payload, size_t size)
{
	bool (*each)(void *, const struct tc_diag_unix *) = talk->each;
	const struct unix_diag_msg *msg = payload;
	const struct rtattr *attr = (const struct rtattr *)(msg + 1);

	if (size < sizeof(*msg))
		return true;
	struct tc_diag_unix one = { .inode = msg->udiag_ino,
				    .type = msg->udiag_type,
				    .state = msg->udiag_state,
				    .name = "" };
	size -= sizeof(*msg);
	for (; RTA_OK(attr, size); attr = RTA_NEXT(attr, size))
		take_attribute(&one, attr);
	return each(talk->context, &one);
}

int tc_diag_unix(const uint32_t *inodes, size_t n, uint64_t end_ns,
		 bool (*each)(void *context, const struct tc_diag_unix *one), void *context)
{
	struct {
		struct nlmsghdr head;
		struct unix_diag_req body;
	} request = { .body = { .sdiag_family = AF_UNIX,
				.udiag_states = ~0u,
				.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN,
				.udiag_cookie = { ~0u, ~0u } } };
	struct talk talk = {
		.end_ns = end_ns, .take = take_unix, .each = each, .context = context
	};
	int r = open_talk(&talk);

	if (r < 0)
		return r;
	if (!inodes)
		r = ask(&talk, &request, sizeof(request), true);
	for (size_t i = 0; inodes && i < n && r == 0; i++) {
		request.body.udiag_ino = inodes[i];
		r = ask(&talk, &request, sizeof(request), false);
		r = r == -ENOENT ? 0 : r;
	}
	tc_sys_close(talk.fd);
	return r;
}
