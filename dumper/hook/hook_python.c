/* SPDX-License-Identifier: Apache-2.0
 * Is there a Python in this process, and where? */
#include "dumper/hook/hook_python.h"

#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

#include "dumper/hook/capture/hook_cgroup.h"
#include "dumper/hook/capture/hook_gather.h"
#include "dumper/hook/common/hook_dump.h"
#include "dumper/hook/common/hook_emulator.h"
#include "dumper/hook/common/hook_process.h"
#include "dumper/hook/hook_turn.h"
#include "dumper/hook/signals/hook_guard.h"
#include "lib/base/arena.h"
#include "lib/mem/mem_self.h"
#include "lib/python/find_python.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

#define LOCATE_MEMORY (16u << 20)
#define TURN_LOOKS 400

/* an interpreter stays where it was found, in forked children too */
static _Atomic bool has_python;

/* The result of the search for an interpreter. */
enum presence { CANNOT_TELL, ABSENT, PRESENT };

static void locate(void *result)
{
	struct tc_hook_dump *dump = &tc_hook_dump;
	struct tc_runtime_site site;
	void *memory = tc_sys_map(LOCATE_MEMORY, false);
	struct tc_arena arena;
	enum presence *presence = result;

	if (!memory)
		return;
	tc_arena_init(&arena, memory, LOCATE_MEMORY);
	tc_mem_self_init(&dump->mem, false);
	if (tc_hook_gather_maps(dump, &arena) == 0)
		*presence = tc_find_runtime(&dump->mem, &site) == 0 ? PRESENT : ABSENT;
	if (*presence == PRESENT) {
		tc_hook_found_python(&site);
		tc_hook_keep_maps(&arena);
		tc_hook_note_limits();
	}
	tc_sys_unmap(memory, LOCATE_MEMORY);
}

/* the address is NULL if the loader has found no such function */
extern int Py_IsInitialized(void) __attribute__((weak));

bool tc_hook_is_linked_python(void)
{
	return Py_IsInitialized;
}

uint64_t tc_hook_python_code(void)
{
	return (uintptr_t)Py_IsInitialized;
}

/* Take the turn; if another thread has it, because it searches too, wait up to 20 ms. False: not
 * got, or not needed any more. */
static bool wait_turn(struct tc_hook_process *process, uint64_t *ret_mask)
{
	struct timespec wait = { 0, TC_HOOK_TURN_LOOK_NS };

	for (int i = 0; i < TURN_LOOKS && !has_python; i++) {
		if (tc_hook_take_turn(process, ret_mask))
			return true;
		tc_syscall2(SYS_nanosleep, (long)&wait, 0);
	}
	return false;
}

bool tc_hook_has_python(void)
{
	struct tc_hook_process *process = tc_hook_process();
	enum presence presence = CANNOT_TELL;
	uint64_t mask;

	if (has_python)
		return true;
	if (tc_hook_emulator())
		return tc_hook_is_linked_python();
	if (wait_turn(process, &mask)) {
		if (!tc_hook_reap() || !tc_hook_guarded(locate, &presence, false))
			presence = CANNOT_TELL;
		if (presence == PRESENT)
			has_python = true;
		tc_hook_give_turn(process, mask);
	}
	/* The search may fail for want of /proc, memory or a descriptor, or because of too many
	 * mappings. A process that is known to be Python must count as Python then: otherwise the
	 * signal's default action would end it. */
	return has_python || (presence == CANNOT_TELL && tc_hook_is_linked_python());
}
