/* SPDX-License-Identifier: Apache-2.0
 * A streaming JSON writer. Not jansson: it holds the whole document, 9 KB for each task (measured),
 * and the report of a million tasks must be written in bounded memory. */
#ifndef TC_JSON_H
#define TC_JSON_H

#include "analyzer/base/out.h"

#define TC_JSON_DEPTH 32

struct tc_json {
	struct tc_out *out;
	unsigned depth;
	bool comma[TC_JSON_DEPTH]; /* something stands at this depth already */
};

/* key is NULL inside an array. Keys are text of our own or harmless names, see tc_json_key. */
void tc_json_object(struct tc_json *json, const char *key);
/* An object whose beginning was written elsewhere, as tc_json_object and what follows would have:
 * it stays open, and something stands in it. */
void tc_json_begun(struct tc_json *json, const char *text, size_t size);
void tc_json_array(struct tc_json *json, const char *key);
void tc_json_end(struct tc_json *json, char bracket); /* '}' or ']' */
void tc_json_str(struct tc_json *json, const char *key, const char *value);
/* Foreign text. What is not UTF-8 becomes U+FFFD, a lone surrogate too. */
void tc_json_text(struct tc_json *json, const char *key, struct tc_text value);
/* Beyond INT64_MAX: as a floating-point number. */
void tc_json_u(struct tc_json *json, const char *key, uint64_t value);
void tc_json_i(struct tc_json *json, const char *key, int64_t value);
/* Not finite: the strings "nan", "inf", "-inf". */
void tc_json_f(struct tc_json *json, const char *key, double value);
void tc_json_bool(struct tc_json *json, const char *key, bool value);
void tc_json_null(struct tc_json *json, const char *key);
/* A letter and a number: "T12". */
void tc_json_id(struct tc_json *json, const char *key, char letter, uint64_t number);
void tc_json_hex(struct tc_json *json, const char *key, uint64_t value);
/* Foreign text, up to the first NUL, as the key of what comes next, which is then given the key
 * TC_JSON_KEYED. */
void tc_json_key(struct tc_json *json, struct tc_text key);
extern const char TC_JSON_KEYED[];
/* A newline between elements, for people who look at it. */
void tc_json_line(struct tc_json *json);

#endif
