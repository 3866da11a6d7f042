# SPDX-License-Identifier: Apache-2.0
"""A second reader of dumps, made from docs/format.md alone: it shares nothing with lib/ or analyzer/.

Where it and the analyzer disagree about a file, one of them does not do what the page says. It is strict: a byte of the file
that it cannot account for, a reference to an entry that nobody defined, a flag without a name is an error (Wrong). Chunks that
are damaged and a file that is cut are none: they are told in the report's problems. Run as a program it prints a report."""
import json
import struct
import sys

VERSION = 2
FEATURES = 0  # none is defined yet
NOTE_HEAD, NOTE_RECORDS, NOTE_STATUS = 0x54430001, 0x54430002, 0x54430003
STRING, TYPE, CODE, SITE, CHAIN, CONTEXT, LOOP, INTERP = range(8)
TABLES = 8
PYTHON_FRAMES = {1, 2, 3, 5}
MIB = 1 << 20
NT_SIGINFO = 0x53494749
RUNNING, MUST_CANCEL, TORN, LAZY_NAME, STATE_UNKNOWN, NO_WAITER = 4, 8, 128, 1024, 8192, 32768  # flags of a task


class Wrong(Exception):
    """The file is not as the page says."""


class Refused(Exception):
    """The page says that this reader must not read the file: another version, a feature it does not know."""


def must(condition, text, *args):
    if not condition:
        raise Wrong(text % args)


# Section 4: the checksum.


def crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC_TABLE = crc_table()


def crc32c(data):
    table, crc = CRC_TABLE, 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


# Section 5: fields.


class Fields:
    """A cursor on the payload of one record."""

    def __init__(self, dump, data):
        self.dump, self.data, self.at = dump, data, 0
        self.references = 0  # the stream references
        self.n_words = 0  # in TC_REC_REFS: how many it has
        self.values = []  # those of this record, for TC_VAL_SAME
        self.same = False  # whether it may have such

    def over(self):
        """Whether the fields that are there have all been read: the others are 0."""
        return self.at == len(self.data)

    def take(self, n):
        must(self.at + n <= len(self.data), "a field reaches past the end of its record")
        self.at += n
        return self.data[self.at - n : self.at]

    def leb(self):
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                must(value < 1 << 64, "a number of more than 64 bits")
                must(byte or not shift, "a number with a byte too many")
                return value
        raise Wrong("a number of more than 10 bytes")


def u(fields):
    return 0 if fields.over() else fields.leb()


def s(fields):
    value = u(fields)
    return value >> 1 ^ -(value & 1)


def b(fields):
    return b"" if fields.over() else fields.take(fields.leb())


def f(fields):
    return 0.0 if fields.over() else struct.unpack("<d", fields.take(8))[0]


def text(fields):
    return b(fields).decode("utf-8", "surrogateescape")


def rest(fields):
    return fields.take(len(fields.data) - fields.at)


def plus_1(fields):
    """A number that is written as one more, 0 being unknown."""
    value = u(fields)
    return value - 1 if value else None


def letter(fields):
    value = u(fields)
    must(value == 0 or 32 < value < 127, "a state that is no letter: %d", value)
    return chr(value) if value else None


def one_of(*values):
    def field(fields):
        value = u(fields)
        must(value in values, "%d is none of %s", value, values)
        return value

    return field


def flags(mask):
    def field(fields):
        value = u(fields)
        must(not value & ~mask, "flags %#x, of which only %#x are known", value, mask)
        return value

    return field


def ref(table):
    def field(fields):
        return fields.dump.entry(table, u(fields))

    return field


def delta(stream):
    def field(fields):
        if fields.over():
            return 0
        streams = fields.dump.streams
        streams[stream] = streams[stream] + s(fields) & (1 << 64) - 1
        return streams[stream]

    return field


def reference(fields):
    fields.references = fields.references + s(fields) & (1 << 64) - 1
    return fields.references


def times(field, most=None):
    """A number n, then n times the field; a list is there as a whole or not at all."""

    def all_of_them(fields):
        n, found = u(fields), []
        must(most is None or n <= most, "%d of something, of which there are at most %s", n, most)
        for _ in range(n):
            must(not fields.over(), "a list of %d ends early", n)
            found.append(field(fields))
        return found

    return all_of_them


def named(fields):
    name = ref(STRING)(fields)
    must(not fields.over(), "a name without its value")
    return name, v(fields)


def none(_):
    return None


# Section 7: values.


class Value:
    """One value: its tag, and of type, address, length and value those that the tag has."""

    def __init__(self, tag, type=None, address=None, length=None, value=None):
        self.tag, self.type, self.address, self.length, self.value = tag, type, address, length, value


VALUES = {
    0: ("unbound", ()),
    1: ("none", ()),
    2: ("true", ()),
    3: ("false", ()),
    4: ("int", (("value", s),)),
    5: ("float", (("value", f),)),
    6: ("string", (("value", ref(STRING)),)),
    7: ("ref", (("type", ref(TYPE)), ("address", reference))),
    8: ("sized", (("type", ref(TYPE)), ("address", reference), ("length", u))),
    9: ("word", (("value", u),)),
    10: ("atom", (("type", ref(TYPE)), ("length", u))),
}


def v(fields):
    tag = u(fields)
    if 16 <= tag <= 127:
        must(fields.same, "TC_VAL_SAME outside of TC_REC_LOCALS")
        must(tag - 16 < len(fields.values), "the same as value %d, which comes later", tag - 16)
        value = fields.values[tag - 16]
    else:
        must(tag in VALUES, "a value with tag %d", tag)
        name, parts, found = *VALUES[tag], {}
        for part, field in parts:
            must(not fields.over(), "a value of tag %d ends early", tag)
            found[part] = field(fields)
        value = Value(name, **found)
    fields.values.append(value)
    return value


# Sections 6 and 8 to 12: the records. Name, table that it defines an entry of, fields.

RECORDS = {
    1: (
        "head",
        None,
        "pid:u ns_pid:u ppid:u uid:u gid:u reason:text signal:u sender_pid:u sender_uid:u wall_ns:u mono_ns:u boot_ns:u "
        "start_ns:u exe:text args:b host:text release:text writer:text flags:head_flags state:letter page_size:u "
        "cgroup:text cookie:u features:u max_fds:plus_1",
    ),
    2: (
        "thread",
        None,
        "tid:u ns_tid:u name:text state:letter registers:registers pc:u sp:u syscall:plus_1 arg0:u arg1:u arg2:u arg3:u "
        "arg4:u arg5:u user_ns:u system_ns:u wchan:text flags:thread_flags stack:u stack_end:u kept:u kept_end:u",
    ),
    3: ("module", None, "base:u end:u device:u inode:u mtime_ns:u size:u build_id:b path:text"),
    10: ("string", STRING, "class:string_class bytes:rest"),
    11: ("type", TYPE, "address:u name:string module:string flags:type_flags"),
    12: (
        "code",
        CODE,
        "address:u name:string qualname:string file:string first_line:u co_flags:u names:names",
    ),
    13: ("site", SITE, "code:code lasti:plus_1 line:u column:plus_1 end_line:u end_column:plus_1"),
    14: ("chain", CHAIN, "parent:chain kind:frame reference:u runtime:runtime name:string"),
    15: ("context", CONTEXT, "variables:variables"),
    16: ("loopref", LOOP, "address:u type:type"),
    17: (
        "interp",
        INTERP,
        "address:u id:u runtime:runtime version:u flags:interp_flags layout:string implementation:string",
    ),
    18: (
        "fd",
        None,
        "fd:u file_type:u family:u socket_type:u local:b peer:b unread:plus_1 unsent:plus_1 name:b state:fd_state "
        "missing:fd_flags",
    ),
    19: ("look", None, "tid:u flags:look_flags state:letter watched_ns:u ran_ns:u waited_ns:u slept:u"),
    20: (
        "task",
        None,
        "flags:task_flags interp:interp address:tasks type:type name:names_stream loop:loop coroutine:s chain:chain "
        "leaf:s waiter:s cancels:u context:contexts exception:type thread:u runtime:runtime traceback:chain "
        "coro_name:string",
    ),
    21: ("locals", None, "frames:frames"),
    22: (
        "object",
        None,
        "address:object_address type:type flags:object_flags attrs:attrs n_items:u items:items",
    ),
    23: (
        "pythread",
        None,
        "interp:interp address:u tid:u pthread:u flags:pythread_flags loop:loop task:u chain:chain lock:u",
    ),
    24: (
        "loop",
        None,
        "loop:loop interp:interp flags:loop_flags ident:u tid:u ready:plus_1 timers:plus_1 overdue:plus_1 fds:plus_1 "
        "due_ns:u now_ns:u cancelled_timers:plus_1",
    ),
    25: (
        "handle",
        None,
        "loop:loop where:where flags:handle_flags fd:plus_1 due_ns:u callback:v code:code task:u argument:v",
    ),
    26: ("holds", None, "held:held"),
    27: ("refs", None, "address:object_address flags:refs_flags type:type count:u owner:u to:addresses site:site words:words"),
    28: ("bytecode", None, "code:code n_locals:u instructions:b handlers:b names:names nested:names"),
    29: ("function", None, "code:code flags:function_flags keys:names names:names nested:names"),
    30: ("fault", None, "address:u error:error what:string"),
    31: (
        "status",
        None,
        "found:u read:u torn:u cut:u done:u faults:u objects:u objects_cut:u flags:status_flags stood_ns:u took_ns:u "
        "notices:notices swapped:u bytes_read:u anew:u stopping_ns:u resuming_ns:u",
    ),
    32: ("heap", None, "interp:interp flags:heap_flags objects:u"),
    33: (
        "crash",
        None,
        "tid:u flags:crash_flags code:s address:u mapping:u mapping_end:u access:u path:text below:u above:u handler:u",
    ),
}


def object_address(fields):
    fields.references = delta("objects")(fields)
    return fields.references


def addresses(fields):
    found = times(reference, 1 << 20)(fields)
    fields.n_words = len(found)
    return found


def words(fields):
    """Where in its frame each of these references is: there if the site is."""
    return [] if fields.over() else [u(fields) for _ in range(fields.n_words)]


def hold(fields):
    """A context manager that a task or thread holds."""
    parts = {"flags": flags(3), "address": reference, "type": ref(TYPE), "place": ref(CHAIN)}
    must(not fields.over(), "a list of what is held ends early")
    return {part: field(fields) for part, field in parts.items()}


FIELDS = {
    "u": u,
    "s": s,
    "b": b,
    "v": v,
    "text": text,
    "rest": rest,
    "letter": letter,
    "plus_1": plus_1,
    "runtime": one_of(0, 1),
    "string": ref(STRING),
    "type": ref(TYPE),
    "code": ref(CODE),
    "chain": ref(CHAIN),
    "loop": ref(LOOP),
    "interp": ref(INTERP),
    "tasks": delta("tasks"),
    "names_stream": delta("names"),
    "contexts": delta("contexts"),
    "object_address": object_address,
    "registers": one_of(0, 1, 2, 3),
    "string_class": one_of(0, 1, 2, 3),
    "frame": one_of(1, 2, 3, 4, 5, 6, 9, 10),
    "fd_state": one_of(*range(12)),
    "where": one_of(0, 1, 2, 3),
    "error": one_of(*range(17)),
    "head_flags": flags(63),
    "look_flags": flags(3),
    "thread_flags": flags(7),
    "crash_flags": flags(63),
    "type_flags": flags(15),
    "interp_flags": flags(63),
    "fd_flags": flags(15),
    "task_flags": flags(131071),
    "object_flags": flags(3),
    "pythread_flags": flags(63),
    "loop_flags": flags(63),
    "handle_flags": flags(1),
    "status_flags": flags(127),
    "names": times(ref(STRING), 4096),
    "variables": times(named, 64),
    "attrs": times(named, 64),
    "items": times(v, 10000),
    "frames": times(times(v), 4096),
    "held": times(hold, 256),
    "refs_flags": flags(31),
    "function_flags": flags(15),
    "heap_flags": flags(1),
    "words": words,
    "site": ref(SITE),
    "addresses": addresses,
    "notices": times(text),
}
RECORDS = {
    kind: (name, table, [part.split(":") for part in spec.split()])
    for kind, (name, table, spec) in RECORDS.items()
}


class Lost:
    """What a reference into a lost chunk resolves to."""

    def __getitem__(self, name):
        return None


class Dump:
    """What a file says: its records by kind, in the order of the file, references replaced by the entries they mean."""

    def __init__(self):
        self.records = {name: [] for name, _, _ in RECORDS.values()}
        self.tables = [{} for _ in range(TABLES)]
        self.next = [1] * TABLES
        self.streams = {}
        self.problems = []  # lost chunks, a cut: the file was read, and is incomplete
        self.lost = False
        self.cut = False
        self.subject = None  # whose the next locals are
        self.holder = None  # the task or thread whose the next holds are
        self.notes = []  # of owner CORE
        self.seq = -1

    # Section 6.

    def entry(self, table, number):
        if number == 0:
            return None
        if number in self.tables[table]:
            return self.tables[table][number]
        must(self.lost and number < self.next[table], "entry %d of table %d is not defined", number, table)
        return Lost()

    def define(self, table, entry):
        self.tables[table][self.next[table]] = entry
        self.next[table] += 1

    def begin(self, bases):
        """The bases of a chunk."""
        for table, base in enumerate(bases):
            must(base == self.next[table] or self.lost and base > self.next[table], "base %d of table %d, not %d",
                 base, table, self.next[table])
            self.next[table] = base
        self.streams = dict.fromkeys(("tasks", "objects", "names", "contexts"), 0)

    # Section 5.

    def record(self, kind, data):
        must(kind in RECORDS, "a record of unknown kind %d", kind)
        name, table, spec = RECORDS[kind]
        fields = Fields(self, data)
        fields.same = name == "locals"
        whose = {"locals": self.subject, "holds": self.holder}
        if name in whose:
            must(whose[name] or self.lost, "%s of nobody", name)
            fields.references = whose[name]["subject"] if whose[name] else 0
        record = {part: FIELDS[field](fields) for part, field in spec}
        must(fields.at == len(data), "%d bytes after the last field of a %s", len(data) - fields.at, name)
        if name != "locals":
            self.subject = None
        if table is None and name not in whose:
            self.holder = None
        getattr(self, "take_" + name, none)(record)
        self.records[name].append(record)
        if table is not None:
            self.define(table, record)

    def take_head(self, head):
        unknown = head["features"] & ~FEATURES
        if unknown:
            raise Refused("feature bits %#x are not known" % unknown)

    def take_string(self, string):
        must(len(string["bytes"]) <= 65536, "a string of %d bytes", len(string["bytes"]))
        try:
            string["text"] = string["bytes"].decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:  # a name that a library in C gave
            string["text"] = string["bytes"].decode("utf-8", "replace")

    def take_chain(self, link):
        parent = link["parent"]
        link["depth"] = 1 if parent is None else (parent["depth"] or 0) + 1
        must(link["depth"] <= 65536 + 1, "a chain of %d links", link["depth"])
        tables = {4: TYPE, 6: STRING, 9: STRING}
        if link["kind"] == 10:
            must(link["reference"] == 0, "an unknown frame with a reference")
            link["of"] = None
        else:
            link["of"] = self.entry(tables.get(link["kind"], SITE), link["reference"])

    def take_task(self, task):
        must(task["flags"] & 3 != 3, "a task in state 3")
        address = task["address"]
        task["leaf"] = address + task["leaf"] if task["leaf"] else None
        if task["leaf"]:
            self.streams["objects"] = task["leaf"]
        task["coroutine"] = address + task["coroutine"] if task["coroutine"] else None
        task["waiter"] += task["leaf"] or address
        if task["flags"] & NO_WAITER:
            task["waiter"] = None
        if not task["flags"] & LAZY_NAME:
            task["name"] = self.entry(STRING, task["name"])
        task["context"] = self.entry(CONTEXT, task["context"])
        task["locals"], task["holds"] = None, ()
        task["subject"] = task["leaf"] or address
        self.subject = self.holder = task

    def take_pythread(self, thread):
        thread["locals"], thread["holds"] = None, ()
        thread["subject"] = thread["address"]
        self.subject = self.holder = thread

    def take_locals(self, local):
        whose, self.subject = self.subject, None
        if whose is None:
            return  # lost with its chunk
        frames = [link for link in links(whose["chain"]) if link["kind"] in PYTHON_FRAMES]
        must(len(local["frames"]) <= len(frames) or self.lost, "locals of %d frames, of which there are %d",
             len(local["frames"]), len(frames))
        whose["locals"] = local["frames"]
        for link, slots in zip(frames, local["frames"]):
            code = (link["of"] or Lost())["code"]
            names = (code or Lost())["names"]
            must(names is None or len(slots) <= len(names), "%d locals of %d names", len(slots), len(names or ()))

    def take_holds(self, holds):
        holder, self.holder = self.holder, None
        must(holds["held"], "a record of nothing held")
        if holder is None:
            return  # lost with its chunk
        must("coroutine" not in holder or not holder["flags"] & RUNNING, "a running task that holds something")
        holder["holds"] = holds["held"]
        for one in holds["held"]:
            must(one["address"] and one["type"] and one["place"], "something held without address, type or place")
            must(self.lost or one["place"]["kind"] in PYTHON_FRAMES, "a with statement in no frame")

    # Section 4.

    def chunk(self, offset, data):
        """One descriptor; what it is of, or None where it is damaged."""
        must(len(data) >= 24, "a chunk of %d bytes", len(data))
        crc, version = struct.unpack_from("<2I", data)
        if crc != crc32c(data[4:]):
            if crc == 1 and version == crc32c(data[8:]):
                raise Refused("version 1 of the format")
            self.problems.append("the chunk at %d is damaged" % offset)
            self.lost = True
            self.subject = self.holder = None
            return None
        if version != VERSION:
            raise Refused("version %d of the format" % version)
        must(len(data) <= 4 * MIB, "a chunk of %d bytes", len(data))
        return self.summed_chunk(data)

    def summed_chunk(self, data):
        _, _, size, seq, n_records, n_tables = struct.unpack_from("<6I", data)
        must(24 + 4 * n_tables <= size <= len(data), "a header of %d bytes", size)
        must(seq == self.seq + 1 or self.lost and seq > self.seq, "chunk %d after chunk %d", seq, self.seq)
        self.seq = seq
        self.begin(struct.unpack_from("<%dI" % min(n_tables, TABLES), data, 24))
        kinds = self.read_records(Fields(self, data[size:]))
        must(len(kinds) == n_records, "%d records, not %d", len(kinds), n_records)
        return kinds

    def cut_chunk(self, owner, data):
        """The records that are whole in a chunk whose end is lost."""
        if owner == b"TaskCore\0" and len(data) >= 24 and struct.unpack_from("<I", data, 4)[0] == VERSION:
            try:
                self.summed_chunk(data)
            except Wrong:
                pass  # the first that is not whole

    def read_records(self, cursor):
        kinds = []
        while cursor.at < len(cursor.data):
            at = cursor.at
            kind, length = cursor.leb(), cursor.leb()
            must(length <= MIB, "a record of %d bytes", length)
            try:
                self.record(kind, cursor.take(length))
            except Wrong as wrong:
                raise Wrong("%s (record %d of its chunk, kind %d, at %d of its records)" % (wrong, len(kinds), kind, at))
            kinds.append(kind)
        return kinds


def links(innermost):
    """The links of a chain, outermost first; those that are lost, and what was around them, are not among them."""
    found = []
    while innermost is not None and not isinstance(innermost, Lost):
        found.append(innermost)
        innermost = innermost["parent"]
    return found[::-1]


# Sections 1 to 3: the container.


def padded(n):
    return n + 3 & ~3


def notes(data, start, end, whole):
    """Offset, owner, type and descriptor of each note, and whether it fits: in a file that is cut the last one may not."""
    at = start
    while at + 12 <= end:
        n_name, n_desc, kind = struct.unpack_from("<3I", data, at)
        begin = at + 12 + padded(n_name)
        if begin + padded(n_desc) > end and not whole:
            yield begin, bytes(data[at + 12 : at + 12 + n_name]), kind, data[begin:end], False
            return
        must(begin + padded(n_desc) <= end, "the note at %d does not fit", at)
        must(not any(data[at + 12 + n_name : begin]), "padding of the name at %d is not zero", at)
        must(not any(data[begin + n_desc : begin + padded(n_desc)]), "padding of the note at %d is not zero", at)
        yield begin, bytes(data[at + 12 : at + 12 + n_name]), kind, data[begin : begin + n_desc], True
        at = begin + padded(n_desc)
    must(at == end or not whole, "%d bytes after the last note at %d", end - at, at)


def program_headers(data):
    must(len(data) >= 64, "%d bytes are no ELF header", len(data))
    must(data[:7] == b"\x7fELF\x02\x01\x01", "no ELF64 file")
    kind, machine, version, _, phoff, _, _, ehsize, phentsize, phnum = struct.unpack_from("<HHIQQQIHHH", data, 16)
    must((kind, version, ehsize, phentsize) == (4, 1, 64, 56), "no core file")
    must(2 <= phnum < 65535, "%d program headers", phnum)
    must(phoff == 64 and phoff + 56 * phnum <= len(data), "the file ends in its program headers")
    found = []
    for i in range(phnum):
        names = ("type", "flags", "offset", "vaddr", "paddr", "filesz", "memsz", "align")
        found.append(dict(zip(names, struct.unpack_from("<2I6Q", data, phoff + 56 * i))))
    return found


def check_layout(headers, data):
    """Section 1: the order of the parts, and that no byte lies outside of them but padding."""
    must([one["type"] for one in headers] == [4] + [1] * (len(headers) - 2) + [4], "program headers out of order")
    loads = headers[1:-1]
    must(all(one["align"] == 4096 for one in loads), "p_align is not 4096")
    must(all(one["vaddr"] + one["memsz"] <= two["vaddr"] for one, two in zip(loads, loads[1:])), "p_vaddr not ascending")
    must(all(one["filesz"] in (0, one["memsz"]) for one in loads), "p_filesz is neither p_memsz nor 0")
    at = 64 + 56 * len(headers)
    for one in headers:
        if one["filesz"] or one is headers[-1]:
            must(one["offset"] >= at, "parts of the file overlap at %d", at)
            must(not any(data[at : one["offset"]]), "bytes between %d and %d belong to no part", at, one["offset"])
            at = one["offset"] + one["filesz"]


def read_head(dump, data, head):
    end = head["offset"] + head["filesz"]
    chunks = 0
    for offset, owner, kind, descriptor, fits in notes(data, head["offset"], min(end, len(data)), end <= len(data)):
        if not fits:
            dump.cut_chunk(owner, descriptor)
        elif owner == b"CORE\0":
            dump.notes.append((kind, descriptor))
        elif owner == b"TaskCore\0" and kind == NOTE_HEAD:
            chunks += 1
            kinds = dump.chunk(offset, descriptor)
            must(set(kinds or ()) <= {1, 2, 3, 33}, "the head has records of kinds %s", kinds)
        else:
            must(False, "a note of %r, type %#x, in the head", owner, kind)
    must(chunks == 1 or end > len(data), "%d head chunks", chunks)


def read_tail(dump, data, tail):
    end = tail["offset"] + tail["filesz"]
    dump.cut = not tail["filesz"] or end > len(data)
    must(dump.cut or end == len(data), "%d bytes after the tail", len(data) - end)
    ended = False
    for offset, owner, kind, descriptor, fits in notes(data, tail["offset"], len(data), not dump.cut):
        if not fits:
            dump.cut_chunk(owner, descriptor)
            break
        must(owner == b"TaskCore\0" and kind in (NOTE_RECORDS, NOTE_STATUS), "a note of %r, type %#x", owner, kind)
        must(not ended, "a note after the status")
        kinds = dump.chunk(offset, descriptor)
        ended = kind == NOTE_STATUS
        if kinds is not None:
            must(not ended or kinds == [31], "the status has records of kinds %s", kinds)
            must(ended or not {1, 31} & set(kinds), "a head or a status among the other records")
    dump.cut = dump.cut or not ended
    if dump.cut:
        dump.problems.append("the file is cut")


def check_sums(dump):
    """What the page says of a whole file beyond its single records."""
    tasks, faults = dump.records["task"], dump.records["fault"]
    must(len(dump.records["status"]) == 1 and len(dump.records["head"]) == 1, "no status, or no head")
    status = dump.records["status"][0]
    must(status["found"] == status["read"] + status["torn"] + status["cut"], "found is not read + torn + cut")
    done = sum(one["flags"] & (3 | TORN) in (1, 2) for one in tasks)
    must(done == status["done"], "%d finished tasks, not %d", done, status["done"])
    alive = len(tasks) - done
    must(status["read"] <= alive <= status["found"], "%d tasks, found %d", alive, status["found"])
    must(len(faults) == min(status["faults"], 1000), "%d faults, not %d", len(faults), status["faults"])
    must(len(dump.records["object"]) == status["objects"], "%d objects", len(dump.records["object"]))
    threads = [one["tid"] for one in dump.records["thread"]]
    tids = [struct.unpack_from("<i", descriptor, 32)[0] for kind, descriptor in dump.notes if kind == 1]
    must(tids == threads, "NT_PRSTATUS of %s, threads %s", tids, threads)
    crashes = dump.records["crash"]
    must(len(crashes) <= 1 and [one["tid"] for one in crashes] in ([], threads[:1]), "crashes: %s, threads %s", crashes, threads)
    must(len([kind for kind, _ in dump.notes if kind == NT_SIGINFO]) == len(crashes), "NT_SIGINFO without a crash, or the other way round")


def check_stacks(dump, loads):
    """Section 2: registers, and the bytes of stacks."""
    registers = [struct.unpack_from("<27Q", descriptor, 112) for kind, descriptor in dump.notes if kind == 1]
    for one, regs in zip(dump.records["thread"], registers):
        must((regs[16], regs[19]) == (one["pc"], one["sp"]), "thread %d: pc and sp in NT_PRSTATUS", one["tid"])
        must(one["registers"] >= 2 or not any(regs[:16]), "thread %d: registers that nobody knew", one["tid"])
        if not one["kept_end"]:
            continue
        must(one["stack"] <= one["kept"] < one["kept_end"] <= one["stack_end"], "thread %d: kept is not in its stack", one["tid"])
        must(one["sp"] - 128 < one["stack"] or one["kept"] <= one["sp"] - 128, "thread %d: no red zone", one["tid"])
        must(any(load["vaddr"] <= one["kept"] and one["kept_end"] <= load["vaddr"] + load["filesz"] for load in loads),
             "thread %d: its stack is in no segment", one["tid"])


def load(path, sums=True):
    """The Dump in a file. sums: it is a writer's, not a builder's of tests: what the page says of the whole is true too."""
    with open(path, "rb") as file:
        data = file.read()
    dump = Dump()
    headers = program_headers(data)
    check_layout(headers, data)
    read_head(dump, data, headers[0])
    read_tail(dump, data, headers[-1])
    if sums and not dump.problems:
        check_sums(dump)
        check_stacks(dump, headers[1:-1])
    return dump


# The report: the same in the shape of the analyzer's JSON, as far as nothing has to be concluded.

FRAMES = {
    1: "coroutine",
    2: "generator",
    3: "asyncgen",
    4: "awaitable",
    5: "frame",
    6: "coroutine",
    9: "text",
    10: "unknown",
}
STATES = ("pending", "cancelled", "done")


def string(entry):
    return entry["text"] if entry is not None else None


def type_name(entry):
    if entry is None:
        return None
    name, module = string(entry["name"]), string(entry["module"])
    return name if module in (None, "builtins") else "%s.%s" % (module, name)


def address(value):
    return "0x%x" % value if value else None


def show_value(value, ids):
    """A value: its type, and what is known of it."""
    known = {"none": ("NoneType", None), "true": ("bool", True), "false": ("bool", False)}
    if value.tag in known:
        kind, content = known[value.tag]
        return {"type": kind, "value": content}
    if value.tag in ("int", "float"):
        return {"type": value.tag, "value": value.value}
    if value.tag == "string":
        return {"type": "str", "value": string(value.value)}
    if value.tag == "word":
        return {"type": "word", "word": value.value}
    shown = {"type": type_name(value.type), "value": ids.get(value.address)}
    return shown if value.length is None else dict(shown, size=value.length)


def show_named(pairs, ids):
    return {string(name): show_value(value, ids) for name, value in pairs if value.tag != "unbound"}


def show_site(site, own):
    code = site["code"] or Lost()
    return {
        "function": string(own) or string(code["qualname"]) or string(code["name"]),
        "file": string(code["file"]),
        "line": site["line"] or None,
        "column": site["column"] + 1 if site["column"] is not None else None,
    }


def show_link(link):
    shown = {"kind": FRAMES.get(link["kind"]), "function": None, "file": None, "line": None, "column": None}
    if link["kind"] in PYTHON_FRAMES:
        shown.update(show_site(link["of"] or Lost(), link["name"]))
    elif link["kind"] == 4:
        shown["function"] = type_name(link["of"])
    elif link["kind"] in (6, 9):
        shown["function"] = string(link["of"])
    elif link["kind"] == 10:
        shown["function"] = "?"
    return shown


def show_chain(innermost, local=None, ids=None):
    """The links of a chain, with the locals of its Python links."""
    shown, frames = [], iter(local or ())
    for link in links(innermost):
        one = show_link(link)
        slots = next(frames, ()) if link["kind"] in PYTHON_FRAMES else ()
        if slots:
            code = (link["of"] or Lost())["code"] or Lost()
            one["locals"] = show_named(zip(code["names"] or (), slots), ids)
        shown.append(one)
    return shown


def show_hold(one, ids):
    """A context manager that a task holds, and where its with statement is."""
    shown = show_link(one["place"])
    return {
        "id": ids.get(one["address"]),
        "type": type_name(one["type"]),
        "address": address(one["address"]),
        "async": bool(one["flags"] & 1),
        "inside": bool(one["flags"] & 2),
        "function": shown["function"],
        "line": shown["line"],
    }


def show_task(task, ids, loops):
    flags, exception = task["flags"], task["exception"]
    state = "?" if flags & STATE_UNKNOWN else STATES[flags & 3]
    return {
        "id": ids[task["address"]],
        "name": "Task-%d" % task["name"] if flags & LAZY_NAME else string(task["name"]),
        "class": type_name(task["type"]),
        "state": "running" if flags & RUNNING else state,
        "loop": loops.get(id(task["loop"])),
        "must_cancel": bool(flags & MUST_CANCEL),
        "cancels_requested": task["cancels"],
        "chain": show_chain(task["chain"], task["locals"], ids),
        "waits_for": {"object": ids.get(task["leaf"])},
        "holds": [show_hold(one, ids) for one in task["holds"]],
        "context": show_named((task["context"] or {"variables": ()})["variables"] or (), ids),
        "exception": exception
        and {
            "type": type_name(exception),
            "traceback": show_chain(task["traceback"]),
            "coro": string(task["coro_name"]),
        },
        "address": address(task["address"]),
        "leaf": address(task["leaf"]),
        "waiter": address(task["waiter"]),
        "coroutine": address(task["coroutine"]),
        "flags": flags,
        "thread": task["thread"],
    }


def show_object(thing, ids):
    return {
        "id": ids[thing["address"]],
        "type": type_name(thing["type"]),
        "address": address(thing["address"]),
        "attrs": show_named(thing["attrs"], ids),
        "n_items": thing["n_items"],
        "items": [show_value(item, ids) for item in thing["items"]],
        "flags": thing["flags"],
    }


def show_loop(number, entry, records):
    """A loop of the table, with its record where it has one."""
    loop = next((one for one in records if one["loop"] is entry), Lost())
    numbers = ("ready", "timers", "cancelled_timers", "overdue", "fds", "flags", "tid", "due_ns", "now_ns")
    return {
        "id": "L%d" % number,
        "class": type_name(entry["type"]),
        **{word: loop[word] for word in numbers},
    }


def show_thread(thread, os_threads, ids, loops):
    known = os_threads.get(thread["tid"], {})
    return {
        "tid": thread["tid"],
        "name": known.get("name"),
        "state": known.get("state"),
        "syscall": known.get("syscall"),
        "loop": loops.get(id(thread["loop"])),
        "task": ids.get(thread["task"]),
        "python": show_chain(thread["chain"], thread["locals"], ids),
        "flags": thread["flags"],
        "address": address(thread["address"]),
    }


def show_handle(handle, ids, loops):
    return {
        "loop": loops.get(id(handle["loop"])),
        **{word: handle[word] for word in ("where", "flags", "fd", "due_ns")},
        "callback": show_value(handle["callback"], ids),
        "code": string((handle["code"] or Lost())["name"]),
        "task": ids.get(handle["task"]),
        "argument": show_value(handle["argument"], ids),
    }


def show_descriptor(one):
    numbers = ("fd", "file_type", "family", "socket_type", "unread", "unsent", "state", "missing")
    names = {word: one[word].decode("utf-8", "surrogateescape") for word in ("local", "peer", "name")}
    return {**{word: one[word] for word in numbers}, **names}


def show_head(dump):
    head, status = (dump.records[name][0] if dump.records[name] else None for name in ("head", "status"))
    shown = {
        "counts": {
            word: status and status[of]
            for word, of in (("tasks", "found"), *((word, word) for word in ("read", "torn", "cut", "done")))
        },
        "complete": bool(status) and not status["flags"] & 8 and not dump.problems,
        "problems": dump.problems,
    }
    if head:
        shown.update({word: head[word] for word in ("reason", "pid", "exe", "host", "state")})
        shown.update(hook=bool(head["flags"] & 1), argv=head["args"].decode("utf-8", "surrogateescape").split("\0")[:-1])
    if status:
        shown.update(pause_ns=status["stood_ns"], duration_ns=status["took_ns"], frozen=bool(status["flags"] & 1))
        shown["truncated"] = status["notices"]
    return shown


def report(dump):
    records = dump.records
    ids = {one["address"]: "O%d" % n for n, one in enumerate(records["object"], 1)}
    ids.update({one["address"]: "T%d" % n for n, one in enumerate(records["task"], 1)})
    loops = {id(entry): "L%d" % n for n, entry in sorted(dump.tables[LOOP].items())}
    os_threads = {one["ns_tid"]: one for one in records["thread"]}
    return {
        "dump": show_head(dump),
        "loops": [show_loop(number, entry, records["loop"]) for number, entry in sorted(dump.tables[LOOP].items())],
        "tasks": [show_task(one, ids, loops) for one in records["task"]],
        "objects": [show_object(one, ids) for one in records["object"]],
        "descriptors": [show_descriptor(one) for one in records["fd"]],
        "threads": [show_thread(one, os_threads, ids, loops) for one in records["pythread"]],
        "handles": [show_handle(one, ids, loops) for one in records["handle"]],
        "faults": [dict(one, what=string(one["what"])) for one in records["fault"]],
        "status": records["status"][0] if records["status"] else {},
    }


def read(path, sums=True):
    return report(load(path, sums))


if __name__ == "__main__":
    json.dump(read(sys.argv[1]), sys.stdout, indent=1)
