/* SPDX-License-Identifier: Apache-2.0
 * Loops whose thread waits for what only this loop can do: a coroutine that was handed to it, a
 * worker thread that waits for such a coroutine, an answer of its own server. */
#include <string.h>

#include "analyzer/detect/blocked.h"
#include "analyzer/detect/handed.h"
#include "analyzer/detect/words.h"
#include "analyzer/dump/values.h"
#include "analyzer/facts/descriptor.h"
#include "analyzer/facts/syscalls.h"

/* With a timeout the call ends, whatever that means for the program. */
static bool add_waits_itself(const struct tc_scene *scene, const struct tc_loop_view *loop,
			     struct tc_findings *findings, const struct tc_handed *work, bool timed)
{
	struct tc_finding *finding =
		tc_blocked_add(scene, loop, findings, TC_CAUSE_LOOP_WAITS_ITSELF);

	if (!finding)
		return true;
	tc_blocked_subject(scene, loop, &finding->summary);
	tc_out_str(&finding->summary, "waits on the loop's own thread for the result of ");
	tc_say_handed(&finding->summary, scene->model, work, loop->id);
	tc_out_str(&finding->summary, ": only this thread can run it");
	tc_blocked_end(
		finding, timed,
		"the loop cannot turn before the result is there, nor make it before it turns");
	return true;
}

static bool add_thread_cycle(const struct tc_scene *scene, const struct tc_loop_view *loop,
			     struct tc_findings *findings, const struct tc_pythread *worker,
			     const struct tc_handed *work, const struct tc_awaited_result *awaited)
{
	const struct tc_thread_view *view = tc_threads_of(scene->threads, worker);
	struct tc_finding *finding =
		tc_blocked_add(scene, loop, findings, TC_CAUSE_LOOP_THREAD_CYCLE);

	if (!finding)
		return true;
	size_t number = view ? (size_t)(view - scene->threads->at) + 1 : 0;
	tc_blocked_subject(scene, loop, &finding->summary);
	tc_out_printf(&finding->summary,
		      "waits on the thread of L%u for H%zu, which waits for the loop: for ",
		      loop->id, number);
	tc_say_handed(&finding->summary, scene->model, work, loop->id);
	tc_out_str(&finding->summary, awaited->timed ?
					      "; neither can go on before a timeout is over" :
					      "; neither can go on");
	if (number)
		tc_ids_add(&finding->threads, number - 1);
	tc_finding_waits(finding, awaited->link);
	struct tc_out *line = tc_finding_evidence(finding);
	tc_out_printf(line, "H%zu waits at ", number);
	tc_say_link(line, scene, awaited->link);
	tc_blocked_end(finding, awaited->timed,
		       "the loop turns when the thread has ended its work, which needs the loop");
	return true;
}

/* By the Thread whose join the frame is in (Lib/threading.py). */
const struct tc_pythread *tc_blocked_joined(const struct tc_model *model,
					    const struct tc_pythread *thread, bool *ret_timed)
{
	for (uint32_t id = thread->chain; id; id = model->chains[id].parent) {
		struct tc_place place;
		struct tc_value self, tid, timeout;
		tc_place_init(&place, model, id);
		if (tc_place_owner(model, place.file) == TC_OWNER_USER)
			break;
		if (!tc_place_is(&place, "threading.py", "join") ||
		    !tc_thread_local(model, thread, id, "self", &self) || !tc_value_is_ref(&self) ||
		    !tc_object_attr(model, tc_model_object_at(model, self.word), "_native_id",
				    &tid) ||
		    tid.tag != TC_VAL_INT)
			continue;
		*ret_timed = !tc_thread_local(model, thread, id, "timeout", &timeout) ||
			     timeout.tag != TC_VAL_NONE;
		for (size_t i = 0; i < model->n_pythreads; i++)
			if (model->pythreads[i].tid == tid.word)
				return &model->pythreads[i];
	}
	return NULL;
}

/* Does the thread wait for the loop? timed: the loop's own wait for the thread has a timeout. */
static bool waits_for_loop(const struct tc_scene *scene, const struct tc_loop_view *loop,
			   struct tc_findings *findings, const struct tc_pythread *worker,
			   bool timed)
{
	struct tc_awaited_result awaited = tc_awaited_result_of(scene->model, worker);
	struct tc_handed work = tc_handed_to(scene->model, loop->id, awaited.future);

	awaited.timed |= timed;
	return work.found && add_thread_cycle(scene, loop, findings, worker, &work, &awaited);
}

/* The part of "ADDRESS:PORT" before the last colon. */
static struct tc_text address(struct tc_text text)
{
	size_t colon = text.size;

	while (colon > 0 && text.at[colon - 1] != ':')
		colon--;
	return (struct tc_text){ text.at, colon ? colon - 1 : 0 };
}

/* Does the listener take what this socket sends? It has the peer's address and port; or any
 * address with that port, and the socket's two ends are on one machine. */
static bool listens_for(struct tc_text listener, const struct tc_fd *fd)
{
	const struct tc_text host = address(listener), peer = address(fd->peer);
	const char *any = peer.size && peer.at[0] == '[' ? "[::]" : "0.0.0.0";

	if (tc_text_same(listener, fd->peer))
		return true;
	return tc_text_is(host, any) && peer.size && tc_text_same(address(fd->local), peer) &&
	       tc_text_same((struct tc_text){ listener.at + host.size, listener.size - host.size },
			    (struct tc_text){ fd->peer.at + peer.size, fd->peer.size - peer.size });
}

/* The listening socket among the loop's own descriptors to which this one is connected; NULL: none.
 * A listener that another loop or thread serves answers all the same. */
static const struct tc_fd *own_listener(const struct tc_model *model, uint32_t loop,
					const struct tc_fd *fd)
{
	for (size_t i = 0; fd && fd->peer.size && i < model->n_handles; i++) {
		const struct tc_handle *handle = &model->handles[i];
		const struct tc_fd *other =
			handle->loop == loop && handle->where == TC_HANDLE_READER && handle->fd ?
				tc_model_fd(model, handle->fd - 1) :
				NULL;
		if (other && other != fd && other->state == TC_FD_LISTENING &&
		    listens_for(other->local, fd))
			return other;
	}
	return NULL;
}

static bool requests_itself(const struct tc_scene *scene, const struct tc_loop_view *loop,
			    struct tc_findings *findings)
{
	const struct tc_thread *os = loop->thread->os;
	bool receives = os->syscall == TC_SYS_RECVFROM + 1u || os->syscall == TC_SYS_RECVMSG + 1u ||
			os->syscall == TC_SYS_READ + 1u;
	const struct tc_fd *fd = receives ? tc_model_fd(scene->model, os->args[0]) : NULL;
	const struct tc_fd *listener = own_listener(scene->model, loop->id, fd);

	if (!listener)
		return false;
	struct tc_finding *finding = tc_blocked_add(scene, loop, findings, TC_CAUSE_SELF_REQUEST);
	if (!finding)
		return true;
	tc_blocked_subject(scene, loop, &finding->summary);
	tc_out_printf(&finding->summary, "waits on the thread of L%u for an answer from ",
		      loop->id);
	tc_out_text(&finding->summary, fd->peer, 60);
	tc_out_printf(&finding->summary, ", where L%u itself is the server", loop->id);
	struct tc_out *line = tc_finding_evidence(finding);
	tc_out_printf(line, "descriptor %u of L%u: ", listener->fd, loop->id);
	tc_fd_phrase(line, listener);
	/* Another process or thread may have the listener too, and answer. */
	finding->confidence = TC_LIKELY;
	finding->why = "the loop cannot answer while its thread waits; another process that "
		       "shares its listener could";
	return true;
}

bool tc_detect_loop_deadlock(const struct tc_scene *scene, const struct tc_loop_view *loop,
			     struct tc_findings *findings)
{
	const struct tc_model *model = scene->model;
	const struct tc_pythread *thread = loop->thread->py;
	bool timed = false;

	if (requests_itself(scene, loop, findings))
		return true;
	if (!thread)
		return false;
	if (tc_detect_thread_lock(scene, loop, findings))
		return true;
	const struct tc_awaited_result awaited = tc_awaited_result_of(model, thread);
	const struct tc_handed work = tc_handed_to(model, loop->id, awaited.future);
	if (work.found)
		return add_waits_itself(scene, loop, findings, &work, awaited.timed);
	const struct tc_hold *holder = tc_blocked_holder(model, thread->lock);
	const struct tc_pythread *worker =
		awaited.future ? tc_worker_of(&scene->graph->finder->workers, awaited.future) :
		holder	       ? &model->pythreads[holder->owner] :
				 tc_blocked_joined(model, thread, &timed);
	return worker && waits_for_loop(scene, loop, findings, worker, awaited.timed || timed);
}
