/* SPDX-License-Identifier: Apache-2.0
 * taskcore list: the dumps in a directory. */
#ifndef TC_LIST_H
#define TC_LIST_H

/* Print one line for each dump in dir, oldest first. The exit code. */
int tc_list_print(const char *dir);

#endif
