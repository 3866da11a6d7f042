/* SPDX-License-Identifier: Apache-2.0
 * Buffers the bytes of the dump file, pads them, and puts them into notes. */
#include "lib/core/core_out.h"

#include <elf.h>

#include "lib/sys/sys.h"
#include "lib/base/safe.h"

int tc_core_flush(struct tc_core *core)
{
	size_t n = core->n_out;

	core->n_out = 0;
	int r = core->sys ? -core->sys : tc_sys_write(core->fd, core->out, n);
	if (r < 0) {
		core->sys = -r;
		return -TC_EWRITE;
	}
	return 0;
}

int tc_core_put(struct tc_core *core, const void *data, size_t size)
{
	const uint8_t *from = data;

	core->at += size;
	while (size) {
		size_t part = TC_CORE_OUT_SIZE - core->n_out < size ?
				      TC_CORE_OUT_SIZE - core->n_out :
				      size;
		if (core->n_out == 0 && size >= TC_CORE_OUT_SIZE) { /* what is long needs no copy */
			int r = core->sys ? -core->sys : tc_sys_write(core->fd, from, size);
			core->sys = r < 0 ? -r : 0;
			return r < 0 ? -TC_EWRITE : 0;
		}
		memcpy(core->out + core->n_out, from, part);
		core->n_out += part;
		from += part;
		size -= part;
		if (core->n_out == TC_CORE_OUT_SIZE && tc_core_flush(core) < 0)
			return -TC_EWRITE;
	}
	return 0;
}

int tc_core_pad(struct tc_core *core, uint64_t to)
{
	static const uint8_t zeros[256];

	while (core->at < to) {
		size_t part =
			to - core->at < sizeof(zeros) ? (size_t)(to - core->at) : sizeof(zeros);
		if (tc_core_put(core, zeros, part) < 0)
			return -TC_EWRITE;
	}
	return 0;
}

int tc_core_note_head(struct tc_core *core, const char *owner, uint32_t type, size_t size)
{
	size_t owner_size = strlen(owner) + 1;
	Elf64_Nhdr head = { .n_namesz = (uint32_t)owner_size,
			    .n_descsz = (uint32_t)size,
			    .n_type = type };

	if (tc_core_put(core, &head, sizeof(head)) < 0 || tc_core_put(core, owner, owner_size) < 0)
		return -TC_EWRITE;
	return tc_core_pad(core, core->at + tc_core_pad4(owner_size) - owner_size);
}

int tc_core_note(struct tc_core *core, const char *owner, uint32_t type, const void *desc,
		 size_t size)
{
	if (tc_core_note_head(core, owner, type, size) < 0 || tc_core_put(core, desc, size) < 0)
		return -TC_EWRITE;
	return tc_core_pad(core, core->at + tc_core_pad4(size) - size);
}
