# SPDX-License-Identifier: Apache-2.0
"""Where the two readers of a dump differ: the analyzer's JSON report and that of tests/e2e/decode.py, which was made from
docs/format.md alone. Only what a dump says itself is compared, not what the analyzer concludes."""
import re

HEAD = ("reason", "pid", "exe", "argv", "host", "state", "hook", "pause_ns", "duration_ns", "frozen", "complete")
LOOP = ("class", "ready", "timers", "cancelled_timers", "overdue", "fds")
TASK = ("name", "class", "state", "loop", "must_cancel", "cancels_requested")
LINK = ("function", "file", "line", "column", "kind")
THING = ("type", "address", "n_items")
FD = ("local", "peer", "name", "unread", "unsent")


def plain(text):
    """Text as any JSON can carry it: what is no character becomes one replacement character."""
    if isinstance(text, list):
        return [plain(one) for one in text]
    return re.sub("[\ud800-\udfff\ufffd]+", "\ufffd", text) if isinstance(text, str) else text


class Agreement:
    def __init__(self):
        self.lines = []

    def exactly(self, where, told, decoded):
        """1, 1.0 and True are one in Python and two in JSON, where 1 and 1.0 are the same number."""
        if plain(told) != plain(decoded) or isinstance(told, bool) is not isinstance(decoded, bool):
            self.lines.append("%s: the analyzer says %.200r, decode.py %.200r" % (where, told, decoded))

    def same(self, where, told, decoded):
        """What is nothing may be there or not."""
        self.exactly(where, told or None, decoded or None)

    def keys(self, where, words, told, decoded):
        for word in words:
            self.same("%s.%s" % (where, word), told.get(word), decoded.get(word))

    def pairs(self, where, key, told, decoded):
        """Those of both sides that have the same key; the others are told of."""
        told, decoded = {one[key]: one for one in told}, {one[key]: one for one in decoded}
        self.same("%s: all of them" % where, sorted(told), sorted(decoded))
        return [("%s %s" % (where, name), told[name], decoded[name]) for name in told if name in decoded]

    def value(self, where, told, decoded):
        """A value in the analyzer's short form, or as a local: with its type."""
        told = told if isinstance(told, dict) else {"value": told}
        self.exactly(where + ".value", told.get("value"), decoded.get("value"))
        self.same(where + ".size", told.get("size"), decoded.get("size") if "size" in told else None)
        if "type" in told:
            self.same(where + ".type", told["type"], decoded["type"])

    def named(self, where, told, decoded):
        self.same(where + ": names", sorted(told or {}), sorted(decoded or {}))
        for name in set(told or {}) & set(decoded or {}):
            self.value("%s %s" % (where, name), told[name], decoded[name])

    def chain(self, where, told, decoded):
        self.same(where + ": links", len(told), len(decoded))
        for i, (one, other) in enumerate(zip(told, decoded)):
            self.keys("%s link %d" % (where, i), LINK, one, other)
            self.named("%s link %d" % (where, i), one.get("locals"), other.get("locals") if "locals" in one else None)

    def tasks(self, told, decoded):
        for where, one, other in self.pairs("task", "id", told, decoded):
            self.keys(where, TASK, one, other)
            self.chain(where, one.get("chain") or [], other["chain"])
            ids = [hold["id"] for hold in other["holds"]]
            self.same(where + ".holds", one.get("holds"), [i for i in ids if i and i.startswith("O")])
            self.named(where + " context", one.get("context"), other["context"])
            failed = [(x.get("exception") or {}).get("type") for x in (one, other)]
            self.same(where + ".exception", *failed)

    def threads(self, told, decoded):
        by_tid = {one["tid"]: one for one in told}
        for other in decoded:
            one = by_tid.get(other["tid"])
            if one and one.get("python"):
                self.keys("thread %d" % other["tid"], ("name", "state", "loop"), one, other)
                self.chain("thread %d" % other["tid"], one["python"][::-1], other["python"])

    def run(self, told, decoded):
        self.keys("dump", HEAD, told["dump"], decoded["dump"])
        if decoded["dump"]["counts"]["tasks"] is not None:  # else the status is lost, and they are the analyzer's own
            self.same("counts", told["dump"].get("counts"), decoded["dump"]["counts"])
        for where, one, other in self.pairs("loop", "id", told["loops"], decoded["loops"]):
            self.keys(where, LOOP, one, other)
        self.tasks(told["tasks"], decoded["tasks"])
        for where, one, other in self.pairs("object", "id", told["objects"], decoded["objects"]):
            self.keys(where, THING, one, other)
            self.named(where, one.get("attrs"), other["attrs"])
        for where, one, other in self.pairs("descriptor", "fd", told.get("descriptors", []), decoded["descriptors"]):
            self.keys(where, FD, one, other)
        self.threads(told["threads"], decoded["threads"])
        return self.lines


def differences(told, decoded):
    """One line each; none where both readers understand the file in the same way."""
    return Agreement().run(told, decoded)
