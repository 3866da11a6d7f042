/* SPDX-License-Identifier: Apache-2.0
 * deadlock.threadlock-across-await and .self-threadlock: the loop's thread waits for a lock of
 * threading that one of its own tasks holds, or that it holds itself. */
#include "analyzer/detect/blocked.h"
#include "analyzer/detect/words.h"
#include "analyzer/dump/values.h"

/* _thread.lock, which threading.Lock() makes. */
static bool is_plain_lock(const struct tc_model *model, uint32_t type)
{
	return tc_text_is(tc_model_string(model, tc_model_type(model, type)->name), "lock");
}

/* The with statement in which a suspended task of the loop holds the lock that the loop's thread
 * waits for. NULL: none does. Not an RLock, which the same thread may take again, nor where a
 * function of the task may have given it back by hand. */
static const struct tc_hold *held_lock(const struct tc_model *model, uint32_t loop, uint64_t lock)
{
	for (size_t i = 0; lock && i < model->n_holds; i++) {
		const struct tc_hold *hold = &model->holds[i];
		const struct tc_task *task = &model->tasks[hold->owner];
		if (hold->manager == lock && is_plain_lock(model, hold->type) &&
		    !(hold->flags & TC_HOLD_RELEASES) && task->loop == loop &&
		    tc_task_alive(task) && !(task->flags & (TC_TASK_TORN | TC_TASK_RUNNING)))
			return hold;
	}
	return NULL;
}

/* Has the thread given this lock back, because it is in the wait of a Condition with it? (Of Event
 * and Barrier, too, a function is called so.) True also where that is not known. */
static bool gave_back(const struct tc_model *model, const struct tc_pythread *thread, uint64_t lock)
{
	for (uint32_t id = thread->chain; id; id = model->chains[id].parent) {
		struct tc_place place;
		struct tc_value self, inner;
		tc_place_init(&place, model, id);
		if (tc_place_owner(model, place.file) == TC_OWNER_USER)
			break;
		if (!tc_place_is(&place, "threading.py", "wait"))
			continue;
		const struct tc_object *object =
			tc_thread_local(model, thread, id, "self", &self) &&
					tc_value_is_ref(&self) ?
				tc_model_object_at(model, self.word) :
				NULL;
		if (!object || (tc_object_attr(model, object, "_lock", &inner) &&
				(!tc_value_is_ref(&inner) || inner.word == lock)))
			return true;
	}
	return false;
}

const struct tc_hold *tc_blocked_holder(const struct tc_model *model, uint64_t lock)
{
	for (size_t i = 0; lock && i < model->n_thread_holds; i++) {
		const struct tc_hold *hold = &model->thread_holds[i];
		if (hold->flags & TC_HOLD_RELEASES ||
		    gave_back(model, &model->pythreads[hold->owner], lock))
			continue;
		const struct tc_object *object = tc_model_object_at(model, hold->manager);
		struct tc_value inner;
		if (hold->manager == lock || (tc_object_attr(model, object, "_lock", &inner) &&
					      tc_value_is_ref(&inner) && inner.word == lock))
			return hold;
	}
	return NULL;
}

/* Has the loop's thread a timeout for its wait in a futex? */
static bool is_timed(const struct tc_loop_view *loop)
{
	return loop->thread->os->args[3] != 0;
}

/* Does the thread itself hold the plain lock that it waits for? */
static bool waits_for_itself(const struct tc_scene *scene, const struct tc_loop_view *loop,
			     struct tc_findings *findings)
{
	const struct tc_model *model = scene->model;
	const struct tc_hold *hold = tc_blocked_holder(model, loop->thread->py->lock);

	if (!hold || &model->pythreads[hold->owner] != loop->thread->py ||
	    loop->thread->py->flags & TC_PYTHREAD_TORN)
		return false;
	struct tc_finding *finding =
		tc_blocked_add(scene, loop, findings, TC_CAUSE_SELF_THREADLOCK);
	if (!finding)
		return true;
	tc_blocked_subject(scene, loop, &finding->summary);
	tc_out_printf(&finding->summary,
		      "waits on the thread of L%u for a lock of threading that this thread holds "
		      "itself",
		      loop->id);
	struct tc_out *line = tc_finding_evidence(finding);
	tc_out_str(line, "it holds it since ");
	tc_say_link(line, scene, tc_place_best(model, hold->place));
	tc_finding_waits(finding, tc_place_best(model, hold->place));
	tc_blocked_end(finding, is_timed(loop),
		       "only this thread could give the lock back, and it waits");
	return true;
}

/* A lock of threading is held across an await, and the next one that wants it stops the loop, which
 * would have to turn for it to be given back. */
static bool waits_for_own_lock(const struct tc_scene *scene, const struct tc_loop_view *loop,
			       struct tc_findings *findings)
{
	const struct tc_model *model = scene->model;
	const struct tc_hold *hold = held_lock(model, loop->id, loop->thread->py->lock);

	if (!hold)
		return false;
	const struct tc_task *holder = &model->tasks[hold->owner];
	struct tc_finding *finding = tc_blocked_add(scene, loop, findings, TC_CAUSE_THREADLOCK);
	if (!finding)
		return true;
	tc_blocked_subject(scene, loop, &finding->summary);
	tc_out_printf(&finding->summary, "waits on the thread of L%u for a lock of threading that ",
		      loop->id);
	tc_say_task(&finding->summary, model, holder, TC_NAME_COLUMNS);
	tc_out_printf(&finding->summary,
		      " holds across an await: L%u cannot turn, so that never goes on", loop->id);
	struct tc_out *line = tc_finding_evidence(finding);
	tc_say_task(line, model, holder, TC_NAME_COLUMNS);
	tc_out_str(line, " holds it since ");
	tc_say_link(line, scene, tc_place_best(model, hold->place));
	tc_out_str(line, " and waits at ");
	tc_say_link(line, scene, tc_place_best(model, holder->chain));
	tc_ids_add(&finding->tasks, hold->owner);
	tc_finding_waits(finding, tc_place_best(model, hold->place));
	tc_blocked_end(finding, is_timed(loop), "the loop waits for a task that only it can run");
	return true;
}

bool tc_detect_thread_lock(const struct tc_scene *scene, const struct tc_loop_view *loop,
			   struct tc_findings *findings)
{
	return waits_for_own_lock(scene, loop, findings) || waits_for_itself(scene, loop, findings);
}
