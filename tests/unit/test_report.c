/* SPDX-License-Identifier: Apache-2.0
 * What is concluded from a dump: waits, groups, descriptors; and text made harmless. */
#include <check.h>
#include <stdlib.h>

#include "tests/unit/run_suite.h"
#include "analyzer/report/brief.h"
#include "tests/unit/opened.h"
#include "analyzer/facts/descriptor.h"
#include "analyzer/base/json.h"
#include "analyzer/facts/place.h"
#include "analyzer/report/report.h"

static const struct tc_task *task_named(const struct opened *o, const char *name)
{
	for (size_t i = 0; i < o->model.n_tasks; i++)
		if (!(o->model.tasks[i].flags & TC_TASK_LAZY_NAME) &&
		    tc_text_is(tc_model_string(&o->model, o->model.tasks[i].name), name))
			return &o->model.tasks[i];
	ck_abort_msg("no task %s", name);
}

static const struct {
	const char *name;
	enum tc_wait_kind wait;
	uint64_t task; /* the one task waited for */
} waits[] = {
	{ "gather", TC_WAIT_GATHER, 0 },     { "shield", TC_WAIT_SHIELD, 0 },
	{ "executor", TC_WAIT_EXECUTOR, 0 }, { "task", TC_WAIT_TASK, 0x90010000 },
	{ "beat", TC_WAIT_SLEEP, 0 },	     { "reprice-7", TC_WAIT_NONE, 0 },
	{ "over", TC_WAIT_NONE, 0 },
};

START_TEST(test_wait_is_told_by_functions_and_objects)
{
	struct opened o;
	struct tc_wait wait;

	opened_sample(&o);
	const struct tc_task *task = task_named(&o, waits[_i].name);
	tc_wait_find(&o.finder, task, &wait);
	ck_assert_str_eq(tc_wait_word(wait.kind), tc_wait_word(waits[_i].wait));
	ck_assert_uint_eq(wait.kind, tc_wait_kind_of(&o.finder, task));
	ck_assert_uint_eq(wait.task ? wait.task->addr : 0, waits[_i].task);
	opened_close(&o);
}
END_TEST

START_TEST(test_lock_is_found_in_the_local_self)
{
	struct opened o;
	struct tc_wait wait;

	opened_sample(&o);
	tc_wait_find(&o.finder, tc_model_task_at(&o.model, 0x90010100), &wait);
	ck_assert_int_eq(wait.kind, TC_WAIT_LOCK);
	ck_assert_uint_eq(wait.addr, 0x91000000);
	ck_assert_ptr_nonnull(wait.object);
	opened_close(&o);
}
END_TEST

START_TEST(test_outer_function_of_asyncio_decides)
{
	struct opened o;
	struct tc_wait wait;

	opened_sample(&o);
	tc_wait_find(&o.finder, tc_model_task_at(&o.model, 0x90030000), &wait);
	ck_assert_str_eq(tc_wait_word(wait.kind), "queue_join"); /* not the event that it uses */
	opened_close(&o);
}
END_TEST

static void count_member(void *context, const struct tc_task *task)
{
	ck_assert_ptr_nonnull(task);
	++*(unsigned *)context;
}

START_TEST(test_gather_names_its_children)
{
	struct opened o;
	struct tc_wait wait;
	unsigned n = 0;

	opened_sample(&o);
	tc_wait_find(&o.finder, task_named(&o, "gather"), &wait);
	ck_assert_uint_eq(tc_wait_members(&o.finder, &wait, 10, count_member, &n), 2);
	ck_assert_uint_eq(n, 2);
	opened_close(&o);
}
END_TEST

/* Who waits for an object, and whom it stands for, is known from either end. */
START_TEST(test_edges_lead_both_ways)
{
	struct opened o;
	struct tc_wait scratch;
	size_t n, members = 0, n_waits = 0;

	opened_sample(&o);
	const struct tc_task *task = task_named(&o, "gather");
	const struct tc_wait *wait = tc_graph_wait(&o.graph, task, &scratch);
	ck_assert_ptr_nonnull(wait->object);
	const tc_node object = tc_node_object(&o.graph, wait->object);
	const struct tc_edge *edge = tc_graph_out(&o.graph, tc_node_task(&o.graph, task), &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(edge->kind, TC_EDGE_WAITS);
	ck_assert_uint_eq(edge->to, object);
	edge = tc_graph_out(&o.graph, object, &n);
	for (size_t i = 0; i < n; i++) {
		members += edge[i].kind == TC_EDGE_MEMBER;
		ck_assert_ptr_nonnull(tc_graph_task(&o.graph, edge[i].to));
	}
	ck_assert_uint_eq(members, 2);
	for (size_t i = 0; (edge = tc_graph_in(&o.graph, object, i)); i++)
		n_waits +=
			edge->kind == TC_EDGE_WAITS && tc_graph_task(&o.graph, edge->from) == task;
	ck_assert_uint_eq(n_waits, 1);
	ck_assert_ptr_null(tc_graph_task(&o.graph, object));
	opened_close(&o);
}
END_TEST

/* Each edge is found from where it leads to, and there are no others. */
START_TEST(test_every_edge_is_found_from_its_end)
{
	struct opened o;
	size_t found = 0, nodes;

	opened_sample(&o);
	nodes = o.model.n_tasks + o.model.n_objects + o.model.n_pythreads;
	for (tc_node node = 0; node < nodes; node++) {
		const struct tc_edge *edge;
		for (size_t i = 0; (edge = tc_graph_in(&o.graph, node, i)); i++, found++)
			ck_assert_uint_eq(edge->to, node);
	}
	ck_assert_uint_gt(found, 5);
	ck_assert_uint_eq(found, o.graph.n_edges);
	opened_close(&o);
}
END_TEST

START_TEST(test_identical_chains_are_one_group)
{
	struct opened o;

	opened_sample(&o);
	const struct tc_groups *groups = &o.report.groups;
	ck_assert_uint_eq(groups->n_running, 1);
	ck_assert_uint_eq(groups->n_done, 1);
	ck_assert_uint_eq(groups->n_grouped, 11);
	ck_assert_uint_eq(groups->n, 7);
	ck_assert_uint_eq(groups->groups[0].count, 5);
	ck_assert_uint_eq(groups->groups[0].objects[0].addr, 0x91000000);
	ck_assert_uint_eq(groups->groups[0].objects[0].count, 5);
	for (size_t i = 0; i < o.model.n_tasks; i++)
		if (groups->of_task[i] != UINT32_MAX)
			ck_assert_uint_eq(groups->groups[groups->of_task[i]].chain,
					  o.model.tasks[i].chain);
	opened_close(&o);
}
END_TEST

static const struct {
	uint64_t object;
	uint32_t fd; /* 0: none */
	const char *phrase;
} fds[] = {
	{ 0x93000000, 7, "tcp 127.0.0.1:34 -> 127.0.0.1:80, 0 bytes to read, 2,304 not yet sent" },
	{ 0x93001000, 0, NULL }, /* closed: another one may have the number now */
	{ 0x93002000, 1000000, "unix: -> unix:@\\x1b[31m\\xff\\n, 0 not yet sent" },
	{ 0x93003000, 0, NULL },
	{ 0x93004000, 0, NULL }, /* not recorded */
	{ 0x93005000, 8, "pipe:[77], closed by the other end, 1 byte to read" },
	{ 0x91000000, 0, NULL },
};

START_TEST(test_object_means_a_descriptor)
{
	struct opened o;
	struct tc_out out;

	opened_sample(&o);
	const struct tc_object *object = tc_model_object_at(&o.model, fds[_i].object);
	ck_assert_ptr_nonnull(object);
	const struct tc_fd *fd = tc_object_fd(&o.model, object);
	ck_assert_uint_eq(fd ? fd->fd : 0, fds[_i].fd);
	if (fd) {
		tc_out_init_memory(&out);
		tc_fd_phrase(&out, fd);
		tc_out_raw(&out, "", 1);
		ck_assert_str_eq(out.buffer, fds[_i].phrase);
		tc_out_deinit(&out);
	}
	opened_close(&o);
}
END_TEST

START_TEST(test_descriptors_are_found_by_number)
{
	struct opened o;

	opened_sample(&o);
	ck_assert_uint_eq(o.model.n_fds, 5);
	for (size_t i = 0; i < o.model.n_fds; i++)
		ck_assert_ptr_eq(tc_model_fd(&o.model, o.model.fds[i].fd), &o.model.fds[i]);
	ck_assert_ptr_null(tc_model_fd(&o.model, 4));
	ck_assert_ptr_null(tc_model_fd(&o.model, UINT64_MAX));
	ck_assert_str_eq(tc_fd_kind(&o.model.fds[0]), "other");
	ck_assert_ptr_null(tc_fd_state(&o.model.fds[0]));
	ck_assert_str_eq(tc_fd_state(&o.model.fds[1]), "listen");
	opened_close(&o);
}
END_TEST

START_TEST(test_what_could_not_be_asked_is_said)
{
	static const struct {
		struct builder_fd fd;
		const char *phrase, *kind;
	} rows[] = {
		{ { .fd = 1, .type = 12, .what = "socket:[9]", .missing = 14 },
		  "socket:[9], addresses not known", "socket" },
		{ { .fd = 2, .type = 12, .family = 2, .socket_type = 1, .missing = 12 },
		  "tcp, addresses not known", "tcp" },
		{ { .fd = 3, .type = 12, .family = 1, .socket_type = 1, .local = "unix:",
		    .missing = 8, .unread = 1, .state = TC_FD_PEER_CLOSED },
		  "unix:, peer's address not known, closed by the other end, 0 bytes to read",
		  "unix" },
		{ { .fd = 4, .what = "/mnt/a", .missing = 1 }, "/mnt/a", "unknown" },
	};
	struct opened o;
	struct tc_out out;

	builder_init(&o.b);
	builder_head(&o.b, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		builder_fd(&o.b, &rows[i].fd);
	builder_seal(&o.b, 0, 0, 0);
	ck_assert_int_eq(tc_dump_open_bytes("sample", o.b.bytes, o.b.size, &o.dump), 0);
	tc_model_init(&o.model, &o.dump, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ck_assert_str_eq(tc_fd_kind(&o.model.fds[i]), rows[i].kind);
		tc_out_init_memory(&out);
		tc_fd_phrase(&out, &o.model.fds[i]);
		tc_out_raw(&out, "", 1);
		ck_assert_str_eq(out.buffer, rows[i].phrase);
		tc_out_deinit(&out);
	}
	tc_model_deinit(&o.model);
	tc_dump_close(&o.dump);
	builder_free(&o.b);
}
END_TEST

START_TEST(test_descriptors_of_a_forged_file_are_put_in_order)
{
	static const uint32_t numbers[] = { 9, 3, 9, UINT32_MAX, 0 };
	struct opened o;

	builder_init(&o.b);
	builder_head(&o.b, 1);
	for (size_t i = 0; i < 5; i++)
		builder_fd(&o.b, &(struct builder_fd){
					 .fd = numbers[i], .type = 200, .family = 3, .state = 77 });
	builder_seal(&o.b, 0, 0, 0);
	ck_assert_int_eq(tc_dump_open_bytes("sample", o.b.bytes, o.b.size, &o.dump), 0);
	tc_model_init(&o.model, &o.dump, NULL);
	for (size_t i = 0; i < 5; i++) {
		ck_assert_uint_eq(tc_model_fd(&o.model, numbers[i])->fd, numbers[i]);
		ck_assert_str_eq(tc_fd_kind(&o.model.fds[i]), "socket");
		ck_assert_ptr_null(tc_fd_state(&o.model.fds[i]));
	}
	tc_model_deinit(&o.model);
	tc_dump_close(&o.dump);
	builder_free(&o.b);
}
END_TEST

static const struct {
	const char *text, *want;
	unsigned max;
} texts[] = {
	{ "plain", "plain", 0 },
	{ "\033[31mred", "\\x1b[31mred", 0 },
	{ "a\r\n\tb\x7f", "a\\r\\n\\tb\\x7f", 0 },
	{ "\xe2\x80\xae"
	  "evil",
	  "\\u202eevil", 0 },
	{ "caf\xc3\xa9", "caf\xc3\xa9", 0 },
	{ "\xff\xc3", "\\xff\\xc3", 0 },
	{ "\xed\xa0\x80", "\\ud800", 0 },
	{ "\xc0\x80", "\\xc0\\x80", 0 }, /* overlong */
	{ "\xf0\x9f\x90\x8d", "\xf0\x9f\x90\x8d", 0 },
	{ "\xf3\xa0\x81\x81", "\\U000e0041", 0 },
	{ "0123456789", "01234...", 8 },
	{ "\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97", "\xe4\xb8\xad...",
	  5 }, /* wide characters take two columns */
};

START_TEST(test_foreign_text_is_made_harmless)
{
	struct tc_text text = { (const uint8_t *)texts[_i].text, strlen(texts[_i].text) };
	struct tc_out out;

	tc_out_init_memory(&out);
	tc_out_text(&out, text, texts[_i].max);
	tc_out_raw(&out, "", 1);
	ck_assert_str_eq(out.buffer, texts[_i].want);
	tc_out_deinit(&out);
}
END_TEST

/* Everything that is written can be read back. size bytes at text; lines: one document on each. */
static void read_back(const char *text, size_t size, bool lines)
{
	json_error_t error;
	size_t n;

	for (; size; text += n, size -= n) {
		const char *end = lines ? memchr(text, '\n', size) : NULL;
		n = end ? (size_t)(end - text) + 1 : size;
		json_t *root = json_loadb(text, n, JSON_ALLOW_NUL, &error);
		ck_assert_msg(root != NULL, "%s at %d", error.text, error.position);
		json_decref(root);
	}
}

START_TEST(test_json_can_be_read_back)
{
	struct opened o;
	struct tc_out out;

	opened_sample(&o);
	tc_out_init_memory(&out);
	tc_report_json(&o.report, &out);
	read_back(out.buffer, out.used, false);
	out.used = 0;
	tc_report_jsonl(&o.report, &out);
	read_back(out.buffer, out.used, true);
	tc_out_deinit(&out);
	opened_close(&o);
}
END_TEST

START_TEST(test_any_text_and_number_can_be_read_back)
{
	static const uint8_t key[] = "a\0b";
	struct tc_out out;
	struct tc_json json = { .out = &out };

	tc_out_init_memory(&out);
	tc_json_object(&json, NULL);
	tc_json_u(&json, "largest", UINT64_MAX);
	tc_json_i(&json, "smallest", INT64_MIN);
	tc_json_f(&json, "tiny", 5e-324);
	tc_json_text(&json, "surrogates",
		     (struct tc_text){ (const uint8_t *)"\xed\xa0\x80\xed\xb3\xbf", 6 });
	tc_json_text(&json, "nul", (struct tc_text){ key, 3 });
	tc_json_key(&json, (struct tc_text){ key, 3 });
	tc_json_bool(&json, TC_JSON_KEYED, true);
	tc_json_end(&json, '}');
	json_t *root = json_loadb(out.buffer, out.used, JSON_ALLOW_NUL, NULL);
	ck_assert_ptr_nonnull(root);
	ck_assert_double_eq(json_real_value(json_object_get(root, "largest")),
			    18446744073709551616.0);
	ck_assert_int_eq(json_integer_value(json_object_get(root, "smallest")), INT64_MIN);
	ck_assert_double_eq(json_real_value(json_object_get(root, "tiny")), 5e-324);
	ck_assert_str_eq(json_string_value(json_object_get(root, "surrogates")),
			 "\xef\xbf\xbd\xef\xbf\xbd");
	ck_assert_uint_eq(json_string_length(json_object_get(root, "nul")), 3);
	ck_assert(json_is_true(json_object_get(root, "a")));
	json_decref(root);
	tc_out_deinit(&out);
}
END_TEST

START_TEST(test_json_escapes)
{
	struct tc_out out;
	struct tc_json json = { .out = &out };

	tc_out_init_memory(&out);
	tc_json_array(&json, NULL);
	tc_json_str(&json, NULL, "a\"\\\n\xff\xc3\xa9\xf0\x9f\x90\x8d\xed\xb3\xbf");
	tc_json_f(&json, NULL, 0.0 / 0.0);
	tc_json_i(&json, NULL, INT64_MIN);
	tc_json_end(&json, ']');
	tc_out_raw(&out, "", 1);
	ck_assert_str_eq(out.buffer, "[\"a\\\"\\\\\\u000a\\ufffd\xc3\xa9\\ud83d\\udc0d\\ufffd\","
				     "\"nan\",-9223372036854775808]");
	tc_out_deinit(&out);
}
END_TEST

static const struct {
	double value;
	const char *want;
} numbers[] = {
	{ 4.012, "4.012" },
	{ 0.1 + 0.2, "0.30000000000000004" },
	{ 0, "0" },
	{ -1e300, "-1e+300" },
	{ 5e-324, "4.94065645841247e-324" },
	{ 1760000000.123, "1760000000.123" },
};

START_TEST(test_json_numbers_are_as_people_write_them)
{
	struct tc_out out;
	struct tc_json json = { .out = &out };

	tc_out_init_memory(&out);
	tc_json_f(&json, NULL, numbers[_i].value);
	tc_out_raw(&out, "", 1);
	ck_assert_str_eq(out.buffer, numbers[_i].want);
	ck_assert(strtod(out.buffer, NULL) == numbers[_i].value);
	tc_out_deinit(&out);
}
END_TEST

static const struct {
	const char *text, *want;
	unsigned max;
} middles[] = {
	{ "client-order-17", "client-order-17", 15 },
	{ "client-order-17", "clie...er-17", 12 },
	{ "\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97-17-of-40", "\xe4\xb8\xad\xe6\x96\x87...of-40", 12 },
	{ "0123456789", "0123...", 7 }, /* too narrow for two ends */
};

START_TEST(test_names_are_cut_in_their_middle)
{
	struct tc_text text = { (const uint8_t *)middles[_i].text, strlen(middles[_i].text) };
	struct tc_out out;

	tc_out_init_memory(&out);
	tc_out_text_middle(&out, text, middles[_i].max);
	ck_assert_uint_le(out.column, middles[_i].max);
	tc_out_raw(&out, "", 1);
	ck_assert_str_eq(out.buffer, middles[_i].want);
	tc_out_deinit(&out);
}
END_TEST

START_TEST(test_end_of_a_huge_name_is_its_end)
{
	char text[5000];
	struct tc_out out;

	memset(text, 'x', sizeof(text));
	memcpy(text + sizeof(text) - 3, "end", 3);
	tc_out_init_memory(&out);
	tc_out_text_middle(&out, (struct tc_text){ (const uint8_t *)text, sizeof(text) }, 12);
	tc_out_raw(&out, "", 1);
	ck_assert_str_eq(out.buffer, "xxxx...xxend");
	tc_out_deinit(&out);
}
END_TEST

START_TEST(test_column_keeps_words_apart)
{
	struct tc_out out;

	tc_out_init_memory(&out);
	tc_out_str(&out, "H3002");
	tc_out_column(&out, 5);
	tc_out_str(&out, "python");
	tc_out_raw(&out, "", 1);
	ck_assert_str_eq(out.buffer, "H3002 python");
	tc_out_deinit(&out);
}
END_TEST

START_TEST(test_long_line_is_folded_under_its_second_word)
{
	struct tc_out out;

	tc_out_init_memory(&out);
	out.wrap = 20;
	tc_out_str(&out, "word one two three four five");
	tc_out_newline(&out);
	tc_out_raw(&out, "", 1);
	ck_assert_str_eq(out.buffer, "word one two three\n     four five\n");
	tc_out_deinit(&out);
}
END_TEST

static const struct {
	const char *library, *path, *shorter;
	enum tc_owner owner;
} paths[] = {
	{ "", "/usr/lib/python3.11/asyncio/locks.py", "asyncio/locks.py", TC_OWNER_LIBRARY },
	{ "", "/usr/local/lib/python3.13t/asyncio/locks.py", "asyncio/locks.py", TC_OWNER_LIBRARY },
	{ "", "/venv/lib/python3.11/site-packages/aiohttp/web.py", "aiohttp/web.py",
	  TC_OWNER_PACKAGE },
	{ "", "/usr/lib/python3/dist-packages/aiohttp/web.py", "aiohttp/web.py", TC_OWNER_PACKAGE },
	{ "", "/build/Python-3.9.18/Lib/asyncio/tasks.py", "asyncio/tasks.py", TC_OWNER_LIBRARY },
	{ "", "<frozen runpy>", "<frozen runpy>", TC_OWNER_LIBRARY },
	{ "", "/srv/app/web.py", "/srv/app/web.py", TC_OWNER_USER },
	{ "", "uvloop/loop.pyx", "uvloop/loop.pyx", TC_OWNER_PACKAGE },
	{ "", "asyncpg/protocol/protocol.pyx", "asyncpg/protocol/protocol.pyx", TC_OWNER_PACKAGE },
	{ "", "/opt/python3.app/main.py", "/opt/python3.app/main.py", TC_OWNER_USER },
	{ "", "/home/me/python3.11/main.py", "/home/me/python3.11/main.py", TC_OWNER_USER },
	{ "", "/opt/venv/bin/uvicorn", "/opt/venv/bin/uvicorn", TC_OWNER_PACKAGE },
	{ "", "/opt/bin/serve.py", "/opt/bin/serve.py", TC_OWNER_USER },
	{ "/x/python311.zip/", "/x/python311.zip/ssl.py", "ssl.py", TC_OWNER_LIBRARY },
	{ "/usr/lib/python3.11/", "/srv/Lib/web.py", "/srv/Lib/web.py", TC_OWNER_USER },
	{ "/usr/lib/python3.11/", "/usr/lib/python3.11/site-packages/a/b.py", "a/b.py",
	  TC_OWNER_PACKAGE },
	{ "/usr/lib/python3.11/", "main.py", "main.py", TC_OWNER_USER },
	{ "/usr/lib/python3.11/", "asyncio/own.py", "asyncio/own.py", TC_OWNER_USER },
	{ "frozen", "asyncio/tasks.py", "asyncio/tasks.py", TC_OWNER_LIBRARY },
	{ "frozen", "main.py", "main.py", TC_OWNER_USER },
	{ "frozen", "/srv/app.pyz/main.py", "/srv/app.pyz/main.py", TC_OWNER_USER },
};

START_TEST(test_path_tells_whose_code_it_is)
{
	struct tc_text path = { (const uint8_t *)paths[_i].path, strlen(paths[_i].path) };
	struct tc_model model = { .frozen = strcmp(paths[_i].library, "frozen") == 0 };

	if (!model.frozen)
		model.library = (struct tc_text){ (const uint8_t *)paths[_i].library,
						  strlen(paths[_i].library) };
	ck_assert_int_eq(tc_place_owner(&model, path), paths[_i].owner);
	ck_assert(
		tc_text_is(tc_place_short(&model, (struct tc_text){ 0 }, path), paths[_i].shorter));
}
END_TEST

/* Chains in letters, outermost first: u and v own code, a and b packages, l the library, n without
 * code. Capitals are the links that a page shows. */
static const char *const briefs[] = {
	"UABLN",	    /* short enough */
	"UaaaaaaaAL",	    /* what own code calls last */
	"UuuuUUUUL",	    /* own code only */
	"UUUAUaaaauUUaaL",  /* own code, with packages between */
	"AaaaaaAAAAL",	    /* an application in site-packages */
	"AaaaAbbbbBBAlllL", /* who calls whom */
	"AAABaaAAL",	    /* no gap of one frame */
	"LlllllLLLL",	    /* nothing but the library */
	"NnnnnnNNNN",
	"UuuuUvvvVVVN",	    /* a zipapp: all is own code */
	"llllLA",	    /* one line alone says too little */
};

static uint32_t link_of(struct builder *b, uint32_t parent, char letter, uint32_t codes[256])
{
	if (letter == 'n')
		return builder_link(b, parent, TC_FRAME_NATIVE_CORO, 0, 0);
	return builder_link(b, parent, TC_FRAME_CORO, codes[(unsigned char)letter], 7);
}

START_TEST(test_brief_chain_can_be_read)
{
	const char *want = briefs[_i];
	struct builder b;
	struct tc_dump dump;
	struct tc_model model;
	struct tc_links_list list = { 0 };
	uint32_t codes[256] = { 0 }, chain = 0;
	const struct tc_text root = { (const uint8_t *)"/srv/app/", 9 };
	char got[32] = "";

	builder_init(&b);
	builder_head(&b, 1);
	codes['u'] = builder_code(&b, "f", "/srv/app/main.py", "");
	codes['v'] = builder_code(&b, "f", "/srv/app/orm/x.py", "");
	codes['a'] = builder_code(&b, "f", "/usr/lib/python3.11/site-packages/a/x.py", "");
	codes['b'] = builder_code(&b, "f", "/usr/lib/python3.11/site-packages/b/x.py", "");
	codes['l'] = builder_code(&b, "f", "/usr/lib/python3.11/asyncio/locks.py", "");
	for (const char *at = want; *at; at++)
		chain = link_of(&b, chain, (char)(*at | 0x20), codes);
	builder_seal(&b, 0, 0, 0);
	ck_assert_int_eq(tc_dump_open_bytes("sample", b.bytes, b.size, &dump), 0);
	tc_model_init(&model, &dump, NULL);
	size_t n = tc_place_list(&model, chain, 1000, &list);
	ck_assert_uint_eq(n, strlen(want));
	const bool *shown = tc_brief_choose(&model, root, &list, n, 0);
	for (size_t i = 0; i < n; i++)
		got[i] = (char)(shown[i] ? want[i] & ~0x20 : want[i] | 0x20);
	ck_assert_str_eq(got, want);
	free(list.ids);
	tc_model_deinit(&model);
	tc_dump_close(&dump);
	builder_free(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("report");
	TCase *c = tcase_create("report");

	tcase_add_loop_test(c, test_wait_is_told_by_functions_and_objects, 0, ROWS(waits));
	tcase_add_test(c, test_edges_lead_both_ways);
	tcase_add_test(c, test_every_edge_is_found_from_its_end);
	tcase_add_test(c, test_lock_is_found_in_the_local_self);
	tcase_add_test(c, test_outer_function_of_asyncio_decides);
	tcase_add_test(c, test_gather_names_its_children);
	tcase_add_test(c, test_identical_chains_are_one_group);
	tcase_add_loop_test(c, test_object_means_a_descriptor, 0, ROWS(fds));
	tcase_add_test(c, test_descriptors_are_found_by_number);
	tcase_add_test(c, test_what_could_not_be_asked_is_said);
	tcase_add_test(c, test_descriptors_of_a_forged_file_are_put_in_order);
	tcase_add_loop_test(c, test_foreign_text_is_made_harmless, 0, ROWS(texts));
	tcase_add_test(c, test_json_escapes);
	tcase_add_test(c, test_json_can_be_read_back);
	tcase_add_test(c, test_any_text_and_number_can_be_read_back);
	tcase_add_loop_test(c, test_json_numbers_are_as_people_write_them, 0, ROWS(numbers));
	tcase_add_loop_test(c, test_names_are_cut_in_their_middle, 0, ROWS(middles));
	tcase_add_test(c, test_end_of_a_huge_name_is_its_end);
	tcase_add_test(c, test_column_keeps_words_apart);
	tcase_add_test(c, test_long_line_is_folded_under_its_second_word);
	tcase_add_loop_test(c, test_brief_chain_can_be_read, 0, ROWS(briefs));
	tcase_add_loop_test(c, test_path_tells_whose_code_it_is, 0, ROWS(paths));
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
