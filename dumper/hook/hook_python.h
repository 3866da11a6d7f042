/* SPDX-License-Identifier: Apache-2.0
 * Is there an interpreter in this process? */
#ifndef TC_HOOK_PYTHON_H
#define TC_HOOK_PYTHON_H

#include <stdbool.h>
#include <stdint.h>

/* Is there an interpreter in this process? Looks for one until one was found. */
bool tc_hook_has_python(void);
/* Is the program, or a library that it was started with, a Python? Others may load one later. */
bool tc_hook_is_linked_python(void);
/* An address in the code of the interpreter that the program was started with; 0: it was not. */
uint64_t tc_hook_python_code(void);

#endif
