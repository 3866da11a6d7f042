/* SPDX-License-Identifier: Apache-2.0
 * taskcore run: starts a program with the hook in it. */
#ifndef TC_RUN_H
#define TC_RUN_H

/* Execute the command in argv, the arguments behind "run", in this process, with the hook preloaded
 * and its settings in the environment. Prints nothing and leaves no file open. Returns only on
 * failure, with a line on stderr: 127 the command was not found, 126 it cannot be executed, 2
 * usage, 3 the hook cannot be preloaded, 70 no memory. */
int tc_run(char **argv);

/* The usage of its own options, each line as taskcore --help prints it. */
extern const char tc_run_usage[];

#endif
