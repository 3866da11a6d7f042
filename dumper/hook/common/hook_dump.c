/* SPDX-License-Identifier: Apache-2.0
 * The one dump under way, and where the interpreter is: what all rooms of the hook read. */
#include <stdatomic.h>

#include "lib/sys/sys.h"
#include "dumper/hook/common/hook.h"
#include "lib/base/safe.h"

struct tc_hook_dump tc_hook_dump;

/* Once found, an interpreter stays where it is, in forks too. */
static struct tc_runtime_site python;
static _Atomic bool has_site;

void tc_hook_found_python(const struct tc_runtime_site *site)
{
	python = *site;
	python.module = NULL; /* in memory that is given back */
	has_site = true;
}

const struct tc_runtime_site *tc_hook_python(void)
{
	return has_site ? &python : NULL;
}

/* Forgotten first: a child that is killed in between loses memory, but nobody else's is unmapped. */
static void unmap(void **memory, size_t size)
{
	void *at = *memory;

	*memory = NULL;
	atomic_signal_fence(memory_order_seq_cst);
	if (at)
		tc_sys_unmap(at, size);
}

void tc_hook_release_walk(struct tc_hook_dump *dump)
{
	dump->first = dump->last = NULL;
	unmap(&dump->memory, dump->memory_size);
}

void tc_hook_release(struct tc_hook_dump *dump)
{
	tc_hook_release_walk(dump);
	unmap(&dump->thread_memory, dump->thread_memory_size);
}
