/* SPDX-License-Identifier: Apache-2.0
 * Functions of a running process by name, from the symbol tables of its mapped files. */
#define _GNU_SOURCE
#include "tests/hook/step_symbols.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_MAX 512
#define SITES_MAX 1024

static struct site sites[SITES_MAX];
static size_t n_sites;
static char *wanted[NAMES_MAX]; /* NAME */
static char *within[NAMES_MAX]; /* MODULE, or NULL */
static size_t n_wanted;

static void read_names(FILE *names)
{
	char line[256];

	while (n_wanted < NAMES_MAX && fgets(line, sizeof(line), names)) {
		line[strcspn(line, "\n")] = 0;
		char *colon = strchr(line, ':');
		if (!line[0])
			continue;
		if (colon)
			*colon++ = 0;
		within[n_wanted] = colon ? strdup(line) : NULL;
		wanted[n_wanted++] = strdup(colon ? colon : line);
	}
}

/* The compiler's own endings (.part.0, .cold) do not count, except that cold parts are no
 * function. */
static bool is_wanted(size_t i, const char *symbol, const char *module)
{
	size_t n = strlen(wanted[i]);

	return strncmp(symbol, wanted[i], n) == 0 && (!symbol[n] || symbol[n] == '.') &&
	       !strstr(symbol, ".cold") && (!within[i] || strstr(module, within[i]));
}

static void add(size_t i, uint64_t at)
{
	for (size_t k = 0; k < n_sites; k++)
		if (sites[k].at == at)
			return;
	if (n_sites < SITES_MAX)
		sites[n_sites++] = (struct site){ .name = wanted[i], .at = at };
}

static void read_table(const uint8_t *file, const Elf64_Shdr *sections, const Elf64_Shdr *table,
		       uint64_t bias, const char *module)
{
	const Elf64_Sym *symbols = (const void *)(file + table->sh_offset);
	const char *strings = (const char *)file + sections[table->sh_link].sh_offset;

	for (size_t k = 0; k < table->sh_size / sizeof(*symbols); k++)
		if (ELF64_ST_TYPE(symbols[k].st_info) == STT_FUNC && symbols[k].st_value)
			for (size_t i = 0; i < n_wanted; i++)
				if (is_wanted(i, strings + symbols[k].st_name, module))
					add(i, bias + symbols[k].st_value);
}

/* A file that is mapped with its first byte at start. map_files leads to it from every
 * namespace. */
static void read_module(pid_t pid, const char *path, uint64_t start, uint64_t end)
{
	char seen[128];
	struct stat st;

	snprintf(seen, sizeof(seen), "/proc/%d/map_files/%lx-%lx", pid, start, end);
	int fd = open(seen, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(Elf64_Ehdr)) {
		if (fd >= 0)
			close(fd);
		return;
	}
	uint8_t *file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (file == MAP_FAILED)
		return;
	const Elf64_Ehdr *elf = (const void *)file;
	if (memcmp(file, ELFMAG, SELFMAG) == 0 && elf->e_shoff &&
	    elf->e_shoff + elf->e_shnum * sizeof(Elf64_Shdr) <= (size_t)st.st_size) {
		const Elf64_Shdr *sections = (const void *)(file + elf->e_shoff);
		uint64_t bias = elf->e_type == ET_EXEC ? 0 : start;
		for (int i = 0; i < elf->e_shnum; i++)
			if (sections[i].sh_type == SHT_DYNSYM || sections[i].sh_type == SHT_SYMTAB)
				read_table(file, sections, &sections[i], bias, path);
	}
	munmap(file, (size_t)st.st_size);
}

static FILE *open_maps(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	return fopen(path, "re");
}

static int by_name(const void *a, const void *b)
{
	const struct site *x = a, *y = b;
	size_t i = 0, k = 0;

	while (wanted[i] != x->name)
		i++;
	while (wanted[k] != y->name)
		k++;
	return i < k ? -1 : i > k;
}

struct site *find_sites(pid_t pid, FILE *names, size_t *ret_n)
{
	char line[4200], path[4100];
	unsigned long start, end, offset;
	FILE *maps = open_maps(pid);

	read_names(names);
	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %*s %lx %*s %*s %4095[^\n]", &start, &end, &offset,
			   path) == 4 &&
		    offset == 0 && path[0] == '/')
			read_module(pid, path, start, end);
	if (maps)
		fclose(maps);
	qsort(sites, n_sites, sizeof(sites[0]), by_name);
	*ret_n = n_sites;
	return sites;
}

void locate(pid_t pid, uint64_t at, char *to, size_t size)
{
	char line[4200], path[4100];
	unsigned long start, end, offset;
	FILE *maps = open_maps(pid);

	snprintf(to, size, "%#lx", (unsigned long)at);
	while (maps && fgets(line, sizeof(line), maps)) {
		path[0] = 0;
		if (sscanf(line, "%lx-%lx %*s %lx %*s %*s %4095[^\n]", &start, &end, &offset,
			   path) >= 3 &&
		    at >= start && at < end) {
			const char *base = strrchr(path, '/');
			snprintf(to, size, "%s+%#lx",
				 base	 ? base + 1 :
				 path[0] ? path :
					   "anonymous",
				 (unsigned long)at - start + offset);
			break;
		}
	}
	if (maps)
		fclose(maps);
}

char **list_directory(const char *path)
{
	char **list = calloc(4096, sizeof(*list));
	size_t n = 0;
	DIR *directory = opendir(path);

	for (struct dirent *entry; directory && n < 4095 && (entry = readdir(directory));)
		if (entry->d_name[0] != '.')
			list[n++] = strdup(entry->d_name);
	if (directory)
		closedir(directory);
	return list;
}

void free_list(char **list)
{
	for (char **at = list; *at; at++)
		free(*at);
	free(list);
}
