#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads a dump by docs/format.md alone, without the analyzer: a second reader that tells errors of the writer from errors of the reader.

  decode.py FILE        prints what the file holds as JSON, in the shape of the report where both have the same thing

It reads whole files only; damage is a ValueError."""
import json
import struct
import sys

CASTAGNOLI = 0x82F63B78
FRAMES = {
    1: "coroutine",
    2: "generator",
    3: "asyncgen",
    4: "awaitable",
    5: "frame",
    6: "awaitable",
    9: "text",
    10: "unknown",
}
STATES = ["pending", "cancelled", "done", "?"]
PYTHON_KINDS = (1, 2, 3, 5)


def crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (CASTAGNOLI if n & 1 else 0)
        table.append(n)
    return table


TABLE = crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


class Record:
    """The payload of one record; streams: previous addresses of the chunk."""

    def __init__(self, data, streams):
        self.data, self.at, self.streams, self.values = data, 0, streams, []

    def u(self):
        value = shift = 0
        while self.at < len(self.data):
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value & (1 << 64) - 1
        return value

    def s(self):
        value = self.u()
        return value >> 1 ^ -(value & 1)

    def b(self):
        size = self.u()
        self.at += size
        return self.data[self.at - size : self.at].decode("utf-8", "replace")

    def d(self, stream):
        self.streams[stream] = (self.streams.get(stream, 0) + self.s()) & (1 << 64) - 1
        return self.streams[stream]

    def f(self):
        self.at += 8
        return struct.unpack("<d", self.data[self.at - 8 : self.at])[0]


class Dump:
    def __init__(self, data):
        self.strings, self.types, self.codes, self.sites = [None], [None], [None], [None]
        self.chains, self.contexts, self.looprefs, self.interps = [None], [None], [None], [None]
        self.tasks, self.objects, self.threads, self.loops, self.handles, self.faults = (
            [],
            [],
            [],
            [],
            [],
            [],
        )
        self.descriptors = []
        self.status = self.head = self.owner = None
        for note_type, body in self.notes(data):
            self.chunk(note_type, body)

    def notes(self, data):
        """All notes of owner TaskCore, in the order of the file."""
        if data[:4] != b"\x7fELF":
            raise ValueError("no ELF file")
        offset, count = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
        for i in range(count):
            kind, _, start, _, _, size = struct.unpack_from("<IIQQQQ", data, offset + 56 * i)
            at = start
            while kind == 4 and at < start + size:
                name_size, body_size, note_type = struct.unpack_from("<III", data, at)
                name = data[at + 12 : at + 12 + name_size]
                body = at + 12 + (name_size + 3 & ~3)
                if name == b"TaskCore\0":
                    yield note_type, data[body : body + body_size]
                at = body + (body_size + 3 & ~3)

    def chunk(self, note_type, body):
        crc, version, header_size, seq, count, n_tables = struct.unpack_from("<6I", body)
        base = struct.unpack_from("<%dI" % n_tables, body, 24)
        if version != 2:
            raise ValueError("version %d" % version)
        if len(body) < 100000 and crc != crc32c(body[4:]):
            raise ValueError("crc of chunk %d" % seq)
        tables = (
            self.strings,
            self.types,
            self.codes,
            self.sites,
            self.chains,
            self.contexts,
            self.looprefs,
            self.interps,
        )
        if base != tuple(len(t) for t in tables):
            raise ValueError("bases %r, expected %r" % (base, [len(t) for t in tables]))
        at, streams = header_size, {}
        for _ in range(count):
            head = Record(body[at : at + 20], streams)
            kind, size = head.u(), head.u()
            at += head.at
            self.record(kind, Record(body[at : at + size], streams), size)
            at += size
        if at != len(body):
            raise ValueError("%d bytes after the last record" % (len(body) - at))

    def value(self, r):
        tag = r.u()
        r.values.append(self.value_by_tag(tag, r) if tag < 16 else r.values[tag - 16])
        return r.values[-1]

    def value_by_tag(self, tag, r):
        if tag in (1, 2, 3):
            return {
                "type": ["NoneType", "bool", "bool"][tag - 1],
                "value": [None, True, False][tag - 1],
            }
        if tag == 4:
            return {"type": "int", "value": r.s()}
        if tag == 5:
            return {"type": "float", "value": r.f()}
        if tag == 6:
            return {"type": "str", "value": self.strings[r.u()]}
        if tag in (7, 8):
            entry = {"type": self.type_name(r.u()), "address": r.d("references")}
            return dict(entry, length=r.u()) if tag == 8 else entry
        if tag == 9:
            return {"type": "word", "word": r.u()}
        if tag == 10:
            return {"type": self.type_name(r.u()), "length": r.u()}
        return None if tag == 0 else {"type": "tag %d" % tag}

    def type_name(self, ident):
        found = self.types[ident]
        if not found:
            return None
        return (
            "%s.%s" % (found["module"], found["name"])
            if found["module"]
            and "." not in found["name"][:1]
            and not found["name"].startswith(found["module"] + ".")
            else found["name"]
        )

    def record(self, kind, r, size):
        reader = getattr(self, "record_%d" % kind, None)
        if reader:
            r.streams["references"] = 0
            reader(r)
            if r.at != size:
                raise ValueError("record of kind %d: %d of %d bytes read" % (kind, r.at, size))

    def record_19(self, r):
        names = ("tid", "flags", "state", "watched_ns", "run_ns", "wait_ns", "switches")
        look = {name: r.u() for name in names}
        if look["flags"] & ~3 or (look["switches"] and not look["watched_ns"]):
            raise ValueError("look: %r" % look)

    def record_10(self, r):
        r.u()
        self.strings.append(r.data[r.at :].decode("utf-8", "surrogatepass"))
        r.at = len(r.data)

    def record_11(self, r):
        self.types.append(
            {
                "address": r.u(),
                "name": self.strings[r.u()],
                "module": self.strings[r.u()],
                "flags": r.u(),
            }
        )

    def record_12(self, r):
        code = {
            "address": r.u(),
            "name": self.strings[r.u()],
            "qualname": self.strings[r.u()],
            "file": self.strings[r.u()],
            "first_line": r.u(),
            "flags": r.u(),
        }
        code["names"] = [self.strings[r.u()] for _ in range(r.u())]
        self.codes.append(code)

    def record_13(self, r):
        self.sites.append(
            dict(
                zip(
                    ("code", "lasti", "line", "column", "end_line", "end_column"),
                    [r.u() for _ in range(6)],
                )
            )
        )

    def record_14(self, r):
        self.chains.append(
            dict(zip(("parent", "kind", "ref", "runtime", "name"), [r.u() for _ in range(5)]))
        )

    def record_15(self, r):
        self.contexts.append({self.strings[r.u()]: self.value(r) for _ in range(r.u())})

    def record_16(self, r):
        self.looprefs.append({"address": r.u(), "class": self.type_name(r.u())})

    def record_17(self, r):
        self.interps.append([r.u() for _ in range(5)] + [self.strings[r.u()], self.strings[r.u()]])

    def record_18(self, r):
        words = ("fd", "file_type", "family", "socket_type", "local", "peer", "unread", "unsent", "name", "state", "missing")
        self.descriptors.append({w: r.b() if w in ("local", "peer", "name") else r.u() for w in words})
        for word in ("unread", "unsent"):
            self.descriptors[-1][word] = self.descriptors[-1][word] - 1 if self.descriptors[-1][word] else None

    def record_20(self, r):
        flags, _, address, kind, name, loop = r.u(), r.u(), r.d("tasks"), r.u(), r.d("names"), r.u()
        coro, chain, leaf, waiter, cancels, context, exception, thread = (
            r.s(),
            r.u(),
            r.s(),
            r.s(),
            r.u(),
            r.d("contexts"),
            r.u(),
            r.u(),
        )
        _, traceback, coroutine = r.u(), r.u(), r.u()
        if leaf:
            r.streams["objects"] = address + leaf
        state = "running" if flags & 4 else "?" if flags & 1 << 13 else STATES[flags & 3]
        self.tasks.append(
            {
                "id": "T%d" % (len(self.tasks) + 1),
                "name": "Task-%d" % name if flags & 1 << 10 else self.strings[name],
                "class": self.type_name(kind),
                "state": state,
                "loop": "L%d" % loop if loop else None,
                "must_cancel": bool(flags & 8),
                "cancels_requested": cancels,
                "chain": self.chain(chain),
                "address": "0x%x" % address,
                "flags": flags,
                "leaf": "0x%x" % (address + leaf) if leaf else None,
                "waiter": "0x%x" % (address + leaf + waiter) if not flags & 1 << 15 else None,
                "coro": "0x%x" % (address + coro) if coro else None,
                "thread": thread,
                "exception": {
                    "type": self.type_name(exception),
                    "traceback": self.chain(traceback),
                    "coro": self.strings[coroutine],
                }
                if exception
                else None,
                "context": self.contexts[context] or {},
            }
        )
        self.owner = self.tasks[-1]

    def chain(self, ident):
        links = []
        while ident:
            chain = self.chains[ident]
            links.append(self.link(chain))
            ident = chain["parent"]
        return links[::-1]

    def link(self, chain):
        link = {"kind": FRAMES[chain["kind"]], "file": None}
        if chain["kind"] in PYTHON_KINDS:
            site = self.sites[chain["ref"]]
            code = self.codes[site["code"]]
            own = self.strings[chain["name"]] if chain["name"] else None
            link.update(
                function=own or code["qualname"] or code["name"],
                file=code["file"],
                line=site["line"] or None,
                column=site["column"] or None,
                names=code["names"],
            )
        elif chain["kind"] == 4:
            link["function"] = self.type_name(chain["ref"])
        else:
            link["function"] = self.strings[chain["ref"]] if chain["ref"] else None
        return link

    def record_21(self, r):
        """Locals of the record before: a task's, or a thread's of an interpreter."""
        owner = self.owner
        r.streams["references"] = int(owner.get("leaf") or owner["address"], 16)
        links = [link for link in owner.get("chain", owner.get("python")) if "names" in link]
        for link in links[: r.u()]:
            values = [self.value(r) for _ in range(r.u())]
            link["locals"] = {n: v for n, v in zip(link["names"], values) if v is not None}

    def record_22(self, r):
        entry = {
            "id": "O%d" % (len(self.objects) + 1),
            "address": "0x%x" % r.d("objects"),
            "type": self.type_name(r.u()),
            "flags": r.u(),
        }
        r.streams["references"] = int(entry["address"], 16)
        entry["attrs"] = {self.strings[r.u()]: self.value(r) for _ in range(r.u())}
        entry["length"] = r.u()
        entry["items"] = [self.value(r) for _ in range(r.u())]
        self.objects.append(entry)

    def record_23(self, r):
        _, address = r.u(), r.u()
        tid, _, flags, loop, task, chain = r.u(), r.u(), r.u(), r.u(), r.u(), r.u()
        self.threads.append(
            {
                "tid": tid,
                "address": "0x%x" % address,
                "flags": flags,
                "loop": loop,
                "task": "0x%x" % task,
                "python": self.chain(chain),
            }
        )
        self.owner = self.threads[-1]

    def record_24(self, r):
        ref, _, flags, _, tid, ready, timers, overdue, fds, due, now, cancelled = [
            r.u() for _ in range(12)
        ]
        self.loops.append(
            {
                "id": "L%d" % ref,
                "class": self.looprefs[ref]["class"],
                "flags": flags,
                "tid": tid,
                "due_ns": due,
                "now_ns": now,
                **{
                    k: v - 1
                    for k, v in (
                        ("ready", ready),
                        ("timers", timers),
                        ("overdue", overdue),
                        ("fds", fds),
                        ("cancelled", cancelled),
                    )
                    if v
                },
            }
        )

    def record_25(self, r):
        head = [r.u() for _ in range(5)]
        self.handles.append(head + [self.value(r), r.u(), "0x%x" % r.u(), self.value(r)])

    def record_30(self, r):
        self.faults.append({"address": "0x%x" % r.u(), "error": r.u(), "what": self.strings[r.u()]})

    def record_31(self, r):
        words = (
            "found",
            "read",
            "torn",
            "cut",
            "done",
            "faults",
            "objects",
            "objects_cut",
            "flags",
            "pause_ns",
            "duration_ns",
        )
        self.status = {w: r.u() for w in words}
        self.status["notices"] = [r.b() for _ in range(r.u())]
        self.status.update(swapped=r.u(), bytes_read=r.u(), retaken=r.u())
        self.status.update(stopping_ns=r.u(), releasing_ns=r.u())

    def report(self):
        """In the shape of the analyzer's JSON, as far as nothing has to be concluded."""
        s = self.status or {}
        for task in self.tasks:
            task["waits_for"] = {
                "object": next(
                    (o["id"] for o in self.objects if o["address"] == task["leaf"]), None
                )
            }
        return {
            "dump": {
                "counts": {
                    "tasks": s.get("found"),
                    "read": s.get("read"),
                    "torn": s.get("torn"),
                    "cut": s.get("cut"),
                    "done": s.get("done"),
                },
                "complete": bool(s) and not s["flags"] & 8,
            },
            "tasks": self.tasks,
            "objects": self.objects,
            "descriptors": self.descriptors,
            "threads": self.threads,
            "loops": self.loops,
            "handles": self.handles,
            "interps": self.interps[1:],
            "faults": self.faults,
            "status": s,
        }


def read(path):
    with open(path, "rb") as f:
        return Dump(f.read()).report()


if __name__ == "__main__":
    json.dump(read(sys.argv[1]), sys.stdout, indent=1)
