/* SPDX-License-Identifier: Apache-2.0
 * dict, and where instances keep their attributes: Include/internal/pycore_dict.h and
 * pycore_object.h. */
#include "lib/python/pyobj.h"

#include "lib/base/safe.h"

enum { MA_USED = 16, MA_KEYS = 32, MA_VALUES = 40 };
enum { TP_BASICSIZE = 32, TP_ITERNEXT = 224, TP_DICTOFFSET = 288 };
enum { KEYS_GENERAL = 0, KEYS_UNICODE = 1, KEYS_SPLIT = 2 };
#define MAX_ENTRIES (1ul << 32)

/* ≤ 3.10: refcnt, size, lookup, usable, nentries, indices at 40. */
static int open_old_keys(struct tc_dict *dict, tc_addr keys)
{
	struct {
		int64_t refcnt, size;
		uint64_t lookup;
		int64_t usable, nentries;
	} head;

	if (tc_get(dict->py->mem, keys, &head) < 0)
		return -TC_EFAULT;
	if (head.size < 1 || head.nentries < 0 || head.nentries > head.size ||
	    head.size > (int64_t)MAX_ENTRIES)
		return -TC_ETYPE;
	uint64_t index = head.size <= 0xff	 ? 1 :
			 head.size <= 0xffff	 ? 2 :
			 head.size <= 0xffffffff ? 4 :
						   8;
	dict->entries = keys + sizeof(head) + (uint64_t)head.size * index;
	dict->n = (uint64_t)head.nentries;
	dict->entry_size = 24;
	return 0;
}

/* 3.11+: sizes as logarithms at 8 and 9, kind at 10, nentries at 24, indices at 32. */
static int open_new_keys(struct tc_dict *dict, tc_addr keys)
{
	struct {
		int64_t refcnt;
		uint8_t log2_size, log2_index_bytes, kind, pad;
		uint32_t version;
		int64_t usable, nentries;
	} head;

	if (tc_get(dict->py->mem, keys, &head) < 0)
		return -TC_EFAULT;
	if (head.log2_size > 32 || head.log2_index_bytes > 40 || head.kind > KEYS_SPLIT ||
	    head.nentries < 0 || (uint64_t)head.nentries > 1ul << head.log2_size)
		return -TC_ETYPE;
	dict->entries = keys + sizeof(head) + (1ul << head.log2_index_bytes);
	dict->n = (uint64_t)head.nentries;
	dict->entry_size = head.kind == KEYS_GENERAL ? 24 : 16;
	return 0;
}

/* Begin to iterate over a table of keys. values: the address of the values where they are kept
 * apart (a split table), else 0. */
static int open_keys(struct tc_dict *dict, const struct tc_py *py, tc_addr keys, tc_addr values)
{
	dict->py = py;
	dict->values = values && py->at.prefixed_values ? values + 8 : values;
	dict->i = 0;
	dict->used = 0;
	dict->window_at = dict->window_n = 0;
	return py->at.new_keys ? open_new_keys(dict, keys) : open_old_keys(dict, keys);
}

int tc_dict_open(const struct tc_py *py, tc_addr addr, struct tc_dict *ret)
{
	struct {
		uint64_t used, version;
		tc_addr keys, values;
	} body;

	if (tc_get(py->mem, addr + MA_USED, &body) < 0)
		return -TC_EFAULT;
	int r = open_keys(ret, py, body.keys, body.values);
	ret->used = body.used;
	return r;
}

int tc_type_facts_read(const struct tc_py *py, tc_addr type, struct tc_type_facts *ret)
{
	uint8_t body[TP_DICTOFFSET + 8];

	if (tc_read(py->mem, type, body, sizeof(body)) < 0)
		return -TC_EFAULT;
	memcpy(&ret->flags, body + TC_TP_FLAGS, 8);
	memcpy(&ret->basicsize, body + TP_BASICSIZE, 8);
	memcpy(&ret->dictoffset, body + TP_DICTOFFSET, 8);
	memcpy(&ret->iternext, body + TP_ITERNEXT, 8);
	ret->cached_keys = 0;
	if (ret->flags & TC_TPFLAG_HEAPTYPE)
		return tc_get(py->mem, type + py->at.ht_cached_keys, &ret->cached_keys);
	return 0;
}

/* Begin to iterate over the values of an instance that has no dict object yet; the type has their
 * keys. */
static int open_values(const struct tc_py *py, const struct tc_type_facts *type, tc_addr values,
		       struct tc_dict *ret)
{
	if (!type->cached_keys || !values)
		return -TC_ETYPE;
	return open_keys(ret, py, type->cached_keys, values);
}

static int open_managed(const struct tc_py *py, tc_addr addr, const struct tc_type_facts *type,
			struct tc_dict *ret)
{
	tc_addr word, values = 0;

	if (tc_get(py->mem, addr - 24, &word) < 0)
		return -TC_EFAULT;
	switch (py->at.attrs) {
	case TC_ATTRS_311:
		if (tc_get(py->mem, addr - 32, &values) < 0)
			return -TC_EFAULT;
		return values ? open_values(py, type, values, ret) :
		       word   ? tc_dict_open(py, word, ret) :
				-TC_ETYPE;
	case TC_ATTRS_TAGGED:
		return word & 1 ? open_values(py, type, word + 1, ret) :
		       word	? tc_dict_open(py, word, ret) :
				  -TC_ETYPE;
	case TC_ATTRS_INLINE:
		if (word)
			return tc_dict_open(py, word, ret);
		return type->flags & TC_TPFLAG_INLINE_VALUES ?
			       open_values(py, type, addr + type->basicsize, ret) :
			       -TC_ETYPE;
	default:
		return -TC_ETYPE;
	}
}

int tc_attrs_open(const struct tc_py *py, tc_addr addr, const struct tc_type_facts *type,
		  struct tc_dict *ret)
{
	tc_addr dict;

	if (py->at.attrs != TC_ATTRS_SLOT && type->flags & TC_TPFLAG_MANAGED_DICT)
		return open_managed(py, addr, type, ret);
	/* A negative dictoffset counts from the end of an object of variable size. No class that we
	 * read is one, so it is not supported. */
	if (type->dictoffset <= 0)
		return -TC_ETYPE;
	if (tc_get(py->mem, addr + (uint64_t)type->dictoffset, &dict) < 0)
		return -TC_EFAULT;
	return dict ? tc_dict_open(py, dict, ret) : -TC_ETYPE;
}

tc_addr tc_attrs_dict(const struct tc_py *py, tc_addr addr, const struct tc_type_facts *type)
{
	bool managed = py->at.attrs != TC_ATTRS_SLOT && type->flags & TC_TPFLAG_MANAGED_DICT;
	tc_addr dict = 0;

	if (managed)
		tc_get(py->mem, addr - 24, &dict);
	else if (type->dictoffset > 0)
		tc_get(py->mem, addr + (uint64_t)type->dictoffset, &dict);
	return managed && py->at.attrs == TC_ATTRS_TAGGED && dict & 1 ? 0 : dict;
}

/* Read the next entries, from entry i on, into the window. */
static int fill(struct tc_dict *dict)
{
	uint64_t n = dict->n - dict->i;

	if (n > TC_DICT_WINDOW)
		n = TC_DICT_WINDOW;
	int r = tc_read(dict->py->mem, dict->entries + dict->i * dict->entry_size, dict->window,
			n * dict->entry_size);
	dict->window_at = 0;
	dict->window_n = r < 0 ? 0 : (uint32_t)n;
	return r;
}

int tc_dict_next(struct tc_dict *dict, tc_addr *ret_key, tc_addr *ret_value)
{
	while (dict->i < dict->n) {
		if (dict->window_at == dict->window_n && fill(dict) < 0)
			return -TC_EFAULT;
		const uint64_t *entry = dict->window + dict->window_at * (dict->entry_size / 8);
		tc_addr key = dict->entry_size == 24 ? entry[1] : entry[0];
		tc_addr value = dict->entry_size == 24 ? entry[2] : entry[1];
		if (dict->values && tc_get(dict->py->mem, dict->values + 8 * dict->i, &value) < 0)
			return -TC_EFAULT;
		dict->window_at++;
		dict->i++;
		if (key && value) {
			*ret_key = key;
			*ret_value = value;
			return 1;
		}
	}
	return 0;
}

static int find(struct tc_dict *dict, const char *name, tc_addr *ret)
{
	tc_addr key, value;
	int r;

	while ((r = tc_dict_next(dict, &key, &value)) > 0)
		if (tc_str_is(dict->py, key, name)) {
			*ret = value;
			return 0;
		}
	return r < 0 ? r : -TC_ETYPE;
}

int tc_dict_get(const struct tc_py *py, tc_addr addr, const char *key, tc_addr *ret)
{
	struct tc_dict dict;
	int r = tc_dict_open(py, addr, &dict);

	return r < 0 ? r : find(&dict, key, ret);
}

int tc_attr_get(const struct tc_py *py, tc_addr addr, const char *name, tc_addr *ret)
{
	struct tc_type_facts facts;
	struct tc_dict dict;
	tc_addr type;
	int r = tc_get(py->mem, addr + TC_OB_TYPE, &type);

	if (r == 0)
		r = tc_type_facts_read(py, type, &facts);
	if (r == 0)
		r = tc_attrs_open(py, addr, &facts, &dict);
	return r < 0 ? r : find(&dict, name, ret);
}

/* PyMemberDescrObject.d_member at 40 points to PyMemberDef {name, type, offset};
 * Include/descrobject.h. */
int tc_slot_offset(const struct tc_py *py, tc_addr type, const char *name, uint64_t *ret)
{
	tc_addr descriptor, member, base = type;
	uint64_t offset;

	for (int depth = 0; depth < 8 && base; depth++) {
		tc_addr dict;
		if (tc_get(py->mem, base + TC_TP_DICT, &dict) == 0 && dict &&
		    tc_dict_get(py, dict, name, &descriptor) == 0) {
			if (tc_get(py->mem, descriptor + 40, &member) < 0 ||
			    tc_get(py->mem, member + 16, &offset) < 0)
				return -TC_EFAULT;
			if (offset < 16 || offset > 4096)
				return -TC_ETYPE;
			*ret = offset;
			return 0;
		}
		if (tc_get(py->mem, base + TC_TP_BASE, &base) < 0)
			return -TC_EFAULT;
	}
	return -TC_ETYPE;
}
