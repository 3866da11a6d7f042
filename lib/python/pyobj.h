/* SPDX-License-Identifier: Apache-2.0
 * Reading CPython's basic objects out of a target: str, int, dict, instance attributes, set, list,
 * tuple, deque. Every function may run in a signal handler, returns 0 or a negative tc_code, and
 * trusts no length it reads. Sources:
 * Include/cpython/{unicodeobject,longintrepr,dictobject,setobject}.h,
 * Include/internal/pycore_dict.h, Modules/_collectionsmodule.c of 3.8 to 3.15. */
#ifndef TC_PYOBJ_H
#define TC_PYOBJ_H

#include "lib/python/layout.h"
#include "lib/mem/mem.h"

/* A target's memory, and the layout of its Python. */
struct tc_py {
	struct tc_mem *mem;
	struct tc_layout at;
};

/* Offsets that are the same in all versions. */
enum {
	TC_OB_TYPE = 8,
	TC_OB_SIZE = 16,
	TC_TP_NAME = 24,
	TC_TP_FLAGS = 168,
	TC_TP_BASE = 256,
	TC_TP_DICT = 264,
	TC_TP_MRO = 344,
	TC_LIST_ITEMS = 24,
	TC_WEAKREF_OBJECT = 16,
	TC_METHOD_FUNC = 16,
	TC_METHOD_SELF = 24,
	TC_BUILTIN_DEF = 16,  /* PyCFunctionObject: m_ml, whose first field is the name */
	TC_BUILTIN_SELF = 24, /* m_self */
	TC_DESCRIPTOR_TYPE = 16, /* PyDescrObject: d_type, d_name */
	TC_DESCRIPTOR_NAME = 24,
	TC_CELL_REF = 16,
	TC_MODULE_DICT = 16,
};

/* Some of tp_flags, Include/object.h */
#define TC_TPFLAG_INLINE_VALUES (1ul << 2) /* 3.13+ */
#define TC_TPFLAG_MANAGED_DICT (1ul << 4)  /* 3.11+ */
#define TC_TPFLAG_HEAPTYPE (1ul << 9)
#define TC_TPFLAG_LONG (1ul << 24)
#define TC_TPFLAG_LIST (1ul << 25)
#define TC_TPFLAG_TUPLE (1ul << 26)
#define TC_TPFLAG_BYTES (1ul << 27)
#define TC_TPFLAG_UNICODE (1ul << 28)
#define TC_TPFLAG_DICT (1ul << 29)
#define TC_TPFLAG_EXCEPTION (1ul << 30)
#define TC_TPFLAG_TYPE (1ul << 31)

/* Read the text of the str at addr as UTF-8 (lone surrogates as three bytes) into text: at most
 * size - 1 bytes and a zero. A longer text is cut and ends with "…". *ret_len (ret_len may be NULL)
 * gets the number of bytes. */
int tc_str_read(const struct tc_py *py, tc_addr addr, char *text, size_t size, size_t *ret_len);

/* Is the str at addr equal to text (ASCII, less than 64 characters)? False also when it cannot be
 * read. */
bool tc_str_is(const struct tc_py *py, tc_addr addr, const char *text);

/* Read the int at addr. *ret_digits gets the number of its 30-bit digits. -TC_EBOUND: it has more
 * than two. */
int tc_int_read(const struct tc_py *py, tc_addr addr, int64_t *ret, uint64_t *ret_digits);

/* The same from the words of the object: size is ob_size or lv_tag, digits the word behind it.
 * False: more than two digits. */
bool tc_int_parse(const struct tc_layout *at, int64_t size, uint64_t digits, int64_t *ret,
		  uint64_t *ret_digits);

/* What must be known of a type to read its instances. */
struct tc_type_facts {
	uint64_t flags, basicsize;
	int64_t dictoffset;
	tc_addr iternext;    /* its function tp_iternext; 0: instances are no iterators */
	tc_addr cached_keys; /* of a heap type: the keys that its instances share; else 0 */
};

/* Read the type object at type. */
int tc_type_facts_read(const struct tc_py *py, tc_addr type, struct tc_type_facts *ret);

#define TC_DICT_WINDOW 24

/* Iterates over the entries of a dict or the attributes of an instance. The fields are for
 * pydict.c; used is for callers too. */
struct tc_dict {
	const struct tc_py *py;
	tc_addr entries, values; /* values: of a split table, 0 otherwise */
	uint64_t n, i;
	uint64_t used; /* entries the dict itself counts; 0: unknown */
	uint32_t entry_size;
	uint32_t window_at, window_n;
	uint64_t window[3 * TC_DICT_WINDOW];
};

/* Begin to iterate over the dict at addr. */
int tc_dict_open(const struct tc_py *py, tc_addr addr, struct tc_dict *ret);

/* Begin to iterate over the attributes of the object at addr, wherever its type keeps them.
 * -TC_ETYPE: it has none. */
int tc_attrs_open(const struct tc_py *py, tc_addr addr, const struct tc_type_facts *type,
		  struct tc_dict *ret);

/* The dict object of the object at addr, which its attributes are in; 0: it has none, because they
 * are kept without one, or it has no attributes. */
tc_addr tc_attrs_dict(const struct tc_py *py, tc_addr addr, const struct tc_type_facts *type);

/* The next entry. 1: *ret_key, *ret_value are set; 0: the end; negative: it cannot be read. */
int tc_dict_next(struct tc_dict *dict, tc_addr *ret_key, tc_addr *ret_value);

/* The value of the key in the dict at addr, or of the attribute name of the object at addr.
 * -TC_ETYPE: there is none. */
int tc_dict_get(const struct tc_py *py, tc_addr addr, const char *key, tc_addr *ret);
int tc_attr_get(const struct tc_py *py, tc_addr addr, const char *name, tc_addr *ret);

/* The offset in instances of the attribute `name` of a class with __slots__, from its member
 * descriptor. -TC_ETYPE: neither the class nor its bases have such a slot. */
int tc_slot_offset(const struct tc_py *py, tc_addr type, const char *name, uint64_t *ret);

enum tc_seq_kind { TC_SEQ_LIST, TC_SEQ_TUPLE, TC_SEQ_SET, TC_SEQ_DEQUE };

#define TC_SEQ_WINDOW 64

/* Iterates over the items of a list, tuple, set or deque. The fields are for pyseq.c; total is for
 * callers too. */
struct tc_seq {
	const struct tc_py *py;
	enum tc_seq_kind kind;
	tc_addr at; /* address of the first item; of a deque: of the present block */
	uint64_t n; /* slots to go over */
	uint64_t i;
	uint64_t total;	   /* items the object itself counts */
	uint64_t in_block; /* deque: index in the block */
	uint32_t window_n, window_i;
	uint64_t window[2 * TC_SEQ_WINDOW];
};

/* Begin to iterate over the object of this kind at addr. */
int tc_seq_open(const struct tc_py *py, tc_addr addr, enum tc_seq_kind kind, struct tc_seq *ret);

/* Begin to iterate over n entries of the table of a set, n being a power of two. */
void tc_seq_open_table(const struct tc_py *py, tc_addr table, uint64_t n, struct tc_seq *ret);

/* Begin to iterate over the tuple that the word at `at` refers to. */
int tc_tuple_open(const struct tc_py *py, tc_addr at, struct tc_seq *ret);
/* The next item. 1: *ret is set; 0: the end; negative: it cannot be read. */
int tc_seq_next(struct tc_seq *seq, tc_addr *ret);

#endif
