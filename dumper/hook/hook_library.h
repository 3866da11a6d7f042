/* SPDX-License-Identifier: Apache-2.0
 * Which library an address belongs to. Safe in a handler, also where the heap is broken: the kernel
 * is asked, not the loader, which keeps its list there. */
#ifndef TC_HOOK_LIBRARY_H
#define TC_HOOK_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

/* Find the files that are mapped at these n addresses: ret_files[i] is the inode of that at at[i];
 * 0: no file, or not known, as where there is no /proc or another thread is asking. Numbers are
 * equal for one file; those of two file systems might be, too. */
void tc_hook_libraries(const uint64_t *at, size_t n, uint64_t *ret_files);

#endif
