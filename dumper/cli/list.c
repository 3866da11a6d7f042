/* SPDX-License-Identifier: Apache-2.0
 * taskcore list: one line for each dump in a directory. */
#include "dumper/cli/list.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dumper/base/exit.h"
#include "dumper/ask/dump_head.h"
#include "lib/base/plain.h"

struct row {
	char name[256];
	struct tc_dump_head head;
};

static int by_time(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->head.wall_ns != y->head.wall_ns)
		return x->head.wall_ns < y->head.wall_ns ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void print_row(const struct row *row)
{
	const struct tc_dump_head *head = &row->head;
	time_t seconds = (time_t)(head->wall_ns / 1000000000u);
	char stamp[32], tasks[64];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%SZ", &tm);
	if (!head->whole)
		snprintf(tasks, sizeof(tasks), "cut");
	else if (head->torn || head->cut)
		snprintf(tasks, sizeof(tasks), "%" PRIu64 " (%" PRIu64 " torn or cut)", head->tasks,
			 head->torn + head->cut);
	else
		snprintf(tasks, sizeof(tasks), "%" PRIu64, head->tasks);
	printf("%s  %7u  %-16s  %-8s  %-7s  %8s  %s\n", stamp, head->pid, head->program,
	       head->reason, head->crash ? head->crash : "-", tasks, row->name);
	if (head->crash && head->place[0])
		printf("%30s %s in %s%s%s\n", "", head->crash, head->place,
		       head->task[0] ? ", task " : "", head->task);
}

int tc_list_print(const char *path)
{
	DIR *dir = opendir(path);
	struct row *rows = NULL;
	size_t n = 0, max = 0;

	if (!dir) {
		fprintf(stderr, "taskcore: %s: %s\n", path, strerror(errno));
		return TC_EXIT_INPUT;
	}
	for (struct dirent *entry; (entry = readdir(dir));) {
		struct row row;
		if (!tc_dump_head_named(entry->d_name) ||
		    !tc_dump_head_read(dirfd(dir), entry->d_name, 0, &row.head))
			continue;
		snprintf(row.name, sizeof(row.name), "%s", entry->d_name);
		tc_plain(row.name);
		if (n == max) {
			max = max ? 2 * max : 64;
			struct row *more = realloc(rows, max * sizeof(*rows));
			if (!more)
				break;
			rows = more;
		}
		rows[n++] = row;
	}
	closedir(dir);
	if (n)
		qsort(rows, n, sizeof(*rows), by_time);
	if (n)
		printf("%-20s  %7s  %-16s  %-8s  %-7s  %8s  %s\n", "TIME", "PID", "PROGRAM",
		       "REASON", "CRASH", "TASKS", "FILE");
	else
		printf("no dumps in %s\n", path);
	for (size_t i = 0; i < n; i++)
		print_row(&rows[i]);
	free(rows);
	return TC_EXIT_OK;
}
