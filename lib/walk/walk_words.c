/* SPDX-License-Identifier: Apache-2.0
 * The list; what each is for, the analyzer knows (analyzer/facts/names.c). */
#include "lib/walk/walk_words.h"

#include <stddef.h>
#include <string.h>

#include "lib/base/safe.h"

/* clang-format off */
const char *const tc_walk_words[] = {
	"set", "notify", "notify_all", "wait", "reset", "abort", "put", "put_nowait", "get",
	"get_nowait", "shutdown", "task_done", "release", "__aexit__", "__exit__", "getattr",
	"vars", "globals", "eval", "exec", "__dict__", "locals", "dir", "__import__",
	"import_module", "methodcaller", "attrgetter", "modules", "getmembers", "get_objects",
	"_getframe", "get_referrers", "__getattribute__", "__globals__", "f_globals", "f_locals",
	"currentframe", "getattr_static", "__getstate__", "__reduce_ex__", "get_field", "asdict",
	"astuple", "fields", "FunctionType", "__code__", "marshal", "pickle", "Unpickler",
	"resolve_name", "run_path", "run_module", "reload", "dictConfig", "fileConfig",
	"entry_points", "exec_module", "module_from_spec", "__builtins__", "builtins", "type",
	"__class__", "__subclasses__", "all_tasks", "asyncio", "sleep",
	NULL,
};
/* clang-format on */

bool tc_walk_is_word(const char *text)
{
	for (size_t i = 0; tc_walk_words[i]; i++)
		if (strcmp(text, tc_walk_words[i]) == 0)
			return true;
	return false;
}
