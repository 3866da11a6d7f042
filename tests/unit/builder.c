/* SPDX-License-Identifier: Apache-2.0
 * Dump files in memory. */
#include "tests/unit/builder.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/format/crc32c.h"

#define HEAD_NOTES \
	120 /* offset: after the ELF header and one program header; the second one is put behind */

static void append(struct builder *b, const void *bytes, size_t size)
{
	while (b->size + size > b->room) {
		b->room = b->room ? b->room * 2 : 1u << 16;
		b->bytes = realloc(b->bytes, b->room);
		if (!b->bytes)
			abort();
	}
	if (bytes)
		memcpy(b->bytes + b->size, bytes, size);
	else
		memset(b->bytes + b->size, 0, size);
	b->size += size;
}

void builder_mend(uint8_t *chunk, size_t size)
{
	uint32_t crc = tc_crc32c(chunk + TC_CHUNK_SUMMED, size - TC_CHUNK_SUMMED);

	memcpy(chunk, &crc, sizeof(crc));
}

/* The header with the words that a later version might have more. */
static void widen(struct builder *b, size_t at, const struct tc_chunk *head)
{
	struct tc_chunk wide = *head;
	uint32_t word = 77;

	wide.header_size += 4 * b->more_words;
	wide.n_tables += b->more_tables;
	append(b, &wide, sizeof(wide));
	for (uint32_t i = 0; i < b->more_words; i++)
		append(b, &word, sizeof(word));
	append(b, b->rec.buf + sizeof(wide), b->rec.used - sizeof(wide));
	builder_mend(b->bytes + at, b->size - at);
}

/* Called by lib/format/record.c for each chunk. */
static int take_chunk(struct tc_sink *sink, enum tc_note note, const void *chunk, size_t size)
{
	struct builder *b = (struct builder *)((char *)sink - offsetof(struct builder, sink));
	size_t whole = size + 4 * b->more_words;
	Elf64_Nhdr head = { .n_namesz = TC_NOTE_OWNER_SIZE,
			    .n_descsz = (Elf64_Word)whole,
			    .n_type = note };

	append(b, &head, sizeof(head));
	append(b, TC_NOTE_OWNER "\0\0\0", 12);
	if (b->more_words)
		widen(b, b->size, chunk);
	else
		append(b, chunk, size);
	append(b, NULL, -whole & 3);
	return 0;
}

void builder_init(struct builder *b)
{
	memset(b, 0, sizeof(*b));
	b->sink.chunk = take_chunk;
	tc_records_init(&b->rec, malloc(TC_RECORDS_BUFFER), &b->sink, 0);
	append(b, NULL, sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr));
}

void builder_free(struct builder *b)
{
	free(b->rec.buf);
	free(b->bytes);
}

static void put_text(struct builder *b, const char *text)
{
	tc_put_b(&b->rec, text, strlen(text));
}

static void headers(struct builder *b, size_t head_at, size_t head_size)
{
	Elf64_Ehdr ehdr = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(ehdr),
		.e_ehsize = sizeof(ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	Elf64_Phdr phdrs[2] = {
		{ .p_type = PT_NOTE, .p_offset = head_at, .p_filesz = head_size },
		{ .p_type = PT_NOTE, .p_offset = head_at + head_size },
	};
	memcpy(b->bytes, &ehdr, sizeof(ehdr));
	memcpy(b->bytes + sizeof(ehdr), phdrs, sizeof(phdrs));
	b->tail = head_at + head_size;
}

static void crash_record(struct builder *b)
{
	const struct builder_crash *crash = b->crash;

	tc_record_begin(&b->rec, TC_REC_CRASH);
	tc_put_u(&b->rec, crash->tid);
	tc_put_u(&b->rec, crash->flags);
	tc_put_s(&b->rec, crash->code);
	tc_put_u(&b->rec, crash->address);
	tc_put_u(&b->rec, crash->start);
	tc_put_u(&b->rec, crash->end);
	tc_put_u(&b->rec, crash->access);
	put_text(b, crash->path ? crash->path : "");
	tc_put_u(&b->rec, crash->below);
	tc_put_u(&b->rec, crash->above);
	tc_put_u(&b->rec, crash->handler);
	tc_record_end(&b->rec);
}

/* What the threads of builder_head are in. */
static void module_record(struct builder *b)
{
	tc_record_begin(&b->rec, TC_REC_MODULE);
	tc_put_u(&b->rec, 0x7f0000000000);
	tc_put_u(&b->rec, 0x7f0000100000);
	for (int i = 0; i < 4; i++) /* device, inode, mtime, size */
		tc_put_u(&b->rec, 1);
	put_text(b, "build-id");
	put_text(b, "/srv/orders/_native.so");
	tc_record_end(&b->rec);
}

/* The thread that took a fatal signal: its registers are those of that moment. */
static void crashed_thread(struct builder *b, unsigned i)
{
	const struct builder_crash *crash = b->crash;

	tc_put_u(&b->rec, 'R');
	tc_put_u(&b->rec, TC_REGS_CONTEXT);
	tc_put_u(&b->rec, 0x7f0000001000 + i);
	tc_put_u(&b->rec, crash->sp);
	for (unsigned n = 0; n < 9; n++) /* system call, its arguments, times */
		tc_put_u(&b->rec, 0);
	put_text(b, "");
	tc_put_u(&b->rec, 0); /* flags */
	tc_put_u(&b->rec, crash->stack_start);
	tc_put_u(&b->rec, crash->stack_end);
	tc_record_end(&b->rec);
}

static void thread_record(struct builder *b, unsigned i)
{
	static const uint64_t calls[] = { 230, 232, 202 }; /* clock_nanosleep, epoll_wait, futex */
	char name[32];

	snprintf(name, sizeof(name), i < 2 ? "python3" : "pool-%u", i);
	tc_record_begin(&b->rec, TC_REC_THREAD);
	tc_put_u(&b->rec, 100 + i);
	tc_put_u(&b->rec, 100 + i);
	put_text(b, name);
	if (b->crash && i == 0) {
		crashed_thread(b, i);
		return;
	}
	tc_put_u(&b->rec, 'S');
	tc_put_u(&b->rec, TC_REGS_SYSCALL);
	tc_put_u(&b->rec, 0x7f0000001000 + i);
	tc_put_u(&b->rec, 0x7ffc00000000 + i);
	tc_put_u(&b->rec, calls[i < 2 ? i : 2] + 1);
	for (unsigned arg = 0; arg < 6; arg++)
		tc_put_u(&b->rec, arg == 3 ? 0xffffffff : arg);
	tc_put_u(&b->rec, 1000000);
	tc_put_u(&b->rec, 2000000);
	put_text(b, "");
	tc_record_end(&b->rec);
}

/* Its threads stood where they are while they were read. */
static void look_record(struct builder *b, unsigned i)
{
	tc_record_begin(&b->rec, TC_REC_LOOK);
	tc_put_u(&b->rec, 100 + i);
	tc_put_u(&b->rec, 0);
	tc_put_u(&b->rec, 'S');
	tc_record_end(&b->rec);
}

void builder_head(struct builder *b, unsigned n_threads)
{
	size_t at = b->size;

	tc_record_begin(&b->rec, TC_REC_HEAD);
	for (int i = 0; i < 5; i++) /* pid, its own, parent, uid, gid */
		tc_put_u(&b->rec, i < 2 ? 100 : 1);
	put_text(b, b->crash ? "segv" : "attach");
	tc_put_u(&b->rec, b->crash ? b->crash->signal : 0);
	tc_put_u(&b->rec, b->crash ? b->crash->sender_pid : 0);
	tc_put_u(&b->rec, b->crash ? b->crash->sender_uid : 0);
	tc_put_u(&b->rec, 1795141451123000000);
	tc_put_u(&b->rec, 1000000000000);
	tc_put_u(&b->rec, 1000000000000);
	tc_put_u(&b->rec, 500000000000);
	put_text(b, "/usr/bin/python3");
	tc_put_b(&b->rec, "python3\0-m\0orders\0", 18);
	put_text(b, "web-07");
	put_text(b, "6.1.0");
	put_text(b, "taskcore 0.1.0");
	tc_put_u(&b->rec, TC_HEAD_OUTSIDE);
	tc_put_u(&b->rec, 'S');
	tc_put_u(&b->rec, 4096);
	put_text(b, "/");
	tc_put_u(&b->rec, 0); /* cookie */
	tc_put_u(&b->rec, b->features);
	tc_record_end(&b->rec);
	if (b->crash) {
		crash_record(b);
		module_record(b);
	}
	for (unsigned i = 0; i < n_threads; i++)
		thread_record(b, i);
	tc_records_flush(&b->rec, TC_NOTE_HEAD);
	headers(b, at, b->size - at);
	for (unsigned i = 0; i < n_threads; i++)
		look_record(b, i);
}

void builder_seal(struct builder *b, uint64_t found, uint64_t torn, uint64_t cut)
{
	const uint64_t fields[] = {
		found, found - torn - cut, torn, cut, 0, 0, 0, 0, 0, 0, 31000000
	};

	tc_records_flush(&b->rec, TC_NOTE_RECORDS);
	tc_record_begin(&b->rec, TC_REC_STATUS);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		tc_put_u(&b->rec, fields[i]);
	tc_put_u(&b->rec, 0);
	tc_record_end(&b->rec);
	tc_records_flush(&b->rec, TC_NOTE_STATUS);
	uint64_t size = b->size - b->tail;
	memcpy(b->bytes + sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_filesz),
	       &size, 8);
}

uint32_t builder_string(struct builder *b, const char *text)
{
	uint32_t id = 0;

	tc_record_begin(&b->rec, TC_REC_STRING);
	tc_put_u(&b->rec, TC_STR_CODE);
	tc_put_raw(&b->rec, text, strlen(text));
	tc_record_define(&b->rec, TC_TAB_STRING, &id);
	return id;
}

uint32_t builder_word(struct builder *b, const char *word, size_t length)
{
	struct builder_word *next = &b->words[b->n_words];

	for (size_t i = 0; i < b->n_words; i++)
		if (strlen(b->words[i].text) == length &&
		    memcmp(b->words[i].text, word, length) == 0)
			return b->words[i].id;
	memcpy(next->text, word, length);
	next->text[length] = 0;
	next->id = builder_string(b, next->text);
	b->n_words++;
	return next->id;
}

uint32_t builder_type(struct builder *b, const char *name, const char *module, unsigned flags)
{
	uint32_t id = 0, name_id = builder_string(b, name), module_id = builder_string(b, module);

	tc_record_begin(&b->rec, TC_REC_TYPE);
	tc_put_u(&b->rec, 0x1000 + name_id);
	tc_put_u(&b->rec, name_id);
	tc_put_u(&b->rec, module_id);
	tc_put_u(&b->rec, flags);
	tc_record_define(&b->rec, TC_TAB_TYPE, &id);
	return id;
}

uint32_t builder_code(struct builder *b, const char *qualname, const char *file, const char *names)
{
	const char *dot = strrchr(qualname, '.');
	uint32_t id = 0, ids[16], n = 0;
	uint32_t name = builder_string(b, dot ? dot + 1 : qualname),
		 full = builder_string(b, qualname);
	uint32_t path = builder_string(b, file);

	while (*names && n < 16) {
		char word[64];
		int size = (int)strcspn(names, " ");
		snprintf(word, sizeof(word), "%.*s", size, names);
		ids[n++] = builder_string(b, word);
		names += size + (names[size] == ' ');
	}
	tc_record_begin(&b->rec, TC_REC_CODE);
	const uint32_t fields[] = { 0x2000 + name, name, full, path, 1, 0x80, n };
	for (size_t i = 0; i < 7; i++)
		tc_put_u(&b->rec, fields[i]);
	for (uint32_t i = 0; i < n; i++)
		tc_put_u(&b->rec, ids[i]);
	tc_record_define(&b->rec, TC_TAB_CODE, &id);
	return id;
}

uint32_t builder_link(struct builder *b, uint32_t parent, unsigned kind, uint32_t code,
		      unsigned line)
{
	uint32_t site = code, id = 0;

	if (line) {
		tc_record_begin(&b->rec, TC_REC_SITE);
		const uint32_t fields[] = { code, 2 * line, line, 5, line, 20 };
		for (size_t i = 0; i < 6; i++)
			tc_put_u(&b->rec, fields[i]);
		tc_record_define(&b->rec, TC_TAB_SITE, &site);
	}
	tc_record_begin(&b->rec, TC_REC_CHAIN);
	const uint32_t fields[] = { parent, kind, site, TC_RUNTIME_CPYTHON, 0 };
	for (size_t i = 0; i < 5; i++)
		tc_put_u(&b->rec, fields[i]);
	tc_record_define(&b->rec, TC_TAB_CHAIN, &id);
	return id;
}

uint32_t builder_loop(struct builder *b, uint64_t addr, const char *type)
{
	uint32_t type_id = builder_type(b, type, "asyncio.unix_events", TC_TYPE_HEAP), id = 0;

	tc_record_begin(&b->rec, TC_REC_LOOPREF);
	tc_put_u(&b->rec, addr);
	tc_put_u(&b->rec, type_id);
	tc_record_define(&b->rec, TC_TAB_LOOP, &id);
	return id;
}

uint32_t builder_interp(struct builder *b, uint32_t version)
{
	uint32_t layout = builder_string(b, "static"), name = builder_string(b, "CPython"), id = 0;

	tc_record_begin(&b->rec, TC_REC_INTERP);
	const uint32_t fields[] = { 0x3000, 0, TC_RUNTIME_CPYTHON, version, 0, layout, name };
	for (size_t i = 0; i < 7; i++)
		tc_put_u(&b->rec, fields[i]);
	tc_record_define(&b->rec, TC_TAB_INTERP, &id);
	return id;
}

void builder_task(struct builder *b, const struct builder_task *task)
{
	uint32_t flags = task->flags, name = 0;

	if (task->name)
		name = builder_string(b, task->name);
	else
		flags |= TC_TASK_LAZY_NAME;
	if (!task->leaf)
		flags |= TC_TASK_NO_WAITER;
	b->task = task->leaf ? task->leaf : task->addr;
	tc_record_begin(&b->rec, TC_REC_TASK);
	if (task->leaf)
		tc_record_near(&b->rec, TC_STREAM_OBJECT, task->leaf);
	tc_put_u(&b->rec, flags);
	tc_put_u(&b->rec, 1);
	tc_put_d(&b->rec, TC_STREAM_TASK, task->addr);
	tc_put_u(&b->rec, task->type);
	tc_put_d(&b->rec, TC_STREAM_NAME, task->name ? name : (task->addr >> 8) & 0xffffff);
	tc_put_u(&b->rec, task->loop);
	tc_put_s(&b->rec, 64);
	tc_put_u(&b->rec, task->chain);
	tc_put_s(&b->rec, task->leaf ? (int64_t)(task->leaf - task->addr) : 0);
	tc_put_s(&b->rec, 0);	    /* the waiter: the leaf itself */
	for (int i = 0; i < 4; i++) /* cancels, context, exception, thread */
		tc_put_u(&b->rec, 0);
	tc_put_u(&b->rec, TC_RUNTIME_CPYTHON);
	tc_record_end(&b->rec);
}

static void put_ref(struct builder *b, uint32_t type, uint64_t addr)
{
	tc_put_u(&b->rec, TC_VAL_REF);
	tc_put_u(&b->rec, type);
	tc_put_d(&b->rec, TC_STREAM_REF, addr);
}

void builder_locals(struct builder *b, const uint64_t *addrs, const uint32_t *types, size_t n)
{
	tc_record_begin(&b->rec, TC_REC_LOCALS);
	tc_record_near(&b->rec, TC_STREAM_REF, b->task);
	tc_put_u(&b->rec, n);
	for (size_t i = 0; i < n; i++) {
		tc_put_u(&b->rec, addrs[i] != 0);
		if (addrs[i])
			put_ref(b, types[i], addrs[i]);
	}
	tc_record_end(&b->rec);
}

void builder_object(struct builder *b, uint64_t addr, uint32_t type, const char *attr,
		    uint64_t value, uint32_t value_type, const uint64_t *items, size_t n_items,
		    uint32_t item_type)
{
	uint32_t name = attr ? builder_string(b, attr) : 0;
	uint32_t text = attr && !value_type ? builder_string(b, (const char *)(uintptr_t)value) : 0;

	tc_record_begin(&b->rec, TC_REC_OBJECT);
	tc_put_d(&b->rec, TC_STREAM_OBJECT, addr);
	tc_record_near(&b->rec, TC_STREAM_REF, addr);
	tc_put_u(&b->rec, type);
	tc_put_u(&b->rec, 0);
	tc_put_u(&b->rec, attr != NULL);
	if (attr) {
		tc_put_u(&b->rec, name);
		if (value_type) {
			put_ref(b, value_type, value);
		} else {
			tc_put_u(&b->rec, TC_VAL_STRING);
			tc_put_u(&b->rec, text);
		}
	}
	tc_put_u(&b->rec, n_items);
	tc_put_u(&b->rec, n_items);
	for (size_t i = 0; i < n_items; i++)
		put_ref(b, item_type, items[i]);
	tc_record_end(&b->rec);
}

void builder_fd(struct builder *b, const struct builder_fd *fd)
{
	tc_record_begin(&b->rec, TC_REC_FD);
	tc_put_u(&b->rec, fd->fd);
	tc_put_u(&b->rec, fd->type);
	tc_put_u(&b->rec, fd->family);
	tc_put_u(&b->rec, fd->socket_type);
	put_text(b, fd->local ? fd->local : "");
	put_text(b, fd->peer ? fd->peer : "");
	tc_put_u(&b->rec, fd->unread);
	tc_put_u(&b->rec, fd->unsent);
	put_text(b, fd->what ? fd->what : "");
	tc_put_u(&b->rec, fd->state);
	tc_put_u(&b->rec, fd->missing);
	tc_record_end(&b->rec);
}

void builder_transport(struct builder *b, uint64_t addr, uint32_t type, const char *attr,
		       int64_t fd, bool closed)
{
	uint32_t name = builder_string(b, attr), sock = builder_string(b, "_sock");

	tc_record_begin(&b->rec, TC_REC_OBJECT);
	tc_put_d(&b->rec, TC_STREAM_OBJECT, addr);
	tc_record_near(&b->rec, TC_STREAM_REF, addr);
	tc_put_u(&b->rec, type);
	tc_put_u(&b->rec, 0);
	tc_put_u(&b->rec, 1 + closed);
	tc_put_u(&b->rec, name);
	tc_put_u(&b->rec, TC_VAL_INT);
	tc_put_s(&b->rec, fd);
	if (closed) {
		tc_put_u(&b->rec, sock);
		tc_put_u(&b->rec, TC_VAL_NONE);
	}
	tc_put_u(&b->rec, 0);
	tc_put_u(&b->rec, 0);
	tc_record_end(&b->rec);
}
