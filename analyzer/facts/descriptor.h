/* SPDX-License-Identifier: Apache-2.0
 * The descriptors of the process, as they were recorded: which one an object means, and
 * words for it. */
#ifndef TC_DESCRIPTOR_H
#define TC_DESCRIPTOR_H

#include "analyzer/base/out.h"
#include "analyzer/dump/model.h"

/* The recorded descriptor of this number; NULL: there is none. */
const struct tc_fd *tc_model_fd(const struct tc_model *model, uint64_t number);
/* The one that the object's attribute _sock_fd, _fileno or _fd names; NULL: none, or it is not
 * recorded, or the object has closed it (asyncio's transports keep the number and forget the
 * socket or pipe). */
const struct tc_fd *tc_object_fd(const struct tc_model *model, const struct tc_object *object);

/* Its number alone, whether it is recorded or not. False: none. */
bool tc_object_fd_number(const struct tc_model *model, const struct tc_object *object,
			 uint64_t *ret);

/* "tcp", "udp", "unix", "pipe", "file" … */
const char *tc_fd_kind(const struct tc_fd *fd);
/* "established", "listen", "close-wait" …, as ss(8) names the states of TCP but with its dashes;
 * NULL: not known. */
const char *tc_fd_state(const struct tc_fd *fd);

/* "tcp 127.0.0.1:34 -> 127.0.0.1:80, 0 bytes to read, 2,304 not yet sent"; "pipe:[12], 5 bytes to
 * read". */
void tc_fd_phrase(struct tc_out *out, const struct tc_fd *fd);

static inline bool tc_fd_is_socket(const struct tc_fd *fd)
{
	return fd->family != 0;
}

#endif
