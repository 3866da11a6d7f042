/* SPDX-License-Identifier: Apache-2.0
 * Error codes: what the functions of lib/ return, negative. */
#ifndef TC_ERR_H
#define TC_ERR_H

/* In the order of their values, which faults carry into the dump (docs/format.md section 12): new
 * ones at the end. */
#define TC_CODES(C)                                             \
	C(OK, "no error")                                       \
	C(EFAULT, "memory could not be read")                   \
	C(EBOUND, "a bound was reached")                        \
	C(ENOSPACE, "the walker's arena is full")               \
	C(ETYPE, "an object is not of the type it should be")   \
	C(ETORN, "it changed while it was read")                \
	C(ENOPYTHON, "no Python interpreter in this process")   \
	C(EUNKNOWN, "a Python version without a known layout")  \
	C(EPROBE, "the layout of this Python failed its probe") \
	C(EDATA, "damaged data")                                \
	C(EVERSION, "of another version of the format")         \
	C(EWRITE, "the dump could not be written")              \
	C(EPERM, "permission denied")                           \
	C(EGONE, "the process is gone")                         \
	C(ETIME, "no answer in time")                           \
	C(EINTERNAL, "internal error")                          \
	C(ESTARTING, "this Python starts up or shuts down")

enum tc_code {
#define C(name, text) TC_##name,
	TC_CODES(C)
#undef C
		TC_N_CODES
};

/* The text of a code, given positive or negative; static, never NULL. Safe in a handler. */
const char *tc_strcode(int code);

#endif
