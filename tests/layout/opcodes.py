#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What each opcode of this Python does to locals and to the flow, as a row of analyzer/facts/opcodes.c. To be run by each version.

Three strings of 256 characters: what an opcode does (the letters are in opcodes.h), how many cache entries follow it ("0" + n), and which name of the code it
uses: that with the number of its argument without the lowest n bits ("0" + n); none, or it only sets it (".").
A specialised opcode does what the one does that it was made of; what hides another one (instrumented lines) is unknown."""
import dis
import opcode
import sys

OLD = sys.version_info < (3, 11)
STOP = {"RETURN_VALUE", "RETURN_CONST", "RERAISE", "INTERPRETER_EXIT"}
ALWAYS = {"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT", "JUMP_ABSOLUTE"}
LOAD = {"LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_AND_CLEAR", "LOAD_FAST_BORROW"}
DEREF = {"LOAD_DEREF", "LOAD_CLOSURE", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"}
PAIR = {"LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW"}
SETUP = {"SETUP_FINALLY", "SETUP_WITH", "SETUP_ASYNC_WITH"}


def opcodes():
    """{number: name of the opcode that it does the same as}"""
    try:
        import _opcode_metadata as metadata

        made_of = {one: base for base, made in metadata._specializations.items() for one in made}
        numbers = {**opcode.opmap, **metadata._specialized_opmap}
    except ImportError:
        families = getattr(opcode, "_specializations", {})
        made_of = {one: base for base, made in families.items() for one in made}
        free = [number for number in range(1, 256) if opcode.opname[number].startswith("<")]
        numbers = {**opcode.opmap, **dict(zip(getattr(opcode, "_specialized_instructions", ()), free))}
    return {number: made_of.get(name, name) for name, number in numbers.items() if number < 256}


def letter(name):
    plain = name[len("INSTRUMENTED_"):] if name.startswith("INSTRUMENTED_") else name
    if plain in ("LINE", "INSTRUCTION") or name == "ENTER_EXECUTOR":
        return "_"
    if plain == "EXTENDED_ARG":
        return "e"
    if plain == "RAISE_VARARGS":
        return "r"
    if plain in STOP:
        return "x"
    if plain in LOAD or (plain in DEREF and not OLD):
        return "l"
    if plain in DEREF:
        return "c"
    if plain in PAIR:
        return "p"
    if plain in ("STORE_FAST", "STORE_FAST_MAYBE_NULL"):
        return "t"
    if plain == "STORE_FAST_STORE_FAST":
        return "T"
    if plain == "STORE_FAST_LOAD_FAST":
        return "s"
    if plain in SETUP:
        return "h"
    number = opcode.opmap.get(plain)
    if number in dis.hasjabs:
        return "a" if plain in ALWAYS else "A"
    if number in dis.hasjrel:
        if "BACKWARD" in plain:
            return "b" if plain in ALWAYS else "B"
        return "f" if plain in ALWAYS else "F"
    return "."


def caches(name):
    plain = name[len("INSTRUMENTED_"):] if name.startswith("INSTRUMENTED_") else name
    entries = getattr(opcode, "_inline_cache_entries", {})
    if not isinstance(entries, list):
        return entries.get(plain, 0)
    return entries[opcode.opmap[plain]] if plain in opcode.opmap else 0


def name(plain):
    plain = plain[len("INSTRUMENTED_"):] if plain.startswith("INSTRUMENTED_") else plain
    if opcode.opmap.get(plain) not in dis.hasname or plain.startswith(("STORE_", "DELETE_")):
        return "."
    if plain == "LOAD_GLOBAL":
        return "1" if sys.version_info >= (3, 11) else "0"
    if plain == "LOAD_ATTR":
        return "1" if sys.version_info >= (3, 12) else "0"
    if plain == "LOAD_SUPER_ATTR":
        return "2"
    if plain == "IMPORT_NAME":
        return "2" if sys.version_info >= (3, 15) else "0"
    return "0"


SAMPLE = """
import a.b as c
from d import e
class C(B):
    def f(self):
        global x
        x = super().g(self.h, i.j(k))
        self.l().m = n
"""


def check(code):
    """Does the module dis read the same names?"""
    for one in dis.get_instructions(code):
        shift = name(one.opname)
        if shift != ".":
            found = code.co_names[one.arg >> int(shift)]
            assert found in str(one.argval), (one.opname, found, one.argval)
    for const in code.co_consts:
        if hasattr(const, "co_code"):
            check(const)


def main():
    check(compile(SAMPLE, "sample", "exec"))
    names = opcodes()
    print("3.%d" % sys.version_info[1])
    print("".join(letter(names[i]) if i in names else "_" for i in range(256)))
    print("".join(chr(ord("0") + caches(names[i])) if i in names else "0" for i in range(256)))
    print("".join(name(names[i]) if i in names else "." for i in range(256)))


main()
