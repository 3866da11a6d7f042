#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the rows of lib/python/layout_table.c against the headers of CPython's patch releases (3.8 to 3.12), for maintainers.

  check_sources.py [--break] PYCONFIG_DIR REPOSITORY...

REPOSITORY: a git directory with one tag upstream/3.MINOR.MICRO for each release (the deadsnakes packaging repositories have them).
PYCONFIG_DIR: holds 3.MINOR/pyconfig.h of an installed Python for each minor version. The headers of each tag are compiled with the
system's compiler and the offsets compared, field by field. Nothing of the sources is kept. Prints a line for each release; exit 1
when an offset differs or a field was not checked at all. --break: the positive control, one offset of each row is
spoiled first, so that every release must differ."""
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")

# field of struct tc_layout: (type, member) per minor version; one entry serves all where it stands alone.
FIELDS = {
    "rt_interp_head": "_PyRuntimeState interpreters.head",
    "rt_gil_last_holder": "_PyRuntimeState ceval.gil.last_holder",
    "rt_gil_locked": "_PyRuntimeState ceval.gil.locked",
    "is_next": "PyInterpreterState next",
    "is_id": "PyInterpreterState id",
    "is_threads_head": {11: "PyInterpreterState threads.head", 8: "PyInterpreterState tstate_head"},
    "is_modules": {12: "PyInterpreterState imports.modules", 8: "PyInterpreterState modules"},
    "is_sysdict": "PyInterpreterState sysdict",
    "is_gil": {12: "PyInterpreterState ceval.gil"},
    "is_gc_collecting": "PyInterpreterState gc.collecting",
    "rt_gc_collecting": {8: "_PyRuntimeState gc.collecting"},
    "ts_next": "PyThreadState next",
    "ts_interp": "PyThreadState interp",
    "ts_frame": {11: "PyThreadState cframe", 8: "PyThreadState frame"},
    "ts_dict": "PyThreadState dict",
    "ts_thread_id": "PyThreadState thread_id",
    "ts_native_id": "PyThreadState native_thread_id",
    "cf_current": "_PyCFrame current_frame",
    "fo_back": "PyFrameObject f_back",
    "fo_code": "PyFrameObject f_code",
    "fo_valuestack": "PyFrameObject f_valuestack",
    "fo_stack": {10: "PyFrameObject f_stackdepth", 8: "PyFrameObject f_stacktop"},
    "fo_lasti": "PyFrameObject f_lasti",
    "fo_state": "PyFrameObject f_state",
    "fo_locals": "PyFrameObject f_localsplus",
    "fo_frame": "PyFrameObject f_frame",
    "exc_traceback": "PyBaseExceptionObject traceback",
    "if_previous": "_PyInterpreterFrame previous",
    "if_code": "_PyInterpreterFrame f_code",
    "if_instr": "_PyInterpreterFrame prev_instr",
    "if_stack": "_PyInterpreterFrame stacktop",
    "if_owner": "_PyInterpreterFrame owner",
    "if_locals": "_PyInterpreterFrame localsplus",
    "co_flags": "PyCodeObject co_flags",
    "co_firstlineno": "PyCodeObject co_firstlineno",
    "co_code": "PyCodeObject co_code",
    "co_names": "PyCodeObject co_names",
    "co_exceptiontable": "PyCodeObject co_exceptiontable",
    "co_varnames": {11: "PyCodeObject co_localsplusnames", 8: "PyCodeObject co_varnames"},
    "co_cellvars": "PyCodeObject co_cellvars",
    "co_freevars": "PyCodeObject co_freevars",
    "co_filename": "PyCodeObject co_filename",
    "co_name": "PyCodeObject co_name",
    "co_qualname": "PyCodeObject co_qualname",
    "co_linetable": {10: "PyCodeObject co_linetable", 8: "PyCodeObject co_lnotab"},
    "co_adaptive": "PyCodeObject co_code_adaptive",
    "gi_frame": {11: "PyGenObject gi_iframe", 8: "PyGenObject gi_frame"},
    "gi_running": "PyGenObject gi_running",
    "gi_state": "PyGenObject gi_frame_state",
    "gi_qualname": "PyGenObject gi_qualname",
    "fut_size": "FutureObj sizeof",
    "fut_state": "FutureObj fut_state",
    "fut_log_tb": "FutureObj fut_log_tb",
    "fut_blocking": "FutureObj fut_blocking",
    "task_size": "TaskObj sizeof",
    "task_waiter": "TaskObj task_fut_waiter",
    "task_coro": "TaskObj task_coro",
    "task_name": "TaskObj task_name",
    "task_context": "TaskObj task_context",
    "task_must_cancel": "TaskObj task_must_cancel",
    "task_cancels": "TaskObj task_num_cancels_requested",
    "ht_qualname": "PyHeapTypeObject ht_qualname",
    "ht_cached_keys": "PyHeapTypeObject ht_cached_keys",
    "func_code": "PyFunctionObject func_code",
    "func_closure": "PyFunctionObject func_closure",
    "func_qualname": "PyFunctionObject func_qualname",
    "str_ascii": "PyASCIIObject sizeof",
    "str_compact": "PyCompactUnicodeObject sizeof",
    "tuple_item": "PyTupleObject ob_item",
}
# The module state of _asyncio (3.12) and the object of a module are private to their .c files and are not compiled here.
PRIVATE = {"module_state", "as_scheduled", "as_eager"}

HEADERS = """#define Py_BUILD_CORE 1
#include <stddef.h>
#include "Python.h"
#include "structmember.h"
#include "frameobject.h"
#if PY_VERSION_HEX < 0x03090000
#include "internal/pycore_pystate.h"
#else
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#endif
#if PY_VERSION_HEX >= 0x030b0000
#include "internal/pycore_frame.h"
#endif
#if PY_VERSION_HEX >= 0x030a0000
#include "internal/pycore_pystate.h"
#endif
"""


def git(repository, *words):
    # What git says of objects it does not need here is no news.
    quiet = subprocess.DEVNULL
    return subprocess.run(["git", "-C", repository, *words], check=True, stdout=subprocess.PIPE, stderr=quiet).stdout


def releases(repository):
    for tag in git(repository, "tag").decode().split():
        match = re.fullmatch(r"upstream/3\.(\d+)\.(\d+)", tag)
        if match:
            yield int(match.group(1)), int(match.group(2)), tag


def asyncio_structs(source):
    """The text of FutureObj and TaskObj in Modules/_asynciomodule.c."""
    first = source.index("typedef enum {\n    STATE_PENDING")
    last = source.index("} TaskObj;") + len("} TaskObj;")
    text = source[first:last]
    # Between them stand other things up to 3.8: keep the enum, the macro and the two structs.
    return re.sub(r"^static .*?;$|^_Py_IDENTIFIER.*$|^#define (?!FutureObj_HEAD).*$", "", text, flags=re.M)


def member_of(field, minor):
    entry = FIELDS[field]
    if isinstance(entry, str):
        return entry.split()
    fitting = [v for v in entry if v <= minor]
    return entry[max(fitting)].split() if fitting else None


def program(fields, minor, structs):
    lines = [HEADERS, structs, "int main(void) {"]
    for field in fields:
        kind, member = member_of(field, minor)
        value = "sizeof(%s)" % kind if member == "sizeof" else "offsetof(%s, %s)" % (kind, member)
        lines.append('printf("%s %%zu\\n", (size_t)%s);' % (field, value))
    return "\n".join(lines + ["return 0; }"])


def offsets(repository, tag, minor, fields, pyconfig):
    with tempfile.TemporaryDirectory() as scratch:
        archive = git(repository, "archive", tag, "Include", "Modules/_asynciomodule.c")
        subprocess.run(["tar", "-xC", scratch], input=archive, check=True)
        with open(os.path.join(scratch, "Modules/_asynciomodule.c")) as source:
            structs = asyncio_structs(source.read())
        with open(os.path.join(scratch, "offsets.c"), "w") as out:
            out.write(program(fields, minor, structs))
        include = os.path.join(scratch, "Include")
        compiled = subprocess.run(
            ["cc", "-w", "-I", include, "-I", os.path.join(include, "internal"), "-I", pyconfig, "offsets.c", "-o", "offsets"],
            cwd=scratch,
            stderr=subprocess.PIPE,
        )
        if compiled.returncode:
            raise RuntimeError(compiled.stderr.decode()[:600])
        printed = subprocess.run([os.path.join(scratch, "offsets")], check=True, stdout=subprocess.PIPE).stdout
    return {name: int(value) for name, value in (line.split() for line in printed.decode().splitlines())}


def rows():
    with tempfile.TemporaryDirectory() as scratch:
        printer = os.path.join(scratch, "print_rows")
        sources = [os.path.join(HERE, "print_rows.c"), os.path.join(TOP, "lib/python/layout_table.c")]
        subprocess.run(["cc", "-w", "-iquote", TOP, *sources, "-o", printer], check=True)
        table = {}
        for line in subprocess.run([printer], check=True, stdout=subprocess.PIPE).stdout.decode().splitlines():
            minor, first, last, field, value = line.split()
            table.setdefault((int(minor), int(first), int(last)), {})[field] = int(value)
    return table


def row_for(table, minor, micro):
    for (row_minor, first, last), row in table.items():
        if row_minor == minor and first <= micro and (not last or micro <= last):
            return row
    return None


def check(table, repository, pyconfig):
    bad = total = 0
    for minor, micro, tag in sorted(releases(repository)):
        row = row_for(table, minor, micro)
        fields = [f for f in row if f in FIELDS and member_of(f, minor)]
        unchecked = set(row) - set(fields) - PRIVATE
        try:
            found = offsets(repository, tag, minor, fields, os.path.join(pyconfig, "3.%d" % minor))
        except RuntimeError as error:
            print("3.%d.%d: the headers do not compile: %s" % (minor, micro, error))
            bad += 1
            continue
        wrong = ["%s is %d, the row says %d" % (f, found[f], row[f]) for f in fields if found[f] != row[f]]
        wrong += ["%s was not checked" % f for f in sorted(unchecked)]
        print("3.%d.%d: %s" % (minor, micro, "; ".join(wrong) or "%d offsets as in the row" % len(fields)))
        bad += bool(wrong)
        total += 1
    return total, bad


def main():
    words = [word for word in sys.argv[1:] if word != "--break"]
    table, total, bad = rows(), 0, 0
    for row in table.values() if "--break" in sys.argv else ():
        row["task_coro"] += 8
    for repository in words[1:]:
        one, wrong = check(table, repository, words[0])
        total, bad = total + one, bad + wrong
    print("%d releases, %d with differences" % (total, bad))
    return 1 if bad or not total else 0


if __name__ == "__main__":
    sys.exit(main() if len(sys.argv) > 2 else __doc__)
