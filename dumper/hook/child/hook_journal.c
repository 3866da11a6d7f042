/* SPDX-License-Identifier: Apache-2.0
 * The journal's native protocol: one datagram with lines NAME=value (systemd,
 * docs/JOURNAL_NATIVE_PROTOCOL.md). */
#include "dumper/hook/child/hook_journal.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "lib/base/strbuf.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

#define STDERR 2
#define JOURNAL "/run/systemd/journal/socket"
#define JOURNAL_STDOUT "/run/systemd/journal/stdout"

static bool is_stderr_journal(void)
{
	struct sockaddr_un peer = { .sun_family = AF_UNSPEC };
	uint32_t size = sizeof(peer);

	return tc_syscall3(SYS_getpeername, STDERR, (long)&peer, (long)&size) == 0 &&
	       peer.sun_family == AF_UNIX &&
	       strncmp(peer.sun_path, JOURNAL_STDOUT, sizeof(peer.sun_path)) == 0;
}

void tc_hook_journal(const char *line)
{
	static char text[2048]; /* too big for the stack; a longer line is cut */
	const struct sockaddr_un to = { AF_UNIX, JOURNAL };
	struct tc_strbuf note;

	if (is_stderr_journal())
		return;
	long fd = tc_syscall3(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	tc_strbuf_init(&note, text, sizeof(text) - 1);
	tc_strbuf_s(&note, "PRIORITY=2\nSYSLOG_IDENTIFIER=taskcore\nMESSAGE=");
	tc_strbuf_s(&note, line);
	size_t n = strlen(text);
	text[n++] = '\n';
	tc_syscall6(SYS_sendto, fd, (long)text, (long)n, MSG_DONTWAIT | MSG_NOSIGNAL, (long)&to,
		    sizeof(to));
	tc_sys_close((int)fd);
}
