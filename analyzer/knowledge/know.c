/* SPDX-License-Identifier: Apache-2.0
 * Knowledge files: read with jansson, checked, and matched. docs/knowledge.md is the schema. */
#include "analyzer/knowledge/know.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "analyzer/base/array.h"
#include "lib/base/err.h"
#include "analyzer/facts/place.h"

#define SCHEMA "taskcore-knowledge/1"
#define FILE_BYTES_MAX (4u << 20)

/* A file while it is read. */
struct source {
	struct tc_knowledge *knowledge;
	const char *path, *text;
	size_t size;
	bool bad;
};

static void problem(struct tc_knowledge *k, const char *path, long line, const char *format,
		    va_list args)
{
	struct tc_knowledge_problem *p = tc_push(k->problems, k->n_problems, k->problems_room);
	int n = line ? snprintf(p->text, sizeof(p->text), "%s:%ld: ", path, line) :
		       snprintf(p->text, sizeof(p->text), "%s: ", path);

	if (n >= 0 && (size_t)n < sizeof(p->text))
		vsnprintf(p->text + n, sizeof(p->text) - (size_t)n, format, args);
}

/* The first thing that is wrong with a file. */
__attribute__((format(printf, 3, 4))) static void refuse(struct source *s, long line,
							 const char *format, ...)
{
	va_list args;

	if (s->bad)
		return;
	s->bad = true;
	va_start(args, format);
	problem(s->knowledge, s->path, line, format, args);
	va_end(args);
}

static long line_at(const struct source *s, size_t at)
{
	long line = 1;

	for (size_t i = 0; i < at; i++)
		line += s->text[i] == '\n';
	return line;
}

/* Where a key of the file itself is named; the first line where it is missing. */
static long line_of_key(const struct source *s, const char *key)
{
	char quoted[64];
	int n = snprintf(quoted, sizeof(quoted), "\"%s\"", key);
	const char *at = n > 0 && (size_t)n < sizeof(quoted) ? strstr(s->text, quoted) : NULL;

	return at ? line_at(s, (size_t)(at - s->text)) : 1;
}

/* jansson tells the line of bad syntax only: where the row of this number begins, two levels
 * deep. */
static long line_of_row(const struct source *s, size_t row)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < s->size; i++) {
		char c = s->text[i];
		if (quoted) {
			i += c == '\\';
			quoted = c != '"';
			continue;
		}
		quoted = c == '"';
		if (c == '{' && depth == 2 && row-- == 0)
			return line_at(s, i);
		depth += c == '{' || c == '[';
		depth -= c == '}' || c == ']';
	}
	return 1;
}

/* The keys of a row: what they are and where they go. */
enum key_type { KEY_TEXT, KEY_FLAG, KEY_WAIT, KEY_NATIVE, KEY_REMARK };

static const struct key {
	const char *name;
	enum key_type type;
	size_t at;     /* of KEY_TEXT: in struct tc_known */
	unsigned flag; /* of KEY_FLAG */
} keys[] = {
	{ "file", KEY_TEXT, offsetof(struct tc_known, file), 0 },
	{ "function", KEY_TEXT, offsetof(struct tc_known, function), 0 },
	{ "variable", KEY_TEXT, offsetof(struct tc_known, variable), 0 },
	{ "object", KEY_TEXT, offsetof(struct tc_known, object), 0 },
	{ "members", KEY_TEXT, offsetof(struct tc_known, members), 0 },
	{ "callback", KEY_TEXT, offsetof(struct tc_known, callback), 0 },
	{ "delay", KEY_TEXT, offsetof(struct tc_known, delay), 0 },
	{ "text", KEY_TEXT, offsetof(struct tc_known, text), 0 },
	{ "waits_for", KEY_WAIT, 0, 0 },
	{ "native", KEY_NATIVE, 0, 0 },
	{ "innermost", KEY_FLAG, 0, TC_KNOWN_INNERMOST },
	{ "final", KEY_FLAG, 0, TC_KNOWN_FINAL },
	{ "tasks", KEY_FLAG, 0, TC_KNOWN_TASKS },
	{ "through", KEY_FLAG, 0, TC_KNOWN_THROUGH },
	{ "leaf", KEY_FLAG, 0, TC_KNOWN_LEAF },
	{ "about", KEY_REMARK, 0, 0 },
};

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static void take_wait(struct source *s, long line, const char *word, struct tc_known *row)
{
	row->wait = tc_wait_of(word);
	if (row->wait == TC_N_WAITS)
		refuse(s, line, "\"waits_for\": no kind of wait is called \"%.60s\"", word);
}

/* One key of a row. */
static void take_key(struct source *s, long line, const char *name, const json_t *value,
		     struct tc_known *row, bool *native)
{
	const struct key *key = find_key(name);
	bool text = key && key->type != KEY_FLAG && key->type != KEY_NATIVE;

	if (!key)
		refuse(s, line, "unknown key \"%.60s\"", name);
	else if (text ? !json_is_string(value) || json_string_length(value) == 0 :
			!json_is_boolean(value))
		refuse(s, line, "\"%s\" is no %s", name, text ? "text" : "true or false");
	else if (key->type == KEY_TEXT)
		*(const char **)((char *)row + key->at) = json_string_value(value);
	else if (key->type == KEY_WAIT)
		take_wait(s, line, json_string_value(value), row);
	else if (key->type == KEY_FLAG)
		row->flags |= json_is_true(value) ? key->flag : 0;
	else if (key->type == KEY_NATIVE)
		*native = json_is_true(value);
}

static void take_row(struct source *s, size_t number, json_t *object)
{
	struct tc_known row = { .package = (uint32_t)s->knowledge->n_packages - 1 };
	long line = line_of_row(s, number);
	bool native = false;
	const char *name;
	json_t *value;

	if (!json_is_object(object)) {
		refuse(s, line_of_key(s, "waits"), "element %zu of \"waits\" is no object",
		       number + 1);
		return;
	}
	json_object_foreach(object, name, value)
		take_key(s, line, name, value, &row, &native);
	if (!row.function)
		refuse(s, line, "no \"function\"");
	else if (native ? row.file != NULL : !row.file)
		refuse(s, line, native ? "a native function has no \"file\"" : "no \"file\"");
	else if (row.wait == TC_WAIT_NONE && !(row.flags & TC_KNOWN_THROUGH))
		refuse(s, line, "neither \"waits_for\" nor \"through\"");
	else if (row.callback && (!row.object || !row.members))
		refuse(s, line, "\"callback\" without \"object\" and \"members\"");
	*tc_push(s->knowledge->rows, s->knowledge->n_rows, s->knowledge->rows_room) = row;
}

/* The keys of the file itself; the rows. NULL: something is wrong. */
static const json_t *take_root(struct source *s, json_t *root, struct tc_package *package)
{
	const char *key;
	json_t *value;

	if (!json_is_object(root)) {
		refuse(s, 1, "no object");
		return NULL;
	}
	json_object_foreach(root, key, value)
		if (strcmp(key, "schema") && strcmp(key, "package") && strcmp(key, "about") &&
		    strcmp(key, "anywhere") && strcmp(key, "waits"))
			refuse(s, line_of_key(s, key), "unknown key \"%.60s\"", key);
	const char *schema = json_string_value(json_object_get(root, "schema"));
	package->name = json_string_value(json_object_get(root, "package"));
	package->anywhere = json_is_true(json_object_get(root, "anywhere"));
	const json_t *rows = json_object_get(root, "waits");
	if (!schema || strcmp(schema, SCHEMA) != 0)
		refuse(s, line_of_key(s, "schema"), "\"schema\" is not \"" SCHEMA "\"");
	if (!package->name || !*package->name)
		refuse(s, line_of_key(s, "package"), "\"package\" is no text");
	if (!json_is_array(rows))
		refuse(s, line_of_key(s, "waits"), "\"waits\" is no list");
	return s->bad ? NULL : rows;
}

int tc_knowledge_add(struct tc_knowledge *k, const char *path, const char *text, size_t size)
{
	struct source s = { .knowledge = k, .path = path, .text = text, .size = size };
	const size_t n_rows = k->n_rows, n_packages = k->n_packages;
	struct tc_package package = { 0 };
	json_error_t error;
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error), *row;
	size_t i;

	if (!root)
		refuse(&s, error.line > 0 ? error.line : 1, "%s", error.text);
	const json_t *rows = root ? take_root(&s, root, &package) : NULL;
	if (rows)
		*tc_push(k->packages, k->n_packages, k->packages_room) = package;
	json_array_foreach(rows, i, row)
		take_row(&s, i, row);
	if (s.bad) {
		k->n_rows = n_rows;
		k->n_packages = n_packages;
		json_decref(root);
		return -TC_EDATA;
	}
	*tc_push(k->files, k->n_files, k->files_room) = root;
	return 0;
}

static int cannot_read(struct tc_knowledge *k, const char *path, const char *why)
{
	struct source s = { .knowledge = k, .path = path };

	refuse(&s, 0, "%s", why);
	return -TC_EDATA;
}

static int load_file(struct tc_knowledge *k, const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = tc_array_new(FILE_BYTES_MAX + 1, 1);
	size_t size = file ? fread(text, 1, FILE_BYTES_MAX + 1, file) : 0;
	int r;

	if (!file || ferror(file))
		r = cannot_read(k, path, strerror(errno));
	else if (size > FILE_BYTES_MAX)
		r = cannot_read(k, path, "larger than 4 MiB");
	else
		r = tc_knowledge_add(k, path, text, size);
	if (file)
		fclose(file);
	free(text);
	return r;
}

static int is_json(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name);

	return size > 5 && strcmp(entry->d_name + size - 5, ".json") == 0;
}

int tc_knowledge_load(struct tc_knowledge *k, const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_json, alphasort), r = 0;

	if (n < 0)
		return errno == ENOTDIR ? load_file(k, path) :
					  cannot_read(k, path, strerror(errno));
	for (int i = 0; i < n; i++) {
		char file[4096];
		int size = snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		if (size < 0 || (size_t)size >= sizeof(file))
			r = cannot_read(k, path, "the path is too long");
		else if (load_file(k, file) < 0)
			r = -TC_EDATA;
		free(entries[i]);
	}
	free(entries);
	return r;
}

void tc_knowledge_init(struct tc_knowledge *k)
{
	*k = (struct tc_knowledge){ 0 };
	for (size_t i = 0; tc_knowledge_builtin[i].path; i++)
		tc_knowledge_add(k, tc_knowledge_builtin[i].path, tc_knowledge_builtin[i].text,
				 strlen(tc_knowledge_builtin[i].text));
}

void tc_knowledge_deinit(struct tc_knowledge *k)
{
	for (size_t i = 0; i < k->n_files; i++)
		json_decref(k->files[i]);
	free(k->files);
	free(k->rows);
	free(k->packages);
	free(k->problems);
	*k = (struct tc_knowledge){ 0 };
}
