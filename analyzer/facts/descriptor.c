/* SPDX-License-Identifier: Apache-2.0
 * Descriptors: looked up, and named. */
#include "analyzer/facts/descriptor.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "analyzer/dump/values.h"

const struct tc_fd *tc_model_fd(const struct tc_model *model, uint64_t number)
{
	size_t from = 0, to = model->n_fds;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (model->fds[middle].fd < number)
			from = middle + 1;
		else
			to = middle;
	}
	return from < model->n_fds && model->fds[from].fd == number ? &model->fds[from] : NULL;
}

bool tc_object_fd_number(const struct tc_model *model, const struct tc_object *object,
			 uint64_t *ret)
{
	static const char *const numbers[] = { "_sock_fd", "_fileno", "_fd" };
	size_t rank = 3;
	struct tc_attrs attrs;
	struct tc_value value;
	uint32_t id;

	tc_attrs_begin(&attrs, object);
	while (tc_attrs_next(&attrs, &id, &value)) {
		struct tc_text name = tc_model_string(model, id);
		if (value.tag == TC_VAL_NONE &&
		    (tc_text_is(name, "_sock") || tc_text_is(name, "_pipe")))
			return false;
		for (size_t i = 0; value.tag == TC_VAL_INT && i < rank; i++)
			if (tc_text_is(name, numbers[i])) {
				rank = i;
				*ret = value.word;
			}
	}
	return rank < 3;
}

const struct tc_fd *tc_object_fd(const struct tc_model *model, const struct tc_object *object)
{
	uint64_t number;

	return model->n_fds && tc_object_fd_number(model, object, &number) ?
		       tc_model_fd(model, number) :
		       NULL;
}

static const char *socket_kind(const struct tc_fd *fd)
{
	switch (fd->family) {
	case AF_INET:
	case AF_INET6:
		return fd->socket_type == SOCK_STREAM ? "tcp" :
		       fd->socket_type == SOCK_DGRAM  ? "udp" :
		       fd->socket_type == SOCK_RAW    ? "raw" :
							"socket";
	case AF_UNIX:
		return "unix";
	case AF_NETLINK:
		return "netlink";
	case AF_PACKET:
		return "packet";
	case AF_VSOCK:
		return "vsock";
	default:
		return "socket";
	}
}

const char *tc_fd_kind(const struct tc_fd *fd)
{
	/* By st_mode >> 12, see inode(7). */
	static const char *const words[16] = { [1] = "pipe",   [2] = "device", [4] = "directory",
					       [6] = "device", [8] = "file",   [12] = "socket" };

	if (tc_fd_is_socket(fd))
		return socket_kind(fd);
	if (fd->missing & TC_FD_NO_TYPE)
		return "unknown";
	return fd->type < 16 && words[fd->type] ? words[fd->type] : "other";
}

const char *tc_fd_state(const struct tc_fd *fd)
{
	static const char *const words[] = {
		/* in the order of net/tcp_states.h */
		NULL,	     "established", "syn-sent",	  "syn-recv", "fin-wait-1", "fin-wait-2",
		"time-wait", "close",	    "close-wait", "last-ack", "listen",	    "closing",
	};
	return fd->state < sizeof(words) / sizeof(*words) ? words[fd->state] : NULL;
}

/* 2304 as 2,304. */
static void put_number(struct tc_out *out, uint64_t number)
{
	uint64_t unit = 1;

	while (number / unit >= 1000)
		unit *= 1000;
	tc_out_u(out, number / unit);
	while ((unit /= 1000) > 0)
		tc_out_printf(out, ",%03u", (unsigned)(number / unit % 1000));
}

static void phrase_state(struct tc_out *out, const struct tc_fd *fd)
{
	const char *word = tc_fd_state(fd);

	if (fd->state == TC_FD_LISTENING)
		word = "listening";
	else if (fd->state == TC_FD_CONNECTING)
		word = "connecting";
	else if (fd->state == TC_FD_UNCONNECTED)
		word = "not connected";
	else if (fd->state == TC_FD_PEER_CLOSED)
		word = "closed by the other end";
	else if (fd->state == TC_FD_ESTABLISHED)
		return;
	if (word)
		tc_out_printf(out, ", %s", word);
}

/* What is not known reads like what is not there, so it is said. */
static void phrase_missing(struct tc_out *out, const struct tc_fd *fd)
{
	if (fd->missing & TC_FD_NO_LOCAL)
		tc_out_str(out, ", addresses not known");
	else if (fd->missing & TC_FD_NO_PEER)
		tc_out_str(out, ", peer's address not known");
}

void tc_fd_phrase(struct tc_out *out, const struct tc_fd *fd)
{
	bool named = fd->family == AF_UNIX && fd->local.size; /* "unix:…" says the kind */

	if (!tc_fd_is_socket(fd) && fd->what.size)
		tc_out_text(out, fd->what, 0);
	else if (!named)
		tc_out_str(out, tc_fd_kind(fd));
	if (fd->local.size) {
		tc_out_str(out, named ? "" : " ");
		tc_out_text(out, fd->local, 0);
	}
	if (fd->peer.size) {
		tc_out_str(out, " -> ");
		tc_out_text(out, fd->peer, 0);
	}
	phrase_missing(out, fd);
	phrase_state(out, fd);
	if (fd->unread) {
		tc_out_str(out, ", ");
		put_number(out, fd->unread - 1);
		tc_out_str(out, fd->unread == 2 ? " byte to read" : " bytes to read");
	}
	if (fd->unsent) {
		tc_out_str(out, ", ");
		put_number(out, fd->unsent - 1);
		tc_out_str(out, " not yet sent");
	}
}
