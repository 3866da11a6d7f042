/* SPDX-License-Identifier: Apache-2.0
 * Details of locks, queues, streams and child processes, by the attributes that asyncio gives them
 * (Lib/asyncio/locks.py, queues.py, streams.py, base_subprocess.py; the same from 3.8 to 3.15). */
#include "analyzer/graph/detail.h"

#include "analyzer/dump/values.h"

static int64_t number(const struct tc_model *model, const struct tc_object *object,
		      const char *name)
{
	struct tc_value value;

	if (!tc_object_attr(model, object, name, &value))
		return TC_DETAIL_UNKNOWN;
	return value.tag == TC_VAL_INT	 ? (int64_t)value.word :
	       value.tag == TC_VAL_SIZED ? (int64_t)value.size :
					   TC_DETAIL_UNKNOWN;
}

static void find_queue(const struct tc_model *model, const struct tc_object *queue,
		       struct tc_detail *ret)
{
	ret->size = number(model, queue, "_queue");
	ret->max_size = number(model, queue, "_maxsize");
	ret->unfinished = number(model, queue, "_unfinished_tasks");
}

static void find_stream(const struct tc_model *model, const struct tc_object *stream,
			struct tc_detail *ret)
{
	const struct tc_object *transport = tc_object_member(model, stream, "_transport");
	uint64_t fd;

	if (!transport || !tc_object_fd_number(model, transport, &fd) || fd > INT32_MAX)
		return;
	ret->fd = (int64_t)fd;
	ret->descriptor = tc_object_fd(model, transport);
}

void tc_detail_find(const struct tc_model *model, enum tc_wait_kind wait,
		    const struct tc_object *object, struct tc_detail *ret)
{
	const int64_t unknown = TC_DETAIL_UNKNOWN;

	*ret = (struct tc_detail){ unknown, unknown, unknown, unknown, unknown,
				   unknown, unknown, unknown, NULL };
	if (!object)
		return;
	switch (wait) {
	case TC_WAIT_SEMAPHORE:
		ret->value = number(model, object, "_value");
		break;
	case TC_WAIT_BARRIER:
		ret->parties = number(model, object, "_parties");
		ret->arrived = number(model, object, "_count");
		break;
	case TC_WAIT_QUEUE_GET:
	case TC_WAIT_QUEUE_PUT:
	case TC_WAIT_QUEUE_JOIN:
		find_queue(model, object, ret);
		break;
	case TC_WAIT_STREAM_READ:
	case TC_WAIT_STREAM_DRAIN:
		find_stream(model, object, ret);
		break;
	case TC_WAIT_SUBPROCESS:
		ret->child = number(model, tc_object_member(model, object, "_transport"), "_pid");
		break;
	default:
		break;
	}
}
