/* SPDX-License-Identifier: Apache-2.0
 * Finding a Python interpreter among the modules of a process, in its memory alone: no file is
 * opened. */
#ifndef TC_FIND_PYTHON_H
#define TC_FIND_PYTHON_H

#include "layout.h"
#include "mem.h"

/* Look for _PyRuntime in the dynamic symbol tables of mem's modules. Fills *ret.
 * 0 or -TC_ENOPYTHON. Safe in a handler.
 * Source: _PyRuntime is an exported data symbol in CPython 3.7 to 3.15
 * (Include/internal/pycore_runtime.h), in stripped and static executables too. */
int tc_find_runtime(struct tc_mem *mem, struct tc_runtime_site *ret);

#endif
