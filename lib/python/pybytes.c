/* SPDX-License-Identifier: Apache-2.0
 * Include/cpython/bytesobject.h: the size, a hash, then the bytes. */
#include "lib/python/pybytes.h"

#include "lib/base/safe.h"

enum { BYTES_SIZE = 16 };
#define BYTES_MAX (16u << 20)

int tc_bytes_open(const struct tc_py *py, tc_addr addr, struct tc_bytes *ret)
{
	if (tc_get(py->mem, addr + BYTES_SIZE, &ret->left) < 0)
		return -TC_EFAULT;
	if (ret->left > BYTES_MAX)
		return -TC_ETYPE;
	ret->py = py;
	ret->at = addr + TC_BYTES_DATA;
	ret->n = ret->i = 0;
	return 0;
}

int tc_bytes_next(struct tc_bytes *bytes)
{
	if (bytes->i == bytes->n) {
		unsigned n =
			bytes->left < TC_BYTES_WINDOW ? (unsigned)bytes->left : TC_BYTES_WINDOW;
		if (n == 0 || tc_read(bytes->py->mem, bytes->at, bytes->window, n) < 0)
			return -1;
		bytes->at += n;
		bytes->left -= n;
		bytes->n = n;
		bytes->i = 0;
	}
	return bytes->window[bytes->i++];
}
