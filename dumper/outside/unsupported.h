/* SPDX-License-Identifier: Apache-2.0
 * The names of Pythons that cannot be walked, for messages. Not for signal handlers. */
#ifndef TC_UNSUPPORTED_H
#define TC_UNSUPPORTED_H

#include <stddef.h>

#include "lib/walk/walk.h"

#define TC_SUPPORTED "CPython 3.8 to 3.15 is"
#define TC_OTHER_SIZE 48

/* Name the Python because of which tc_walk returned `walked`: "PyPy 3.9", "Python 2.7", "Python
 * 3.14.0, free-threaded"; empty: there is none, or nothing is wrong with it. */
void tc_unsupported_name(int walked, struct tc_mem *mem, const struct tc_python *python,
			 char name[TC_OTHER_SIZE]);

/* Write a PY_VERSION_HEX as people do: "3.11.7", "3.15.0rc1"; "3.7" when only that is known. */
void tc_version_text(uint32_t hex, char *to, size_t size);

#endif
