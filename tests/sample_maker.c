/* SPDX-License-Identifier: Apache-2.0
 * Writes dumps for tests and measurements: "sample_maker DIR" the good and bad samples,
 * "sample_maker FILE N" one of N tasks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/builder.h"

static void write_file(const char *dir, const char *name, const void *bytes, size_t size)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s%s%s", dir, *name ? "/" : "", name);
	FILE *file = fopen(path, "wb");
	if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

/* The sample with one byte changed. */
static void write_flipped(const char *dir, const char *name, const struct builder *b, size_t at)
{
	b->bytes[at] ^= 0x20;
	write_file(dir, name, b->bytes, b->size);
	b->bytes[at] ^= 0x20;
}

/* A read near NULL. */
static const struct builder_crash fault = {
	.signal = 11,
	.tid = 100,
	.flags = TC_CRASH_ADDRESS,
	.code = 1,
	.address = 0x18,
	.above = 0x400000,
};

static void write_samples(const char *dir)
{
	struct builder b;

	builder_init(&b);
	builder_sample(&b);
	write_file(dir, "good-service.tcore", b.bytes, b.size);
	write_file(dir, "bad-cut-in-head.tcore", b.bytes, 200);
	write_file(dir, "bad-cut-in-records.tcore", b.bytes, b.size - 700);
	write_file(dir, "bad-cut-before-status.tcore", b.bytes, b.size - 150);
	write_flipped(dir, "bad-head-checksum.tcore", &b, 300);
	write_flipped(dir, "bad-records-checksum.tcore", &b, b.tail + 400);
	write_flipped(dir, "bad-note-size.tcore", &b, b.tail + 5);
	write_flipped(dir, "bad-magic.tcore", &b, 1);
	builder_free(&b);
	builder_init(&b);
	b.crash = &fault;
	builder_sample(&b);
	write_file(dir, "good-crash.tcore", b.bytes, b.size);
	builder_free(&b);
	builder_init(&b);
	builder_head(&b, 1);
	builder_seal(&b, 0, 0, 0);
	write_file(dir, "good-empty.tcore", b.bytes, b.size);
	builder_free(&b);
}

int main(int argc, char **argv)
{
	struct builder b;

	if (argc == 2) {
		write_samples(argv[1]);
		return 0;
	}
	if (argc != 3) {
		fprintf(stderr, "usage: sample_maker DIR | FILE N\n");
		return 2;
	}
	builder_init(&b);
	builder_many(&b, strtoul(argv[2], NULL, 10));
	write_file(argv[1], "", b.bytes, b.size);
	builder_free(&b);
	return 0;
}
