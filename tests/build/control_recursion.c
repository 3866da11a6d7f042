/* SPDX-License-Identifier: Apache-2.0
 * Wrong on purpose: two functions that call each other must be refused by the stack test. */
#include "lib/base/safe.h"

int control_odd(unsigned n);
int control_even(unsigned n);

__attribute__((noinline)) int control_even(unsigned n)
{
	return n == 0 ? 1 : control_odd(n - 1) + 1;
}

__attribute__((noinline)) int control_odd(unsigned n)
{
	return n == 0 ? 0 : control_even(n - 1) * 3;
}
