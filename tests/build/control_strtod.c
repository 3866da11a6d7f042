/* SPDX-License-Identifier: Apache-2.0
 * Wrong on purpose: compiles, because safe.h cannot name all of libc, and must be found by the
 * symbol test. */
#include "lib/base/safe.h"

extern double strtod(const char *text, char **end);
double control_strtod(const char *text);

double control_strtod(const char *text)
{
	return strtod(text, 0);
}
