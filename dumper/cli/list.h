/* SPDX-License-Identifier: Apache-2.0
 * taskcore list: the dumps in a directory. */
#ifndef TC_LIST_H
#define TC_LIST_H

/* Print one line for each dump in the directory dir, oldest first. Returns the exit code. */
int tc_list_print(const char *dir);

#endif
