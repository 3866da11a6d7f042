/* SPDX-License-Identifier: Apache-2.0
 * CRC-32C (Castagnoli), as RFC 3720 appendix B.4 defines it. */
#ifndef TC_CRC32C_H
#define TC_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of size bytes at data; 0xe3069283 for the nine bytes "123456789". Safe in a handler. */
uint32_t tc_crc32c(const void *data, size_t size);
/* The same without the processor's instruction for it: slower. Safe in a handler. */
uint32_t tc_crc32c_by_tables(const void *data, size_t size);

#endif
