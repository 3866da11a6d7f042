/* SPDX-License-Identifier: Apache-2.0
 * shutdown.executor-join, .thread-join and .server-waits-clients: the program is about to end, and
 * waits for a thread or a connection first. */
#include "analyzer/detect/detect.h"
#include "analyzer/detect/words.h"
#include "analyzer/dump/values.h"
#include "analyzer/facts/place.h"

enum { SAID = 4 };

/* The link of the chain whose function is this one; 0: there is none. */
static uint32_t link_of(const struct tc_model *model, uint32_t chain, const char *file,
			const char *function)
{
	struct tc_place place;

	for (; chain; chain = model->chains[chain].parent) {
		tc_place_init(&place, model, chain);
		if (tc_place_is(&place, file, function))
			return chain;
	}
	return 0;
}

static bool has_code_of_its_own(const struct tc_model *model, uint32_t chain)
{
	struct tc_place place;

	tc_place_init(&place, model, tc_place_best(model, chain));
	return place.file.size && tc_place_owner(model, place.file) != TC_OWNER_LIBRARY;
}

/* Does the thread of a pool do a job? Lib/concurrent/futures/thread.py */
static bool has_job(const struct tc_model *model, const struct tc_pythread *thread)
{
	static const char file[] = "concurrent/futures/thread.py";

	return link_of(model, thread->chain, file, "_worker") &&
	       link_of(model, thread->chain, file, "run") &&
	       has_code_of_its_own(model, thread->chain);
}

/* Is it a thread that the end of the program waits for: one of threading that is no daemon?
 * Lib/threading.py */
static bool is_waited_for(const struct tc_model *model, const struct tc_pythread *thread)
{
	const uint32_t link = link_of(model, thread->chain, "threading.py", "_bootstrap");
	const struct tc_object *object;
	struct tc_value self, daemon;

	if (!link || !tc_thread_local(model, thread, link, "self", &self) ||
	    self.tag != TC_VAL_REF || !(object = tc_model_object_at(model, self.word)))
		return false;
	return tc_object_attr(model, object, "_daemonic", &daemon) && daemon.tag == TC_VAL_FALSE &&
	       has_code_of_its_own(model, thread->chain);
}

/* Is a function of this name recorded at all? Of a million tasks none may have to do with it. */
static bool is_recorded(const struct tc_model *model, const char *function)
{
	for (size_t i = 1; i < model->n_codes; i++)
		if (tc_text_is(tc_model_string(model, model->codes[i].name), function))
			return true;
	return false;
}

/* The task that waits until the threads of the loop's executor have ended; NULL: none does. */
static const struct tc_task *shutting_down(const struct tc_model *model)
{
	if (!is_recorded(model, "shutdown_default_executor"))
		return NULL;
	for (size_t i = 0; i < model->n_tasks; i++)
		if (tc_task_alive(&model->tasks[i]) &&
		    link_of(model, model->tasks[i].chain, "asyncio/base_events.py",
			    "shutdown_default_executor"))
			return &model->tasks[i];
	return NULL;
}

/* The thread that ends the interpreter, and is in this function; NULL: none is. */
static const struct tc_pythread *ending(const struct tc_model *model, const char *file,
					const char *function)
{
	for (size_t i = 0; i < model->n_pythreads; i++)
		if (link_of(model, model->pythreads[i].chain, file, function))
			return &model->pythreads[i];
	return NULL;
}

static void put_thread(const struct tc_scene *scene, struct tc_finding *finding,
		       const struct tc_pythread *thread)
{
	const struct tc_thread_view *view = tc_threads_of(scene->threads, thread);
	const uint32_t link = tc_place_best(scene->model, thread->chain);
	struct tc_out *line = finding->threads.n < SAID ? tc_finding_evidence(finding) : NULL;

	tc_finding_culprit(finding, link);
	if (!view)
		return;
	tc_ids_add(&finding->threads, (size_t)(view - scene->threads->at));
	if (!line)
		return;
	tc_out_printf(line, "H%zu is at ", (size_t)(view - scene->threads->at) + 1);
	tc_say_link(line, scene, link);
}

/* The threads that match and keep the program from its end. */
static void add_threads(const struct tc_scene *scene, struct tc_findings *findings,
			enum tc_cause cause, const struct tc_task *task,
			bool (*match)(const struct tc_model *model,
				      const struct tc_pythread *thread))
{
	const struct tc_model *model = scene->model;
	struct tc_finding *finding;
	size_t n = 0;

	for (size_t i = 0; i < model->n_pythreads; i++)
		n += match(model, &model->pythreads[i]);
	if (!n || !tc_findings_room(findings))
		return;
	finding = tc_finding_add(findings, cause, TC_LIKELY);
	tc_out_printf(
		&finding->summary, "the program is about to end, and waits for %zu %s", n,
		cause == TC_CAUSE_SHUTDOWN_THREAD ?
			(n == 1 ? "thread that is no daemon" : "threads that are no daemons") :
			(n == 1 ? "thread of an executor that still has a job" :
				  "threads of an executor that still have jobs"));
	for (size_t i = 0; i < model->n_pythreads; i++)
		if (match(model, &model->pythreads[i]))
			put_thread(scene, finding, &model->pythreads[i]);
	if (task)
		tc_ids_add(&finding->tasks, (size_t)(task - model->tasks));
	finding->ends = TC_ENDS_UNKNOWN;
	finding->why = "when these threads come to their end";
}

static void look_at_threads(const struct tc_scene *scene, struct tc_findings *findings)
{
	const struct tc_model *model = scene->model;
	const struct tc_task *task = shutting_down(model);

	if (task || ending(model, "concurrent/futures/thread.py", "_python_exit"))
		add_threads(scene, findings, TC_CAUSE_SHUTDOWN_EXECUTOR, task, has_job);
	else if (ending(model, "threading.py", "_shutdown"))
		add_threads(scene, findings, TC_CAUSE_SHUTDOWN_THREAD, NULL, is_waited_for);
}

/* The server that the task waits for, whose sockets are closed already; NULL: it waits for none.
 * Lib/asyncio/base_events.py, Server (from Python 3.12 on it waits for connections). */
static const struct tc_object *closed_server(const struct tc_model *model,
					     const struct tc_task *task)
{
	const uint32_t link =
		link_of(model, task->chain, "asyncio/base_events.py", "Server.wait_closed");
	const struct tc_chain *at = tc_model_chain(model, link);
	const struct tc_object *server;
	struct tc_value self, sockets;
	struct tc_place place;

	if (!link || !tc_task_alive(task) || !at->python || at->python == UINT16_MAX)
		return NULL;
	tc_place_init(&place, model, link);
	if (!tc_local_find(model, task, at->python - 1u, tc_model_code(model, place.code), "self",
			   &self) ||
	    self.tag != TC_VAL_REF || !(server = tc_model_object_at(model, self.word)))
		return NULL;
	return tc_object_attr(model, server, "_sockets", &sockets) && sockets.tag == TC_VAL_NONE ?
		       server :
		       NULL;
}

/* Does the task read from a connection of this server, without a timeout? */
static bool reads_client(const struct tc_scene *scene, const struct tc_task *task,
			 const struct tc_object *server)
{
	const struct tc_object *transport;
	struct tc_value value;
	struct tc_wait scratch;

	if (!tc_task_alive(task) ||
	    tc_wait_kind_of(scene->graph->finder, task) != TC_WAIT_STREAM_READ)
		return false;
	const struct tc_wait *wait = tc_graph_wait(scene->graph, task, &scratch);
	return wait->object && tc_object_attr(scene->model, wait->object, "_transport", &value) &&
	       value.tag == TC_VAL_REF &&
	       (transport = tc_model_object_at(scene->model, value.word)) &&
	       tc_object_attr(scene->model, transport, "_server", &value) &&
	       value.tag == TC_VAL_REF && value.word == server->addr &&
	       !scene->timed[task - scene->model->tasks];
}

static void put_client(const struct tc_scene *scene, struct tc_finding *finding,
		       const struct tc_task *task, size_t n)
{
	const uint32_t link = tc_place_best(scene->model, task->chain);
	struct tc_out *line = n < SAID ? tc_finding_evidence(finding) : NULL;

	tc_finding_waits(finding, link);
	if (!line)
		return;
	tc_say_task(line, scene->model, task, TC_NAME_COLUMNS);
	tc_out_str(line, " waits for its client to send something, at ");
	tc_say_link(line, scene, link);
}

static void look_at_server(const struct tc_scene *scene, const struct tc_task *task,
			   const struct tc_object *server, struct tc_findings *findings)
{
	const struct tc_model *model = scene->model;
	struct tc_finding *finding;
	size_t n = 0;

	for (size_t i = 0; i < model->n_tasks; i++)
		n += reads_client(scene, &model->tasks[i], server);
	if (!n || !tc_findings_room(findings))
		return;
	finding = tc_finding_add(findings, TC_CAUSE_SHUTDOWN_SERVER, TC_LIKELY);
	tc_say_task(&finding->summary, model, task, TC_NAME_COLUMNS);
	tc_out_printf(&finding->summary,
		      " has closed Server O%zu and waits until its clients have gone: %zu "
		      "connection%s open, with nothing to read",
		      (size_t)(server - model->objects) + 1, n, n == 1 ? " is" : "s are");
	tc_ids_add(&finding->tasks, (size_t)(task - model->tasks));
	tc_ids_add(&finding->objects, (size_t)(server - model->objects));
	tc_finding_culprit(finding, tc_place_best(model, task->chain));
	n = 0;
	for (size_t i = 0; i < model->n_tasks; i++)
		if (reads_client(scene, &model->tasks[i], server))
			put_client(scene, finding, &model->tasks[i], n++);
	finding->ends = TC_ENDS_UNKNOWN;
	finding->why = "when the last client closes its connection";
}

void tc_detect_shutdown(const struct tc_scene *scene, struct tc_findings *findings)
{
	const struct tc_model *model = scene->model;

	look_at_threads(scene, findings);
	if (!is_recorded(model, "wait_closed"))
		return;
	for (size_t i = 0; i < model->n_tasks; i++) {
		const struct tc_object *server = closed_server(model, &model->tasks[i]);
		if (server)
			look_at_server(scene, &model->tasks[i], server, findings);
	}
}
