/* SPDX-License-Identifier: Apache-2.0
 * The dump that is being made, and where the interpreter is: data that all rooms of the hook
 * read. */
#include "dumper/hook/common/hook_dump.h"

#include <stdatomic.h>

#include "lib/base/notices.h"
#include "lib/base/strbuf.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

struct tc_hook_dump tc_hook_dump;

/* An interpreter stays where it was found, in forked children too. */
static struct tc_runtime_site python;
static _Atomic bool has_site;

void tc_hook_found_python(const struct tc_runtime_site *site)
{
	python = *site;
	python.module = NULL; /* the caller unmaps the memory that it is in */
	has_site = true;
}

const struct tc_runtime_site *tc_hook_python(void)
{
	return has_site ? &python : NULL;
}

/* mapping->at becomes NULL before the memory is unmapped. A child that is killed between the two
 * leaks memory; the other way round, the address would be unmapped a second time, when somebody
 * else may have mapped something there. */
static void unmap(struct tc_hook_mapping *mapping)
{
	void *at = mapping->at;

	mapping->at = NULL;
	atomic_signal_fence(memory_order_seq_cst);
	if (at)
		tc_sys_unmap(at, mapping->size);
}

void tc_hook_release_walk(struct tc_hook_dump *dump)
{
	dump->in_place.first = dump->in_place.last = NULL;
	unmap(&dump->in_place.memory);
}

void tc_hook_release(struct tc_hook_dump *dump)
{
	tc_hook_release_walk(dump);
	unmap(&dump->memory);
}

bool tc_hook_notice(struct tc_hook_dump *dump, struct tc_strbuf *ret)
{
	char *line = tc_notices_next(&dump->walk.notices);

	if (line)
		tc_strbuf_init(ret, line, TC_NOTICE_SIZE);
	return line != NULL;
}
