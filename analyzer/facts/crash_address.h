/* SPDX-License-Identifier: Apache-2.0
 * The address of a fault in words: what is there, and how it was used. */
#ifndef TC_CRASH_ADDRESS_H
#define TC_CRASH_ADDRESS_H

#include "analyzer/facts/crash_view.h"

/* How the instruction used the address; UNKNOWN: it did not, or that is not known. */
enum tc_access { TC_ACCESS_UNKNOWN, TC_ACCESS_READ, TC_ACCESS_WRITE, TC_ACCESS_EXECUTE };

enum tc_access tc_crash_access(const struct tc_crash_view *crash);

/* Is the address known, and one of memory that was used? */
bool tc_crash_has_address(const struct tc_crash_view *crash);
/* "0x18 (NULL + 0x18), where nothing is mapped". Only where it has an address. */
void tc_crash_say_address(struct tc_out *out, const struct tc_crash_view *crash);
/* The same without the address: "NULL + 0x18, where nothing is mapped". */
void tc_crash_say_where(struct tc_out *out, const struct tc_crash_view *crash);

/* The module that this address is in; NULL: none. */
const struct tc_module_map *tc_module_of(const struct tc_model *model, uint64_t addr);
/* "_native.so+0x1234", "0x7f12 in no module". */
void tc_say_code(struct tc_out *out, const struct tc_model *model, uint64_t addr);

#endif
