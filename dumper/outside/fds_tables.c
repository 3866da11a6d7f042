/* SPDX-License-Identifier: Apache-2.0
 * Asks the kernel's tables about the target's sockets. The answers are made the same as those of
 * the system calls that the hook uses from inside (fd_ask.c), so that the record does not depend on
 * who asked. */
#define _GNU_SOURCE
#include "dumper/outside/fds_work.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "dumper/outside/sock_diag.h"
#include "lib/base/safe.h"

/* up to so many sockets of AF_UNIX are asked for one by one, which takes 50–90 µs each; for more,
 * the whole table is read */
#define FEW 32

static bool is_before(const struct tc_inode *a, const struct tc_inode *b)
{
	return a->inode < b->inode;
}

/* Heap sort: move the entry at `at` down to its place. */
static void sift(struct tc_inode *heap, uint32_t at, uint32_t n)
{
	for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
		child += child + 1 < n && is_before(&heap[child], &heap[child + 1]);
		if (!is_before(&heap[at], &heap[child]))
			return;
		struct tc_inode one = heap[at];
		heap[at] = heap[child];
		heap[child] = one;
	}
}

static void sort(struct tc_inode *all, uint32_t n)
{
	for (uint32_t i = n / 2; i-- > 0;)
		sift(all, i, n);
	for (uint32_t i = n; i-- > 1;) {
		struct tc_inode one = all[0];
		all[0] = all[i];
		all[i] = one;
		sift(all, 0, i);
	}
}

/* The index of the first entry with this inode, or of where it would be. */
static uint32_t find(const struct tc_inode *all, uint32_t n, uint32_t inode)
{
	uint32_t from = 0, to = n;

	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		if (all[middle].inode < inode)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static bool is_ours(const struct tc_fds_work *work, uint32_t inode)
{
	uint32_t i = find(work->inodes, work->n, inode);

	return inode && i < work->n && work->inodes[i].inode == inode;
}

/* Use an answer for all descriptors with this inode. False: no more answers are needed, or the time
 * is over. */
static bool answer(struct tc_fds_work *work, uint32_t inode, uint32_t peer, bool known,
		   struct tc_fd_facts *facts)
{
	for (uint32_t i = find(work->inodes, work->n, inode);
	     i < work->n && work->inodes[i].inode == inode; i++) {
		struct tc_channel *one = &work->channels[work->inodes[i].channel];
		if (one->table != work->table)
			continue;
		one->known = known;
		one->peer = peer;
		tc_fds_replace(work, one->at, facts);
		work->n_wanted--;
	}
	return work->n_wanted > 0 && !tc_fds_late(work);
}

/* Does getsockname give such an address with the number of its interface (ipv6_iface_scope_id of
 * net/ipv6.h)? It does for fe80::/10, and for multicast groups of an interface or a link. */
static bool has_scope(const uint8_t bytes[16])
{
	return (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) ||
	       (bytes[0] == 0xff && ((bytes[1] & 15) == 1 || (bytes[1] & 15) == 2));
}

static void put_inet(struct tc_strbuf *to, const struct inet_diag_msg *msg, const void *address,
		     const void *port)
{
	if (msg->idiag_family == AF_INET)
		tc_fd_put_ipv4(to, address, port);
	else
		tc_fd_put_ipv6(to, address, has_scope(address) ? msg->id.idiag_if : 0, port);
}

/* Bytes in the queues, as FIONREAD and SIOCOUTQ of tcp(7) count them. The table counts the other
 * end's FIN and our SYN as a byte too; of a listening socket it counts connections. */
static void put_tcp_numbers(struct tc_kept_fd *fd, const struct inet_diag_msg *msg)
{
	bool fin = fd->state == TC_FD_PEER_CLOSED || fd->state == TC_FD_LAST_ACK ||
		   fd->state == TC_FD_CLOSING;
	bool syn = fd->state == TC_FD_CONNECTING || fd->state == TC_FD_SYN_RECEIVED;

	if (fd->state == TC_FD_LISTENING)
		return;
	fd->unread = syn ? 1 : msg->idiag_rqueue - (fin && msg->idiag_rqueue) + 1ull;
	fd->unsent = syn ? 1 : msg->idiag_wqueue + 1ull;
}

static bool take_inet(void *context, const struct inet_diag_msg *msg)
{
	struct tc_fds_work *work = context;
	struct tc_fd_facts facts;
	bool tcp = work->table == TC_TABLE_TCP4 || work->table == TC_TABLE_TCP6, known = true;

	/* A closed socket, or a state that this code does not know: the numbers may mean something
	 * else. */
	if (!is_ours(work, msg->idiag_inode) ||
	    (tcp && (msg->idiag_state == TC_FD_UNCONNECTED || msg->idiag_state > TC_FD_CLOSING)))
		return true;
	tc_fd_begin(&facts, 0);
	facts.fd.family = msg->idiag_family;
	facts.fd.socket_type = tcp ? SOCK_STREAM : SOCK_DGRAM;
	put_inet(&facts.local, msg, msg->id.idiag_src, &msg->id.idiag_sport);
	/* As getpeername: a TCP socket that is still connecting has no peer. */
	if (msg->id.idiag_dport && msg->idiag_state != TC_FD_CONNECTING &&
	    msg->idiag_state != TC_FD_UNCONNECTED)
		put_inet(&facts.peer, msg, msg->id.idiag_dst, &msg->id.idiag_dport);
	if (tcp) {
		facts.fd.state = msg->idiag_state;
		put_tcp_numbers(&facts.fd, msg);
	} else {
		/* The table has the memory of all datagrams, FIONREAD the size of the next one:
		 * only 0 means the same. */
		known = msg->idiag_rqueue == 0;
		facts.fd.unread = known;
		facts.fd.unsent = msg->idiag_wqueue + 1ull;
	}
	return answer(work, msg->idiag_inode, 0, known, &facts);
}

static uint8_t unix_state(const struct tc_diag_unix *one)
{
	if (one->type != SOCK_STREAM && one->type != SOCK_SEQPACKET)
		return 0;
	if (one->state == TC_FD_LISTENING)
		return TC_FD_LISTENING;
	if (!one->has_peer)
		return 0;
	return one->peer_closed ? TC_FD_PEER_CLOSED : TC_FD_ESTABLISHED;
}

static bool take_unix(void *context, const struct tc_diag_unix *one)
{
	struct tc_fds_work *work = context;
	struct tc_fd_facts facts;

	if (!is_ours(work, one->inode))
		return true;
	tc_fd_begin(&facts, 0);
	facts.fd.family = AF_UNIX;
	facts.fd.socket_type = one->type;
	facts.fd.state = unix_state(one);
	if (one->has_peer)
		facts.fd.missing = TC_FD_NO_PEER;
	tc_fd_put_unix(&facts.local, one->name, one->name_size);
	if (one->has_numbers) {
		facts.fd.unread = facts.fd.state == TC_FD_LISTENING ? 0 : one->unread + 1ull;
		facts.fd.unsent = facts.fd.state == TC_FD_LISTENING ? 1 : one->unsent + 1ull;
	}
	return answer(work, one->inode, one->peer, !one->has_peer && one->has_numbers, &facts);
}

/* Set the peer's address of a channel. */
static void put_peer(struct tc_fds_work *work, struct tc_channel *channel, const char *address,
		     size_t size)
{
	const struct tc_kept_fd *fd = work->fds->one[channel->at];
	struct tc_fd_facts facts;

	tc_fd_begin(&facts, 0);
	tc_strbuf_bytes(&facts.local, tc_fd_text(fd), fd->local_size);
	tc_strbuf_bytes(&facts.peer, address, size);
	facts.fd = *fd;
	facts.fd.missing = 0;
	tc_fds_replace(work, channel->at, &facts);
	channel->known = true;
}

/* Set the peer's address of all channels that are connected with this socket. */
static bool take_peer(void *context, const struct tc_diag_unix *one)
{
	struct tc_fds_work *work = context;
	char bytes[TC_FD_ADDRESS_SIZE];
	struct tc_strbuf address;

	tc_strbuf_init(&address, bytes, sizeof(bytes));
	tc_fd_put_unix(&address, one->name, one->name_size);
	for (uint32_t i = find(work->peers, work->n_peers, one->inode);
	     i < work->n_peers && work->peers[i].inode == one->inode; i++) {
		struct tc_channel *channel = &work->channels[work->peers[i].channel];
		if (channel->known)
			continue;
		put_peer(work, channel, bytes, (size_t)(address.at - bytes));
		work->n_wanted--;
	}
	return work->n_wanted > 0 && !tc_fds_late(work);
}

/* Find the peers of connected sockets. A peer that belongs to the target too (as in a socketpair)
 * is known already; the inodes of the others are noted. */
static void join_peers(struct tc_fds_work *work)
{
	for (uint32_t i = 0; i < work->n; i++) {
		struct tc_channel *one = &work->channels[i];
		if (one->table != TC_TABLE_UNIX || one->known || !one->peer)
			continue;
		uint32_t other = find(work->inodes, work->n, one->peer);
		const struct tc_kept_fd *fd = NULL;
		if (other < work->n && work->inodes[other].inode == one->peer)
			fd = work->fds->one[work->channels[work->inodes[other].channel].at];
		if (fd && fd->local_size)
			put_peer(work, one, tc_fd_text(fd), fd->local_size);
		else
			work->peers[work->n_peers++] = (struct tc_inode){ one->peer, i };
	}
	sort(work->peers, work->n_peers);
}

/* Ask for these inodes one by one, or, where they are many, for the whole table. */
static void ask_unix_of(struct tc_fds_work *work, const uint32_t inodes[FEW], uint32_t n,
			bool (*take)(void *context, const struct tc_diag_unix *one))
{
	work->n_wanted = n;
	if (n)
		tc_diag_unix(n <= FEW ? inodes : NULL, n, work->fds->end_ns, take, work);
}

static void ask_unix(struct tc_fds_work *work)
{
	uint32_t inodes[FEW], n = 0;

	work->table = TC_TABLE_UNIX;
	for (uint32_t i = 0; i < work->n && n < FEW; i++)
		if (work->channels[i].table == TC_TABLE_UNIX)
			inodes[n++] = work->channels[i].inode;
	ask_unix_of(work, inodes, work->n_of[TC_TABLE_UNIX], take_unix);
	join_peers(work);
	for (n = 0; n < work->n_peers && n < FEW; n++)
		inodes[n] = work->peers[n].inode;
	ask_unix_of(work, inodes, work->n_peers, take_peer);
}

void tc_fds_ask_tables(struct tc_fds_work *work)
{
	for (uint32_t i = 0; i < work->n; i++)
		work->inodes[i] = (struct tc_inode){ work->channels[i].inode, i };
	sort(work->inodes, work->n);
	for (unsigned i = TC_TABLE_TCP4; i <= TC_TABLE_UDP6; i++) {
		bool v4 = i == TC_TABLE_TCP4 || i == TC_TABLE_UDP4;
		bool tcp = i == TC_TABLE_TCP4 || i == TC_TABLE_TCP6;
		work->table = (enum tc_fds_table)i;
		work->n_wanted = work->n_of[i];
		if (work->n_wanted)
			tc_diag_inet(v4 ? AF_INET : AF_INET6, tcp ? IPPROTO_TCP : IPPROTO_UDP,
				     work->fds->end_ns, take_inet, work);
	}
	if (work->n_of[TC_TABLE_UNIX])
		ask_unix(work);
}
