/* SPDX-License-Identifier: Apache-2.0
 * Finds a Python interpreter among the modules of a process. Only memory is read, no file is
 * opened. Everything here may run in a signal handler. */
#ifndef TC_FIND_PYTHON_H
#define TC_FIND_PYTHON_H

#include "lib/python/layout.h"
#include "lib/mem/mem.h"

/* Look for _PyRuntime in the dynamic symbol tables of mem's modules. Of several the first whose
 * interpreter has started is taken. Fills *ret. 0 or -TC_ENOPYTHON. Source: _PyRuntime is an
 * exported data symbol in CPython 3.7 to 3.15 (Include/internal/pycore_runtime.h), in stripped and
 * static executables too. */
int tc_find_runtime(struct tc_mem *mem, struct tc_runtime_site *ret);

/* To be called where tc_find_runtime finds nothing. The name of another Python: "PyPy", or "Python"
 * (a CPython before 3.7, which has no _PyRuntime); static. NULL: neither. *ret_module gets the path
 * of its module, borrowed from the reader. Sources: the symbols exported by PyPy 7.3 (its cpyext),
 * and by CPython 2.7 and 3.6. */
const char *tc_find_other(struct tc_mem *mem, const char **ret_module);

#endif
