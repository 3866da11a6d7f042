/* SPDX-License-Identifier: Apache-2.0
 * fd-exhausted: the process has as many descriptors as it may have, so that it can open, connect
 * and accept nothing. */
#include <string.h>

#include "analyzer/detect/detect.h"
#include "analyzer/facts/descriptor.h"

enum { SORTS_MAX = 64, SORTS_SAID = 4 };

/* Descriptors of one sort: the same kind, state and peer. */
struct sort {
	const char *kind, *state;
	struct tc_text peer;
	size_t n;
};

static struct sort *sort_of(struct sort *sorts, size_t *n, const struct tc_fd *fd)
{
	const struct sort want = { tc_fd_kind(fd), tc_fd_state(fd), fd->peer, 0 };

	for (size_t i = 0; i < *n; i++)
		if (strcmp(sorts[i].kind, want.kind) == 0 && sorts[i].state == want.state &&
		    tc_text_same(sorts[i].peer, want.peer))
			return &sorts[i];
	if (*n == SORTS_MAX)
		return NULL;
	sorts[*n] = want;
	return &sorts[(*n)++];
}

/* What most of them are. */
static void put_sorts(const struct tc_model *model, struct tc_out *out)
{
	struct sort sorts[SORTS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < model->n_fds; i++) {
		if (model->fds[i].fd >= model->head.max_fds - 1)
			continue; /* opened before the limit was lowered */
		struct sort *sort = sort_of(sorts, &n, &model->fds[i]);
		if (sort)
			sort->n++;
	}
	for (unsigned said = 0; said < SORTS_SAID; said++) {
		struct sort *most = NULL;
		for (size_t i = 0; i < n; i++)
			if (sorts[i].n && (!most || sorts[i].n > most->n))
				most = &sorts[i];
		if (!most)
			break;
		tc_out_printf(out, "%s%zu %s%s%s", said ? ", " : "most of them: ", most->n,
			      most->kind, most->state ? " " : "", most->state ? most->state : "");
		if (most->peer.size) {
			tc_out_str(out, " to ");
			tc_out_text(out, most->peer, 60);
		}
		most->n = 0;
	}
}

void tc_detect_fd_exhausted(const struct tc_scene *scene, struct tc_findings *findings)
{
	const struct tc_model *model = scene->model;
	const uint64_t max = model->head.max_fds - 1;
	uint64_t used = 0;

	for (size_t i = 0; i < model->n_fds; i++)
		used += model->fds[i].fd < max;
	if (!model->head.max_fds || !max || used < max || !tc_findings_room(findings))
		return;
	struct tc_finding *finding = tc_finding_add(findings, TC_CAUSE_FD_EXHAUSTED, TC_PROVED);
	tc_out_printf(
		&finding->summary,
		"all %llu descriptors that the process may have (RLIMIT_NOFILE) are in use: it "
		"can open, connect and accept nothing",
		(unsigned long long)max);
	put_sorts(model, tc_finding_evidence(finding));
	finding->ends = TC_ENDS_UNKNOWN;
	finding->why = "when the program closes some";
}
