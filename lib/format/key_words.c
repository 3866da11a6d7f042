/* SPDX-License-Identifier: Apache-2.0
 * The list of docs/format.md, section 10. */
#include "lib/format/key_words.h"

#include <string.h>

#include "lib/base/safe.h"

/* clang-format off */
const struct tc_word tc_words[] = {
	{ "set", TC_WORD_ENDS }, { "notify", TC_WORD_ENDS }, { "notify_all", TC_WORD_ENDS },
	{ "wait", TC_WORD_ENDS }, { "reset", TC_WORD_ENDS }, { "abort", TC_WORD_ENDS },
	{ "put", TC_WORD_ENDS }, { "put_nowait", TC_WORD_ENDS }, { "get", TC_WORD_ENDS },
	{ "get_nowait", TC_WORD_ENDS }, { "shutdown", TC_WORD_ENDS },
	{ "task_done", TC_WORD_ENDS }, { "release", TC_WORD_ENDS },
	{ "__aexit__", TC_WORD_ENDS }, { "__exit__", TC_WORD_ENDS },
	{ "getattr", TC_WORD_REACHES }, { "vars", TC_WORD_REACHES },
	{ "globals", TC_WORD_REACHES }, { "eval", TC_WORD_REACHES }, { "exec", TC_WORD_REACHES },
	{ "__dict__", TC_WORD_REACHES }, { "locals", TC_WORD_REACHES },
	{ "dir", TC_WORD_REACHES }, { "methodcaller", TC_WORD_REACHES },
	{ "attrgetter", TC_WORD_REACHES }, { "getmembers", TC_WORD_REACHES },
	{ "get_objects", TC_WORD_REACHES }, { "_getframe", TC_WORD_REACHES },
	{ "get_referrers", TC_WORD_REACHES }, { "__getattribute__", TC_WORD_REACHES },
	{ "__globals__", TC_WORD_REACHES }, { "f_globals", TC_WORD_REACHES },
	{ "f_locals", TC_WORD_REACHES }, { "currentframe", TC_WORD_REACHES },
	{ "getattr_static", TC_WORD_REACHES }, { "__getstate__", TC_WORD_REACHES },
	{ "__reduce_ex__", TC_WORD_REACHES }, { "get_field", TC_WORD_REACHES },
	{ "asdict", TC_WORD_REACHES }, { "astuple", TC_WORD_REACHES },
	{ "fields", TC_WORD_REACHES }, { "FunctionType", TC_WORD_REACHES },
	{ "__code__", TC_WORD_REACHES }, { "marshal", TC_WORD_REACHES },
	{ "pickle", TC_WORD_REACHES }, { "Unpickler", TC_WORD_REACHES },
	{ "__builtins__", TC_WORD_REACHES }, { "builtins", TC_WORD_REACHES },
	{ "__import__", TC_WORD_LOADS }, { "import_module", TC_WORD_LOADS },
	{ "modules", TC_WORD_LOADS }, { "resolve_name", TC_WORD_LOADS },
	{ "run_path", TC_WORD_LOADS }, { "run_module", TC_WORD_LOADS },
	{ "reload", TC_WORD_LOADS }, { "dictConfig", TC_WORD_LOADS },
	{ "fileConfig", TC_WORD_LOADS }, { "entry_points", TC_WORD_LOADS },
	{ "exec_module", TC_WORD_LOADS }, { "module_from_spec", TC_WORD_LOADS },
	{ "type", TC_WORD_MAKES }, { "__class__", TC_WORD_MAKES },
	{ "__subclasses__", TC_WORD_MAKES },
	{ "all_tasks", TC_WORD_OTHER }, { "asyncio", TC_WORD_OTHER }, { "sleep", TC_WORD_OTHER },
};
/* clang-format on */
const size_t tc_n_words = sizeof(tc_words) / sizeof(tc_words[0]);

bool tc_is_word(const char *text)
{
	for (size_t i = 0; i < tc_n_words; i++)
		if (strcmp(text, tc_words[i].text) == 0)
			return true;
	return false;
}
