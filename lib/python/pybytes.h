/* SPDX-License-Identifier: Apache-2.0
 * Reads a bytes object of a target from its front: the tables of code objects. May run in a signal
 * handler. */
#ifndef TC_PYBYTES_H
#define TC_PYBYTES_H

#include "lib/python/pyobj.h"

enum { TC_BYTES_DATA = 32 }; /* offset of the first byte: Include/cpython/bytesobject.h */
#define TC_BYTES_WINDOW 128

struct tc_bytes {
	const struct tc_py *py;
	tc_addr at;
	uint64_t left;
	unsigned n, i;
	uint8_t window[TC_BYTES_WINDOW];
};

/* Begin to read the bytes object at addr. 0; -TC_EFAULT; -TC_ETYPE: no table is that long. */
int tc_bytes_open(const struct tc_py *py, tc_addr addr, struct tc_bytes *ret);
/* The next byte; -1 at the end or when it cannot be read. */
int tc_bytes_next(struct tc_bytes *bytes);

#endif
