/* SPDX-License-Identifier: Apache-2.0
 * Where greenlet keeps what, from its releases 0.4.16 to 3.5: a table, and three readers.
 * Sources, in greenlet's repository: src/greenlet/greenlet.h of 1.1.3 (struct _greenlet) and of
 * 2.0.0 (pimpl); classes Greenlet, ExceptionState, SwitchingArgs, StackState and PythonState in
 * src/greenlet/greenlet_greenlet.hpp of 2.0.2 and 3.0.3, src/greenlet/TGreenlet.hpp of 3.1.0 and
 * 3.5.3. */
#include "lib/python/pygreenlet.h"

#include "lib/base/safe.h"

/* Up to 1.1 all is in the object itself. From 2.0 on it has a pointer to a C++ object, pimpl, and
 * nothing behind that. The C++ object begins with the pointer to its virtual functions, from 3.1 on
 * followed by one to the Python object (_self); then come a pointer and one _PyErr_StackItem, which
 * has four words up to Python 3.10 and two after that, and two words (SwitchingArgs). */
enum { PIMPL = 32, SELF = 8, WORDS_OF_STACK = 4 };

/* start: the first of the words stack_start, stack_stop, stack_copy, stack_saved. */
struct layout {
	bool in_object, has_self, object_frames;
	uint16_t start, top_frame;
};

static const struct layout layouts[] = {
	{ .in_object = true, .object_frames = true, .start = 16, .top_frame = 72 },
	{ .in_object = true, .object_frames = false, .start = 16, .top_frame = 72 },
	{ .has_self = true, .object_frames = true, .start = 72, .top_frame = 120 },
	{ .has_self = true, .object_frames = false, .start = 56, .top_frame = 104 },
	{ .has_self = false, .object_frames = true, .start = 64, .top_frame = 112 },
	{ .has_self = false, .object_frames = false, .start = 48, .top_frame = 96 },
};

static const struct layout *choose(bool in_object, bool has_self, bool object_frames)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i].in_object == in_object && layouts[i].has_self == has_self &&
		    layouts[i].object_frames == object_frames)
			return &layouts[i];
	return NULL;
}

int tc_greenlet_read(const struct tc_py *py, tc_addr addr, uint64_t basicsize,
		     struct tc_greenlet *ret)
{
	bool in_object = basicsize > TC_GREENLET_BYTES;
	tc_addr state = addr, self = 0, stack[WORDS_OF_STACK];

	*ret = (struct tc_greenlet){ 0 };
	if (!in_object && (tc_get(py->mem, addr + PIMPL, &state) < 0 || state & 7 ||
			   tc_get(py->mem, state + SELF, &self) < 0))
		return -TC_EFAULT;
	const struct layout *at =
		choose(in_object, !in_object && self == addr, py->at.frames == TC_FRAMES_OBJECT);
	if (!at)
		return -TC_ETYPE;
	if (tc_get(py->mem, state + at->start, &stack) < 0 ||
	    tc_get(py->mem, state + at->top_frame, &ret->top) < 0)
		return -TC_EFAULT;
	ret->state = state + TC_OB_TYPE;
	ret->end = state + at->top_frame + 8;
	ret->start = stack[0];
	ret->copy = stack[2];
	ret->saved = stack[3];
	/* stack_start is 0 before a greenlet starts and after it ends (StackState::active);
	 * while it runs it has given its frame away (PythonState::operator>>). */
	ret->active = stack[0] && stack[1] > stack[0];
	if (!ret->active)
		ret->top = 0;
	return 0;
}

int tc_greenlet_top(const struct tc_py *py, const struct tc_greenlet *greenlet, tc_addr *ret)
{
	*ret = greenlet->top;
	return py->at.fo_frame == TC_NONE ? 0 :
					    tc_get(py->mem, greenlet->top + py->at.fo_frame, ret);
}

int tc_greenlet_frame(const struct tc_py *py, const struct tc_greenlet *greenlet, tc_addr addr,
		      struct tc_frame_view *ret, bool *ret_foreign, tc_addr *ret_previous)
{
	/* From 3.12 on the entry of each call from C is a frame on the C stack. greenlet 3.0.3
	 * and later take these out of the list (Greenlet::expose_frames); before that they are
	 * where the stack was moved to. */
	if (addr - greenlet->start < greenlet->saved)
		addr += greenlet->copy - greenlet->start;
	return tc_frame_read(py, addr, ret, ret_foreign, ret_previous);
}
