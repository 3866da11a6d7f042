/* SPDX-License-Identifier: Apache-2.0
 * Texts of the error codes. */
#include "lib/base/err.h"

#include "lib/base/safe.h"

const char *tc_strcode(int code)
{
	static const char *const texts[] = {
#define C(name, text) [TC_##name] = text,
		TC_CODES(C)
#undef C
	};
	if (code < 0)
		code = -code;
	return code < TC_N_CODES ? texts[code] : "unknown error";
}
