/* SPDX-License-Identifier: Apache-2.0
 * Types: each is written to the dump when it is met first, and known by its identifier after
 * that. */
#include "lib/walk/walk_type.h"

#include "lib/walk/walk_string.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

#define MAX_BASES 64
enum { NAME_MAX_BYTES = 256 };

/* Types that are recognised by tp_name. A name without a dot counts only for a static type, because
 * any class of a program may have such a name. */
static const struct {
	const char *name;
	enum tc_kind kind;
} names[] = {
	{ "NoneType", TC_KIND_NONE },
	{ "bool", TC_KIND_BOOL },
	{ "float", TC_KIND_FLOAT },
	{ "set", TC_KIND_SET },
	{ "frozenset", TC_KIND_SET },
	{ "collections.deque", TC_KIND_DEQUE },
	{ "coroutine", TC_KIND_CORO },
	{ "generator", TC_KIND_GENERATOR },
	{ "async_generator", TC_KIND_ASYNCGEN },
	{ "async_generator_asend", TC_KIND_GEN_PROXY },
	{ "async_generator_athrow", TC_KIND_GEN_PROXY },
	{ "coroutine_wrapper", TC_KIND_WRAPPER },
	{ "anext_awaitable", TC_KIND_WRAPPER },
	{ "_asyncio.FutureIter", TC_KIND_FUTURE_ITER },
	{ "_asyncio.Future", TC_KIND_FUTURE },
	{ "_asyncio.Task", TC_KIND_TASK },
	{ "function", TC_KIND_FUNCTION },
	{ "method", TC_KIND_METHOD },
	{ "builtin_function_or_method", TC_KIND_BUILTIN },
	{ "method_descriptor", TC_KIND_METHOD_DESCRIPTOR },
	{ "functools.partial", TC_KIND_PARTIAL },
	{ "cell", TC_KIND_CELL },
	{ "TaskWakeupMethWrapper", TC_KIND_TASK_WAKEUP },
	{ "_asyncio.TaskWakeupMethWrapper", TC_KIND_TASK_WAKEUP },
	{ "TaskStepMethWrapper", TC_KIND_TASK_WAKEUP },
	{ "_asyncio.TaskStepMethWrapper", TC_KIND_TASK_WAKEUP },
	{ "compiled_coroutine", TC_KIND_NUITKA_CORO },
	{ "compiled_generator", TC_KIND_NUITKA_CORO },
	{ "compiled_async_generator", TC_KIND_NUITKA_CORO },
	{ "compiled_coroutine_wrapper", TC_KIND_WRAPPER },
	{ "compiled_async_generator_asend", TC_KIND_GEN_PROXY },
	{ "compiled_async_generator_athrow", TC_KIND_GEN_PROXY },
	{ "code", TC_KIND_CODE },
	{ "traceback", TC_KIND_TRACEBACK },
	{ "frame", TC_KIND_FRAME },
	{ "greenlet.greenlet", TC_KIND_GREENLET },
	{ "_thread.lock", TC_KIND_LOCK },
	{ "_thread.RLock", TC_KIND_LOCK },
	{ "weakref", TC_KIND_WEAKREF },
	{ "weakref.ReferenceType", TC_KIND_WEAKREF },
	{ "type", TC_KIND_TYPE },
	{ "module", TC_KIND_MODULE },
	{ "property", TC_KIND_PROPERTY },
	{ "staticmethod", TC_KIND_METHOD_WRAP },
	{ "classmethod", TC_KIND_METHOD_WRAP },
	{ "operator.attrgetter", TC_KIND_GETTER },
	{ "operator.methodcaller", TC_KIND_GETTER },
	{ "getset_descriptor", TC_KIND_SLOT_DESCRIPTOR },
	{ "member_descriptor", TC_KIND_SLOT_DESCRIPTOR },
	{ "ContextVar", TC_KIND_CONTEXTVAR },
	{ "_contextvars.ContextVar", TC_KIND_CONTEXTVAR },
	{ "hamt_bitmap_node", TC_KIND_HAMT_BITMAP },
	{ "hamt_array_node", TC_KIND_HAMT_ARRAY },
	{ "hamt_collision_node", TC_KIND_HAMT_COLLISION },
};

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && memcmp(text + len - end_len, end, end_len) == 0;
}

static enum tc_kind kind_by_name(const char *name, uint64_t flags)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i].name) == 0 &&
		    (!(flags & TC_TPFLAG_HEAPTYPE) || memchr(name, '.', strlen(name))))
			return names[i].kind;
	/* Cython's runtime types live in a module of that name (Cython/Utility/Coroutine.c). */
	if (strncmp(name, "_cython_", 8) == 0 && ends_with(name, "coroutine_wrapper"))
		return TC_KIND_CYTHON_WRAPPER;
	if (strncmp(name, "_cython_", 8) == 0 &&
	    (ends_with(name, "coroutine") || ends_with(name, "generator")))
		return TC_KIND_CYTHON_CORO;
	return TC_KIND_OTHER;
}

/* Types with these flags: str, int and so on, and their subclasses. */
static enum tc_kind kind_by_flags(uint64_t flags)
{
	return flags & TC_TPFLAG_UNICODE ? TC_KIND_STR :
	       flags & TC_TPFLAG_LONG	 ? TC_KIND_INT :
	       flags & TC_TPFLAG_DICT	 ? TC_KIND_DICT :
	       flags & TC_TPFLAG_LIST	 ? TC_KIND_LIST :
	       flags & TC_TPFLAG_TUPLE	 ? TC_KIND_TUPLE :
	       flags & TC_TPFLAG_BYTES	 ? TC_KIND_BYTES :
	       flags & TC_TPFLAG_TYPE	 ? TC_KIND_TYPE :
					   TC_KIND_OTHER;
}

static int read_c_string(struct tc_mem *mem, tc_addr from, char *text, size_t size)
{
	for (size_t len = 0; len < size; len += 32) {
		/* 32 bytes may reach past the end of the mapping: then byte by byte. */
		if (tc_try_read(mem, from + len, text + len, 32) < 0)
			for (size_t i = 0; i < 32; i++) {
				if (tc_read(mem, from + len + i, text + len + i, 1) < 0)
					return -TC_EFAULT;
				if (!text[len + i])
					return 0;
			}
		if (memchr(text + len, 0, 32))
			return 0;
	}
	text[size - 1] = 0;
	return 0;
}

/* Is this heap type the class `name` of module `module`? */
static bool is_class(struct tc_walker *w, tc_addr type, const char *name, const char *module)
{
	tc_addr qualname, dict, value;

	return tc_get(w->mem, type + w->py.at.ht_qualname, &qualname) == 0 &&
	       tc_str_is(&w->py, qualname, name) && tc_get(w->mem, type + TC_TP_DICT, &dict) == 0 &&
	       tc_dict_get(&w->py, dict, "__module__", &value) == 0 &&
	       tc_str_is(&w->py, value, module);
}

/* The kind of a base class: a task, a future, a greenlet, or one of the containers; else
 * TC_KIND_OTHER. */
static enum tc_kind kind_of_base(struct tc_walker *w, tc_addr type)
{
	char name[NAME_MAX_BYTES];
	struct tc_type_facts facts;
	tc_addr tp_name;

	if (tc_get(w->mem, type + TC_TP_NAME, &tp_name) < 0 ||
	    read_c_string(w->mem, tp_name, name, sizeof(name)) < 0 ||
	    tc_type_facts_read(&w->py, type, &facts) < 0)
		return TC_KIND_OTHER;
	enum tc_kind kind = kind_by_name(name, facts.flags);
	if (tc_kind_is_future(kind) || kind == TC_KIND_DEQUE || kind == TC_KIND_SET ||
	    kind == TC_KIND_WEAKREF || kind == TC_KIND_PARTIAL || kind == TC_KIND_FLOAT ||
	    kind == TC_KIND_GREENLET)
		return kind;
	if (!(facts.flags & TC_TPFLAG_HEAPTYPE))
		return TC_KIND_OTHER;
	return is_class(w, type, "Task", "asyncio.tasks")     ? TC_KIND_PY_TASK :
	       is_class(w, type, "Future", "asyncio.futures") ? TC_KIND_PY_FUTURE :
								TC_KIND_OTHER;
}

/* The kind by the first base class that has one, in method resolution order (tp_mro). */
static enum tc_kind kind_by_bases(struct tc_walker *w, tc_addr type)
{
	struct tc_seq mro;
	tc_addr tuple, base;
	enum tc_kind kind = TC_KIND_OTHER;

	if (tc_get(w->mem, type + TC_TP_MRO, &tuple) < 0 ||
	    tc_seq_open(&w->py, tuple, TC_SEQ_TUPLE, &mro) < 0)
		return kind;
	for (int i = 0; i < MAX_BASES && kind == TC_KIND_OTHER && tc_seq_next(&mro, &base) > 0; i++)
		kind = kind_of_base(w, base);
	return kind;
}

bool tc_kind_is_task(enum tc_kind kind)
{
	return kind == TC_KIND_TASK || kind == TC_KIND_PY_TASK;
}

bool tc_kind_is_future(enum tc_kind kind)
{
	return tc_kind_is_task(kind) || kind == TC_KIND_FUTURE || kind == TC_KIND_PY_FUTURE;
}

static uint32_t type_flags(const struct tc_walk_type *type)
{
	return (tc_kind_is_task(type->kind) ? TC_TYPE_TASK : 0u) |
	       (tc_kind_is_future(type->kind) ? TC_TYPE_FUTURE : 0u) |
	       (type->kind == TC_KIND_PY_TASK || type->kind == TC_KIND_PY_FUTURE ? TC_TYPE_PYTHON :
										   0u) |
	       (type->facts.flags & TC_TPFLAG_HEAPTYPE ? TC_TYPE_HEAP : 0u);
}

/* Name and module of a class: __qualname__ and __module__ of a heap type, else tp_name, cut at its
 * last dot. */
static void type_names(struct tc_walker *w, const struct tc_walk_type *type, const char *tp_name,
		       uint32_t *name, uint32_t *module)
{
	tc_addr qualname, dict, value;
	size_t len = strlen(tp_name), dot = len;

	*name = *module = 0;
	if (type->facts.flags & TC_TPFLAG_HEAPTYPE) {
		if (tc_get(w->mem, type->addr + w->py.at.ht_qualname, &qualname) == 0)
			*name = tc_walker_str(w, qualname, TC_STR_CODE);
		if (tc_get(w->mem, type->addr + TC_TP_DICT, &dict) == 0 &&
		    tc_dict_get(&w->py, dict, "__module__", &value) == 0)
			*module = tc_walker_str(w, value, TC_STR_CODE);
	}
	while (dot > 0 && tp_name[dot - 1] != '.')
		dot--;
	if (!*name)
		*name = tc_walker_text(w, tp_name + dot, len - dot, TC_STR_CODE);
	if (!*module)
		*module = dot ? tc_walker_text(w, tp_name, dot - 1, TC_STR_CODE) :
				tc_walker_text(w, "builtins", 8, TC_STR_CODE);
}

static void define_type(struct tc_walker *w, struct tc_walk_type *type, const char *tp_name)
{
	uint32_t name, module;

	type_names(w, type, tp_name, &name, &module);
	tc_record_begin(w->out, TC_REC_TYPE);
	tc_put_u(w->out, type->addr);
	tc_put_u(w->out, name);
	tc_put_u(w->out, module);
	tc_put_u(w->out, type_flags(type));
	tc_record_define(w->out, TC_TAB_TYPE, &type->id);
}

/* Is there a type object at addr? Its sizes and name must be possible, and its own type must have
 * the flag of a type. */
static bool plausible(struct tc_walker *w, tc_addr addr, const struct tc_type_facts *facts,
		      char *name)
{
	tc_addr meta, tp_name;
	struct tc_type_facts meta_facts;

	return !(addr & 7) && facts->basicsize >= 16 && facts->basicsize < 1ul << 24 &&
	       tc_get(w->mem, addr + TC_OB_TYPE, &meta) == 0 && !(meta & 7) &&
	       tc_type_facts_read(&w->py, meta, &meta_facts) == 0 &&
	       meta_facts.flags & TC_TPFLAG_TYPE &&
	       tc_get(w->mem, addr + TC_TP_NAME, &tp_name) == 0 &&
	       read_c_string(w->mem, tp_name, name, NAME_MAX_BYTES) == 0 && name[0];
}

/* Cython's types up to 0.29 have the same names as CPython's: only the size is another. */
static bool is_cython(const struct tc_layout *at, const struct tc_walk_type *type)
{
	uint64_t size = at->frames == TC_FRAMES_OBJECT ?
				at->gi_qualname + (type->kind == TC_KIND_CORO ? 48ul : 40ul) :
				(uint64_t)at->gi_frame + at->if_locals;

	return (type->kind == TC_KIND_CORO || type->kind == TC_KIND_GENERATOR) &&
	       type->facts.basicsize != size;
}

static struct tc_walk_type *new_type(struct tc_walker *w, tc_addr addr)
{
	struct tc_type_facts facts;
	struct tc_walk_type *type;
	char name[NAME_MAX_BYTES];

	if (addr & 7 || tc_type_facts_read(&w->py, addr, &facts) < 0 ||
	    !plausible(w, addr, &facts, name))
		return NULL;
	type = tc_arena_take(w->arena, sizeof(*type));
	if (!type) {
		w->full = true;
		return NULL;
	}
	*type = (struct tc_walk_type){ .addr = addr,
				       .facts = facts,
				       .kind = kind_by_name(name, facts.flags) };
	if (is_cython(&w->py.at, type))
		type->kind = TC_KIND_CYTHON_CORO;
	if (type->kind == TC_KIND_OTHER)
		type->kind = kind_by_flags(facts.flags);
	if (type->kind == TC_KIND_OTHER && facts.flags & TC_TPFLAG_HEAPTYPE)
		type->kind = kind_by_bases(w, addr);
	type->greenlet = type->kind == TC_KIND_GREENLET;
	if (type->greenlet)
		type->kind = TC_KIND_OTHER;
	/* Into the table before its names are read: they are str, and reading them asks for
	 * types. */
	uint64_t *slot = tc_hash_at(&w->types.known, addr);
	if (slot)
		*slot = (uint64_t)(uintptr_t)type;
	define_type(w, type, name);
	return type;
}

enum tc_kind tc_walker_kind(struct tc_walker *w, tc_addr type)
{
	char name[NAME_MAX_BYTES];
	uint64_t flags;
	tc_addr tp_name;

	if (tc_get(w->mem, type + TC_TP_FLAGS, &flags) < 0 ||
	    tc_get(w->mem, type + TC_TP_NAME, &tp_name) < 0 ||
	    read_c_string(w->mem, tp_name, name, sizeof(name)) < 0)
		return TC_KIND_OTHER;
	enum tc_kind kind = kind_by_flags(flags);
	return kind == TC_KIND_OTHER ? kind_by_name(name, flags) : kind;
}

const struct tc_walk_type *tc_walker_look_up_type(struct tc_walker *w, tc_addr addr)
{
	uint64_t *slot;

	if (addr < 4096 || addr & 7 || !(slot = tc_hash_at(&w->types.known, addr)))
		return NULL;
	if (*slot == 0) {
		const struct tc_walk_type *type = new_type(w, addr);
		/* Value 1: there is no type at this address, so it is not read again. */
		if (!type && (slot = tc_hash_at(&w->types.known, addr)))
			*slot = 1;
		return type;
	}
	if (*slot == 1)
		return NULL;
	const struct tc_walk_type *type = (const struct tc_walk_type *)(uintptr_t)*slot;
	*tc_walker_type_front(w, addr) = type;
	return type;
}

const struct tc_walk_type *tc_walker_type_of(struct tc_walker *w, tc_addr object)
{
	tc_addr type;

	if (object < 4096 || object & 7 || tc_get(w->mem, object + TC_OB_TYPE, &type) < 0)
		return NULL;
	return tc_walker_type(w, type);
}
