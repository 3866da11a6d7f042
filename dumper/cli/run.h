/* SPDX-License-Identifier: Apache-2.0
 * taskcore run: becomes a program with the hook in it. */
#ifndef TC_RUN_H
#define TC_RUN_H

/* The arguments after "run". Becomes the command they name, with the hook preloaded and its settings
 * in the environment; prints nothing and opens no file. Comes back only with a line printed: 127 the
 * command was not found, 126 it cannot be executed, 2 usage, 3 the hook cannot be preloaded. */
int tc_run(char **argv);

/* The usage of its own options, each line as taskcore --help prints it. */
extern const char tc_run_usage[];

#endif
