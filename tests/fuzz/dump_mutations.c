/* SPDX-License-Identifier: Apache-2.0
 * Dumps cut at every byte, with flipped bits, and with lying contents under right checksums:
 * nothing may crash, hang or grow. To be built with ASan and UBSan. "dump_mutations [N]": N random
 * cases (default 3000) after the cuts. Prints TAP. */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/builder.h"
#include "analyzer/report/check.h"
#include "lib/format/crc32c.h"
#include "analyzer/report/report.h"

static uint64_t seed = 0x9e3779b97f4a7c15ull;
static uint64_t n_read, n_refused, most_output;
static struct tc_knowledge knowledge;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void show_some(const struct tc_report *report, struct tc_out *out)
{
	static const char *const items[] = { "T1", "T2", "T12", "L1", "L2", "O1", "O6",
					     "H1", "H4", "G1",	"G7", "X",  "T",  "T999" };

	for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++)
		tc_report_show(report, items[i], out);
}

/* Whatever the dump says, the report is JSON. */
static void read_back(const char *text, size_t size)
{
	json_error_t error;
	json_t *root =
		size < 10u << 20 ? json_loadb(text, size, JSON_ALLOW_NUL, &error) : json_null();

	if (!root) {
		printf("not ok - the JSON of a damaged dump cannot be read back: %s\n", error.text);
		exit(1);
	}
	json_decref(root);
}

static void render_all(struct tc_model *model, bool all)
{
	const struct tc_options options = { .width = 100, .all = all, .source_root = "/nowhere" };
	struct tc_waits links;
	struct tc_graph graph;
	struct tc_report report;
	struct tc_out out;

	tc_waits_init(&links, model, &knowledge);
	tc_graph_init(&graph, &links, next_random() & 1);
	tc_report_init(&report, model, &graph, &options, true);
	tc_out_init_memory(&out);
	tc_report_json(&report, &out);
	read_back(out.buffer, out.used);
	tc_report_text(&report, &out);
	tc_report_jsonl(&report, &out);
	tc_report_canonical(&report, &out);
	show_some(&report, &out);
	if (out.used > most_output)
		most_output = out.used;
	tc_out_deinit(&out);
	tc_report_deinit(&report);
	tc_graph_deinit(&graph);
	tc_waits_deinit(&links);
}

/* Read and render one file, from memory of exactly its size, so that a byte too far is found. */
static void try_bytes(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct tc_dump dump;
	struct tc_model model;
	struct tc_out out;

	memcpy(copy, bytes, size);
	tc_out_init_memory(&out);
	if (tc_dump_open_bytes("sample", copy, size, &dump) < 0) {
		tc_check_refusal(&dump, &out);
		n_refused++;
	} else {
		tc_model_init(&model, &dump, NULL);
		tc_check(&model, &out);
		render_all(&model, next_random() & 1);
		tc_model_deinit(&model);
		n_read++;
	}
	tc_dump_close(&dump);
	tc_out_deinit(&out);
	free(copy);
}

/* Make the checksums of all chunks right again, so that what is in them is believed. */
static void mend(uint8_t *bytes, size_t size)
{
	size_t at = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);

	while (at + 24 + sizeof(struct tc_chunk) <= size) {
		uint32_t chunk_size, crc;
		memcpy(&chunk_size, bytes + at + 4, 4);
		if (chunk_size < sizeof(struct tc_chunk) || chunk_size > size - at - 24)
			return;
		crc = tc_crc32c(bytes + at + 24 + TC_CHUNK_SUMMED,
				 chunk_size - TC_CHUNK_SUMMED);
		memcpy(bytes + at + 24, &crc, 4);
		at += 24 + ((chunk_size + 3) & ~3u);
	}
}

static void mutate(uint8_t *bytes, size_t size)
{
	unsigned n = 1 + next_random() % 6;

	for (unsigned i = 0; i < n; i++) {
		size_t at = next_random() % size;
		switch (next_random() % 5) {
		case 0:
			bytes[at] ^= (uint8_t)(1u << next_random() % 8);
			break;
		case 1:
			bytes[at] = 0xff;
			break;
		case 2:
			bytes[at] = (uint8_t)next_random();
			break;
		case 3:
			bytes[at] = 0;
			break;
		case 4: {
			size_t from = next_random() % size, room = size - (at > from ? at : from);
			memmove(bytes + at, bytes + from, room < 40 ? room : 40);
			break;
		}
		}
	}
}

static void random_cases(const struct builder *b, unsigned n)
{
	uint8_t *bytes = malloc(b->size);

	for (unsigned i = 0; i < n; i++) {
		memcpy(bytes, b->bytes, b->size);
		mutate(bytes, b->size);
		if (next_random() % 4)
			mend(bytes, b->size);
		try_bytes(bytes, i % 16 ? b->size : next_random() % b->size);
	}
	free(bytes);
}

/* Thousands of tasks that share a chain of thousands of links: 200 million links in 170 kB. */
static void long_chain(void)
{
	struct builder b;
	uint32_t chain = 0;

	builder_init(&b);
	builder_head(&b, 1);
	uint32_t code = builder_code(&b, "deeper", "/srv/app/deep.py", "");
	uint32_t type = builder_type(&b, "Task", "_asyncio", TC_TYPE_TASK);
	uint32_t loop = builder_loop(&b, 0x7000, "Loop");
	for (int i = 0; i < 14000; i++)
		chain = builder_link(&b, chain, TC_FRAME_CORO, code, 0);
	for (uint64_t i = 0; i < 14000; i++)
		builder_task(&b, &(struct builder_task){ .addr = 0x10000 + 16 * i,
							 .type = type,
							 .loop = loop,
							 .chain = chain });
	builder_seal(&b, 14000, 0, 0);
	try_bytes(b.bytes, b.size);
	builder_free(&b);
}

/* A write into the guard below a stack. */
static const struct builder_crash fault = {
	.signal = 11,
	.tid = 100,
	.flags = TC_CRASH_ADDRESS | TC_CRASH_WRITE,
	.code = 2,
	.address = 0x7e0000000ff8,
	.start = 0x7e0000000000,
	.end = 0x7e0000001000,
	.path = "/a/b (deleted)",
	.below = 0x600000000000,
	.above = 0x7e0000001000,
	.sp = 0x7e0000001010,
	.stack_start = 0x7e0000001000,
	.stack_end = 0x7e0000801000,
};

int main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 3000;
	struct builder sample, many, orphans, crash, bare;

	builder_init(&sample);
	builder_sample(&sample);
	builder_init(&many);
	builder_many(&many, 60);
	builder_init(&orphans);
	builder_orphans(&orphans, 8);
	builder_init(&crash);
	crash.crash = &fault;
	builder_sample(&crash);
	builder_init(&bare);
	bare.crash = &fault;
	builder_head(&bare, 2);
	builder_seal(&bare, 0, 0, 0);
	tc_knowledge_init(&knowledge);
	printf("1..3\n");
	for (size_t size = 0; size <= sample.size; size++)
		try_bytes(sample.bytes, size);
	printf("ok 1 - cut at each of %zu bytes\n", sample.size);
	random_cases(&sample, n);
	random_cases(&many, n / 10);
	random_cases(&orphans, n / 2);
	random_cases(&crash, n / 4);
	random_cases(&bare, n / 4);
	printf("ok 2 - %u random changes: %lu read, %lu refused\n", n + n / 10 + 2 * (n / 2),
	       (unsigned long)n_read, (unsigned long)n_refused);
	long_chain();
	printf("%s 3 - no output is absurd: at most %lu bytes\n",
	       most_output < 1u << 30 ? "ok" : "not ok", (unsigned long)most_output);
	builder_free(&sample);
	builder_free(&many);
	builder_free(&orphans);
	builder_free(&crash);
	builder_free(&bare);
	tc_knowledge_deinit(&knowledge);
	return most_output < 1u << 30 ? 0 : 1;
}
