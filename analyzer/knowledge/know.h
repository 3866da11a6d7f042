/* SPDX-License-Identifier: Apache-2.0
 * What is known about the functions of libraries: rows of JSON files (docs/knowledge.md), the
 * built-in ones and those that a user adds. A task whose chain ends in such a function, or below it
 * within the same packages, waits in the way that the row says. */
#ifndef TC_KNOW_H
#define TC_KNOW_H

#include <jansson.h>

#include "analyzer/dump/model.h"
#include "analyzer/knowledge/wait_kind.h"

enum tc_known_flag {
	/* only where it is the innermost link: what it calls decides otherwise */
	TC_KNOWN_INNERMOST = 1,
	TC_KNOWN_FINAL = 2,   /* not overruled by the functions that call it */
	TC_KNOWN_TASKS = 4,   /* the object is a future or task, or a collection of them */
	TC_KNOWN_THROUGH = 8, /* as if it were not there */
	TC_KNOWN_LEAF = 16,   /* what it awaits says more, where that is no plain future or task */
};

/* One row. The texts are of the file that it is from; NULL: not given. */
struct tc_known {
	const char *file; /* end of the path, with the package: "asyncio/tasks.py"; NULL: native */
	const char *function; /* qualified name; one that ends in '*' means all that begin so */
	const char *variable; /* the row holds only where the function has a local of this name */
	/* the local that holds the object waited for; NULL: the awaited future is it */
	const char *object;
	const char *members;  /* its attribute that holds the tasks waited for */
	/* a function, by its qualified name, that has object and members in its closure; NULL:
	 * members is an attribute of the object */
	const char *callback;
	const char *delay;    /* of a sleep: the local with its length */
	const char *text;     /* what a person reads; NULL: the words of the kind */
	enum tc_wait_kind wait;
	unsigned flags; /* enum tc_known_flag */
	uint32_t package;
};

/* A package: its code is looked through for what a task waits for. */
struct tc_package {
	const char *name; /* as in a path: "asyncio", "concurrent/futures" */
	bool anywhere;	  /* below any directory, not only where packages are installed */
};

/* A file that was left out, and why. */
struct tc_knowledge_problem {
	char text[512]; /* "PATH:LINE: what is wrong" */
};

struct tc_knowledge {
	struct tc_known *rows;
	size_t n_rows, rows_room;
	struct tc_package *packages;
	size_t n_packages, packages_room;
	json_t **files; /* own the texts */
	size_t n_files, files_room;
	struct tc_knowledge_problem *problems;
	size_t n_problems, problems_room;
};

/* The files of knowledge/, as the build has put them into the program (embed.awk); ends with a path
 * of NULL. */
struct tc_knowledge_file {
	const char *path, *text;
};
extern const struct tc_knowledge_file tc_knowledge_builtin[];

/* The built-in knowledge. Normal context, like all here. */
void tc_knowledge_init(struct tc_knowledge *knowledge);
void tc_knowledge_deinit(struct tc_knowledge *knowledge);

/* Add a file of this text, size bytes; path is for messages and not kept. Rows added later go
 * before earlier ones. 0, or -TC_EDATA: it is left out as a whole, and problems has one entry
 * more. */
int tc_knowledge_add(struct tc_knowledge *knowledge, const char *path, const char *text,
		     size_t size);
/* The same for the file at path, or for all *.json files of the directory at path, by name. What
 * cannot be read is a problem too. */
int tc_knowledge_load(struct tc_knowledge *knowledge, const char *path);

#define TC_KNOWN_NONE UINT32_MAX	   /* of a known package, but no row */
#define TC_KNOWN_FOREIGN (UINT32_MAX - 1) /* of no known package */

/* The row for a function of a file, by index. qualified: the name is qualified, else its last part
 * alone (codes of Python 3.10 and before). has: whether the function has a local of this name. */
uint32_t tc_knowledge_row(const struct tc_knowledge *knowledge, const struct tc_model *model,
			  struct tc_text file, struct tc_text function, bool qualified,
			  bool (*has)(const void *context, const char *variable),
			  const void *context);
/* The row for a coroutine without Python code, by the end of its name; TC_KNOWN_NONE: none. */
uint32_t tc_knowledge_native(const struct tc_knowledge *knowledge, struct tc_text function);

#endif
