/* SPDX-License-Identifier: Apache-2.0
 * Joining the kernel's threads with the interpreter's. */
#include "analyzer/facts/thread_view.h"

#include <stdlib.h>

#include "analyzer/base/array.h"
#include "analyzer/base/lookup.h"
#include "analyzer/dump/values.h"
#include "analyzer/facts/place.h"

static void add_view(struct tc_threads *threads, const struct tc_thread *os,
		     const struct tc_pythread *py)
{
	if (py)
		threads->view_of_py[py - threads->model->pythreads] = threads->n + 1;
	*tc_push(threads->at, threads->n, threads->room) = (struct tc_thread_view){
		.os = os,
		.py = py,
		.task = py && py->task ? tc_model_task_at(threads->model, py->task) : NULL,
		.loop = py && py->loop < threads->model->n_looprefs ? py->loop : 0,
	};
}

/* By sorting: a process has tens of thousands of threads at times, and a forged file any number. A
 * state of the interpreter belongs to one thread only, so the views are never more than both
 * together. */
void tc_threads_init(struct tc_threads *threads, const struct tc_model *model)
{
	struct tc_lookup pythreads = { 0 };

	*threads = (struct tc_threads){ .model = model };
	threads->view_of_py = tc_array_new(model->n_pythreads, sizeof(*threads->view_of_py));
	for (size_t i = 0; i < model->n_pythreads; i++)
		tc_lookup_add(&pythreads, model->pythreads[i].tid, i);
	tc_lookup_sort(&pythreads);
	for (size_t i = 0; i < model->n_threads; i++) {
		const struct tc_thread *os = &model->threads[i];
		const struct tc_lookup_entry *entry = tc_lookup_find(&pythreads, os->tid_ns);
		if (!entry || threads->view_of_py[entry->at]) {
			add_view(threads, os, NULL);
			continue;
		}
		/* One thread may have a state in several interpreters. */
		for (; entry; entry = tc_lookup_next(&pythreads, entry))
			add_view(threads, os, &model->pythreads[entry->at]);
	}
	for (size_t i = 0; i < model->n_pythreads; i++)
		if (!threads->view_of_py[i])
			add_view(threads, NULL, &model->pythreads[i]);
	tc_lookup_deinit(&pythreads);
}

void tc_threads_deinit(struct tc_threads *threads)
{
	free(threads->view_of_py);
	free(threads->at);
	*threads = (struct tc_threads){ 0 };
}

const struct tc_thread_view *tc_threads_of(const struct tc_threads *threads,
					   const struct tc_pythread *py)
{
	size_t number = threads->view_of_py[py - threads->model->pythreads];

	return number ? &threads->at[number - 1] : NULL;
}

bool tc_thread_local(const struct tc_model *model, const struct tc_pythread *thread, uint32_t link,
		     const char *name, struct tc_value *ret)
{
	const struct tc_chain *at = tc_model_chain(model, link);
	const struct tc_task locals = tc_thread_locals(thread);
	struct tc_place place;

	tc_place_init(&place, model, link);
	return thread->locals && place.code && at->python > 0 && at->python != UINT16_MAX &&
	       tc_local_find(model, &locals, at->python - 1u, tc_model_code(model, place.code),
			     name, ret);
}
