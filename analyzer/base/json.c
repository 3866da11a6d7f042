/* SPDX-License-Identifier: Apache-2.0
 * The streaming JSON writer. */
#include "analyzer/base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"

const char TC_JSON_KEYED[] = "";

/* A lone surrogate is no character: some readers refuse a whole file for \udc80 in it (jansson,
 * serde). */
static bool is_surrogate(uint32_t code)
{
	return code >= 0xd800 && code <= 0xdfff;
}

static void quoted(struct tc_out *out, struct tc_text text)
{
	static const bool as_it_is[256] = {
		[0x20 ... '"' - 1] = true,
		['"' + 1 ... '\\' - 1] = true,
		['\\' + 1 ... 0x7e] = true,
	};
	size_t plain = 0; /* start of the bytes that need no care */

	tc_out_raw(out, "\"", 1);
	for (size_t at = 0; at < text.size;) {
		char piece[16];
		uint32_t code = text.at[at];
		size_t n = 1;
		if (as_it_is[code]) {
			at++;
			continue;
		}
		if (code >= 0x80)
			n = tc_utf8_next(text.at + at, text.size - at, &code);
		if (code >= 0x80 && code < 0x10000 && !tc_utf8_hostile(code)) {
			at += n;
			continue;
		}
		tc_out_raw(out, (const char *)text.at + plain, at - plain);
		if (code == '"' || code == '\\')
			snprintf(piece, sizeof(piece), "\\%c", (char)code);
		else if (code == TC_BAD_BYTE || is_surrogate(code))
			snprintf(piece, sizeof(piece), "\\ufffd");
		else if (code >= 0x10000)
			snprintf(piece, sizeof(piece), "\\u%04x\\u%04x",
				 0xd800 + ((code - 0x10000) >> 10), 0xdc00 + (code & 0x3ff));
		else
			snprintf(piece, sizeof(piece), "\\u%04x", code);
		tc_out_str(out, piece);
		at += n;
		plain = at;
	}
	tc_out_raw(out, (const char *)text.at + plain, text.size - plain);
	tc_out_raw(out, "\"", 1);
}

static void begin(struct tc_json *json, const char *key)
{
	if (key == TC_JSON_KEYED)
		return;
	if (json->comma[json->depth])
		tc_out_raw(json->out, ",", 1);
	json->comma[json->depth] = true;
	if (key) {
		tc_out_raw(json->out, "\"", 1);
		tc_out_str(json->out, key);
		tc_out_raw(json->out, "\":", 2);
	}
}

static void open_bracket(struct tc_json *json, const char *key, const char *bracket)
{
	begin(json, key);
	tc_out_str(json->out, bracket);
	json->depth++;
	json->comma[json->depth] = false;
}

void tc_json_object(struct tc_json *json, const char *key)
{
	open_bracket(json, key, "{");
}

void tc_json_begun(struct tc_json *json, const char *text, size_t size)
{
	open_bracket(json, NULL, "");
	tc_out_raw(json->out, text, size);
	json->comma[json->depth] = true;
}

void tc_json_array(struct tc_json *json, const char *key)
{
	open_bracket(json, key, "[");
}

void tc_json_end(struct tc_json *json, char bracket)
{
	json->depth--;
	tc_out_raw(json->out, &bracket, 1);
}

void tc_json_text(struct tc_json *json, const char *key, struct tc_text value)
{
	begin(json, key);
	quoted(json->out, value);
}

void tc_json_str(struct tc_json *json, const char *key, const char *value)
{
	tc_json_text(json, key, (struct tc_text){ (const uint8_t *)value, strlen(value) });
}

void tc_json_u(struct tc_json *json, const char *key, uint64_t value)
{
	if (value > INT64_MAX) { /* more than many readers' integers hold */
		tc_json_f(json, key, (double)value);
		return;
	}
	begin(json, key);
	tc_out_u(json->out, value);
}

void tc_json_i(struct tc_json *json, const char *key, int64_t value)
{
	begin(json, key);
	if (value < 0)
		tc_out_raw(json->out, "-", 1);
	tc_out_u(json->out, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

/* As people write it: 4.012, not 4.0119999999999996. 17 digits always read back the same. */
static const char *shortest(double value, char text[32])
{
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, 32, "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	return text;
}

void tc_json_f(struct tc_json *json, const char *key, double value)
{
	char text[32];

	if (!isfinite(value)) {
		tc_json_str(json, key, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
		return;
	}
	begin(json, key);
	tc_out_str(json->out, shortest(value, text));
}

void tc_json_bool(struct tc_json *json, const char *key, bool value)
{
	begin(json, key);
	tc_out_str(json->out, value ? "true" : "false");
}

void tc_json_null(struct tc_json *json, const char *key)
{
	begin(json, key);
	tc_out_str(json->out, "null");
}

void tc_json_id(struct tc_json *json, const char *key, char letter, uint64_t number)
{
	begin(json, key);
	tc_out_raw(json->out, "\"", 1);
	tc_out_raw(json->out, &letter, 1);
	tc_out_u(json->out, number);
	tc_out_raw(json->out, "\"", 1);
}

void tc_json_hex(struct tc_json *json, const char *key, uint64_t value)
{
	begin(json, key);
	tc_out_printf(json->out, "\"0x%" PRIx64 "\"", value);
}

void tc_json_key(struct tc_json *json, struct tc_text key)
{
	/* jansson takes no NUL in a key. */
	const uint8_t *nul = key.size ? memchr(key.at, 0, key.size) : NULL;

	if (nul)
		key.size = (size_t)(nul - key.at);
	begin(json, NULL);
	quoted(json->out, key);
	tc_out_raw(json->out, ":", 1);
}

void tc_json_line(struct tc_json *json)
{
	tc_out_newline(json->out);
}
