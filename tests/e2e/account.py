# SPDX-License-Identifier: Apache-2.0
"""What a Python process says of its own asyncio tasks, loops and threads, from inside: the truth that a dump is compared with.

It uses only what Python itself offers (cr_await, gi_yieldfrom, ag_await, gc.get_referents, sys._current_frames, f_lineno,
co_positions) and runs on every Python from 3.8 on. The caller makes sure that nothing moves meanwhile."""
import ast
import asyncio
import asyncio.futures
import asyncio.tasks
import collections
import contextvars
import functools
import gc
import inspect
import os
import sys
import threading
import types

# Objects that only hand an await on: they are no links of a chain of their own.
SILENT = {
    "FutureIter",
    "async_generator_asend",
    "async_generator_athrow",
    "coroutine_wrapper",
    "anext_awaitable",
}
TASKS = (asyncio.Task, asyncio.tasks._PyTask)
FUTURES = (asyncio.Future, asyncio.futures._PyFuture)


def type_name(obj):
    return "%s.%s" % (type(obj).__module__, type(obj).__qualname__)


def is_cython(obj):
    return type(obj).__module__.startswith("_cython_")


def scalar(value):
    """A local as the report shows it: its type, and its value where that is a number, a bool or None."""
    entry = {"type": type(value).__qualname__}
    if value is None or type(value) is bool or (type(value) is int and abs(value) < 1 << 62):
        entry["value"] = value
    return entry


def plain_locals(frame):
    """The locals that are no cells: what stands in the frame's own slots."""
    code = frame.f_code
    names = [n for n in code.co_varnames if n not in code.co_cellvars]
    values = frame.f_locals
    return {n: scalar(values[n]) for n in names if n in values}


def link(frame, kind, own=None):
    """One link of a chain with Python code. own: the qualified name of the coroutine object."""
    code = frame.f_code
    entry = {
        "function": getattr(code, "co_qualname", None) or own or code.co_name,
        "own": own or None,
        "file": code.co_filename,
        "line": frame.f_lineno,
        "kind": kind,
        "started": frame.f_lasti >= 0,
        "locals": plain_locals(frame),
    }
    if hasattr(code, "co_positions") and frame.f_lasti >= 0:
        entry["column"] = list(code.co_positions())[frame.f_lasti // 2][2]
    return entry


def step(obj):
    """An object of Python code in an await chain: (its kind, its frame, the object that it awaits); None: another object."""
    if isinstance(obj, types.CoroutineType):
        return ("coroutine", obj.cr_frame, obj.cr_await)
    if isinstance(obj, types.GeneratorType):
        return ("generator", obj.gi_frame, obj.gi_yieldfrom)
    if isinstance(obj, types.AsyncGeneratorType):
        return ("asyncgen", obj.ag_frame, obj.ag_await)
    return None


def behind_silent(obj):
    """What a silent object stands for; None: nothing."""
    for other in gc.get_referents(obj):
        if (
            step(other)
            or isinstance(other, FUTURES)
            or is_cython(other)
            or type(other).__name__ in SILENT
        ):
            return other
    for other in gc.get_referents(obj):
        if not isinstance(other, (type, tuple)) and hasattr(other, "__next__"):
            return other
    return None


def await_chain(obj):
    """The chain of a suspended task, outermost first, and the object at its end (None: unknown)."""
    chain = []
    while obj is not None:
        if isinstance(obj, FUTURES) or getattr(obj, "_asyncio_future_blocking", None) is not None:
            return chain, obj
        known = step(obj)
        if known:
            kind, frame, target = known
            if frame is None:
                return chain, None
            chain.append(link(frame, kind, obj.__qualname__))
            if target is None and frame.f_code is asyncio.futures._PyFuture.__await__.__code__:
                target = frame.f_locals["self"]
            obj = target
        elif is_cython(obj):
            if hasattr(obj, "cr_await"):
                chain.append(
                    {
                        "function": obj.__qualname__,
                        "file": None,
                        "kind": "coroutine",
                        "native": True,
                    }
                )
                obj = obj.cr_await
            else:
                obj = behind_silent(obj)
        elif type(obj).__name__ in SILENT:
            obj = behind_silent(obj)
        else:
            chain.append({"function": type(obj).__qualname__, "file": None, "kind": "awaitable"})
            return chain, obj
    return chain, None


def stack(frame):
    """The frames of a thread, outermost first."""
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames[::-1]


def kind_of_code(code):
    if code.co_flags & inspect.CO_COROUTINE:
        return "coroutine"
    if code.co_flags & inspect.CO_ASYNC_GENERATOR:
        return "asyncgen"
    if code.co_flags & inspect.CO_GENERATOR:
        return "generator"
    return "frame"


def running_chain(coro, frames):
    """The chain of a running task: its thread's frames from its coroutine's on."""
    first = next(i for i, f in enumerate(frames) if f is coro.cr_frame)
    return [link(f, kind_of_code(f.f_code)) for f in frames[first:]]


def python_steps(obj):
    """The objects of Python code in the chain of a suspended task, outermost first, each with its step()."""
    while obj is not None:
        known = step(obj)
        if known:
            yield obj, known
        obj = known[2] if known else behind_silent(obj) if type(obj).__name__ in SILENT else None


def waited_types(coro, leaf):
    """The types that may be named as what a task waits for: the awaited object's, and those of the objects that the
    functions of asyncio in its chain work on (the lock of Lock.acquire)."""
    types_found = set() if leaf is None else {type_name(leaf)}
    home = os.path.dirname(asyncio.__file__)
    for _, (kind, frame, target) in python_steps(coro):
        if frame is not None and os.path.dirname(frame.f_code.co_filename) == home:
            types_found.update(type_name(v) for v in frame.f_locals.values())
    return sorted(types_found)


# What a task holds: the context managers of the with blocks that its suspended frames are in. Python does not tell; gc sees the
# values on the stack of a frame, among them the exit function of each block.

EXITS = ("__exit__", "__aexit__")
INSIDE_MAX, CALLBACKS_MAX = 4, 32  # docs/format.md: how deep, and how many callbacks of an exit stack


def stack_values(obj, frame):
    """The values on the stack of a suspended frame, from the bottom on. gc lists its code, its locals and cells, its stack."""
    seen = gc.get_referents(frame if sys.version_info < (3, 11) else obj)
    begin = max((i for i, o in enumerate(seen) if o is frame.f_code), default=len(seen)) + 1
    values = [o for o in seen[begin:] if not isinstance(o, types.CellType)]
    variables = frame.f_locals
    for name in frame.f_code.co_varnames:
        if name in variables and name not in frame.f_code.co_cellvars:
            at = next((i for i, o in enumerate(values) if o is variables[name]), None)
            if at is not None:
                del values[at]
    return values


def exit_of(value, above):
    """(the name of the exit function, its manager) of a value on the stack, or of an exit stack; None: it is another value."""
    manager = above
    if isinstance(value, (types.MethodType, types.BuiltinMethodType)):
        manager = value.__self__
    elif sys.version_info < (3, 14) or not isinstance(value, (types.FunctionType, types.MethodDescriptorType)):
        return None
    return (value.__name__, manager) if value.__name__ in EXITS and manager is not None else None


def is_entering(manager, awaited):
    """Is what is awaited the __aenter__ of a manager? One that gives another object for it says which: `entering`."""
    awaited = behind_silent(awaited) if type(awaited).__name__ in SILENT else awaited
    own = getattr(manager, "__dict__", {}).get("entering")
    if own is not None:
        return awaited is own
    if not isinstance(awaited, types.CoroutineType) or awaited.cr_code.co_name != "__aenter__":
        return False
    return awaited.cr_frame.f_locals.get(awaited.cr_code.co_varnames[0]) is manager


@functools.lru_cache(None)
def functions_of(path):
    """The functions of a source file by the line and name of their code; none where there is no such file."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as f:
        nodes = [n for n in ast.walk(ast.parse(f.read())) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return {(min([n.lineno] + [d.lineno for d in n.decorator_list]), n.name): n for n in nodes}


def with_items(node, line):
    """The (first, last) lines of the items of the with statements around a line, outermost first; not those of functions inside."""
    found = []
    for child in ast.iter_child_nodes(node):
        inside = getattr(child, "lineno", line) <= line <= getattr(child, "end_lineno", line)
        if not inside or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(child, (ast.With, ast.AsyncWith)):
            last = [(item.optional_vars or item.context_expr).end_lineno for item in child.items]
            found += [(child.lineno, end) for end in last]
        found += with_items(child, line)
    return found


def held_on_stack(obj, frame, target):
    """The managers on the stack of one suspended frame: (name of the exit function, manager, lines of its with statement)."""
    code, values, found = frame.f_code, stack_values(obj, frame), []
    node = functions_of(code.co_filename).get((code.co_firstlineno, code.co_name))
    items = with_items(node, frame.f_lineno) if node else []
    size = 2 if sys.version_info >= (3, 14) else 1
    for i, value in enumerate(values):
        exit = exit_of(value, values[i + 1] if i + 1 < len(values) else None)
        if exit is None:
            continue
        top = target is not None and i + size < len(values) and values[i + size] is target
        if not (top and is_entering(exit[1], target)):
            lines = items[len(found)] if len(found) < len(items) else None
            found.append(exit + (lines,))
    return found


def held_inside(manager, lines):
    """What a manager holds itself: the same of the generator that it was made from, or of its exit stack."""
    own = getattr(manager, "__dict__", {})
    known = step(own.get("gen"))
    if known and known[1] is not None and known[1].f_lasti >= 0:
        return held_on_stack(own["gen"], known[1], known[2])
    found, callbacks = [], own.get("_exit_callbacks")
    if isinstance(callbacks, collections.deque):
        for callback in list(callbacks)[:CALLBACKS_MAX]:
            exit = exit_of(callback[1], None)
            found += [exit + (lines,)] if exit else []
    return found


def held(coro):
    """All that a suspended task holds, in the order of docs/format.md."""
    found = []
    for obj, (kind, frame, target) in python_steps(coro):
        if frame is None or frame.f_lasti < 0:
            break
        levels = [held_on_stack(obj, frame, target)]
        while levels[-1] and len(levels) <= INSIDE_MAX:
            levels.append([one for _, m, lines in levels[-1] for one in held_inside(m, lines)])
        found += [one + (depth > 0,) for depth, level in enumerate(levels) for one in level]
    return [
        {
            "type": type_name(manager),
            "lines": lines,
            "async": exit == "__aexit__",
            "inside": inside,
            "attributes": hasattr(manager, "__dict__"),
        }
        for exit, manager, lines, inside in found
    ]


def context_of(task):
    """The context of a task as {name: int}; None where Python does not tell."""
    if hasattr(task, "get_context"):
        found = [task.get_context()]
    else:
        found = [c for c in gc.get_referents(task) if isinstance(c, contextvars.Context)]
        found += [
            c for c in [getattr(task, "_context", None)] if isinstance(c, contextvars.Context)
        ]
    views = [{v.name: c[v] for v in c if type(c[v]) is int} for c in found]
    return views[0] if views and all(v == views[0] for v in views) else None


def state_of(task, running):
    if task in running:
        return "running"
    if task.cancelled():
        return "cancelled"
    return "done" if task.done() else "pending"


def describe_task(task, loops, running, told):
    """One task. running: {task: frames of its thread}; told: what the program knows of it beside (see varied.py)."""
    state = state_of(task, running)
    coro = task.get_coro()
    if state in ("done", "cancelled"):
        chain, leaf = [], None
    elif state == "running":
        chain, leaf = running_chain(coro, running[task]), None
    else:
        chain, leaf = await_chain(coro)
    exception = task.exception() if state == "done" else None
    return {
        "name": task.get_name(),
        "class": type_name(task),
        "state": state,
        "loop": loops.get(id(task.get_loop())),
        "must_cancel": bool(getattr(task, "_must_cancel", False)),
        "cancels": task.cancelling() if hasattr(task, "cancelling") else None,
        "chain": chain,
        "leaf": type_name(leaf) if leaf is not None else None,
        "leaf_address": "0x%x" % id(leaf) if leaf is not None else None,
        "may_wait_for": waited_types(coro, leaf),
        "holds": held(coro) if state == "pending" else [],
        "context": context_of(task),
        "leaf_task": leaf.get_name() if isinstance(leaf, TASKS) else None,
        "exception": type_name(exception) if exception is not None else None,
        "kinds": told.get("kinds"),
        "behind": sorted(t.get_name() for t in told.get("behind", ())),
        "third": bool(told.get("third")),
    }


def describe_thread(thread, frames):
    return {
        "tid": thread.native_id,
        "name": thread.name,
        "frames": [
            [getattr(f.f_code, "co_qualname", f.f_code.co_name), f.f_code.co_filename, f.f_lineno]
            for f in frames
        ],
    }


def describe_loop(loop, state):
    entry = {"class": type_name(loop), "state": state}
    if hasattr(loop, "_ready") and hasattr(loop, "_scheduled"):
        entry.update(ready=len(loop._ready), timers=len(loop._scheduled))
        if loop._selector is not None:
            entry["fds"] = len(loop._selector.get_map() or ())
    return entry


def account(loops, told=None, extra=(), leave_out=()):
    """The whole account. loops: {loop: expected state}; told: {task: {...}}; extra: tasks that gc does not show as tasks;
    leave_out: threads to leave out (the one that runs this)."""
    told = told or {}
    current = sys._current_frames()
    threads = [t for t in threading.enumerate() if t not in leave_out and t.ident in current]
    numbers = {id(loop): n for n, loop in enumerate(loops)}
    running = {}
    for loop in loops:
        task = asyncio.current_task(loop)
        if task is not None:
            coro_frame = task.get_coro().cr_frame
            for thread in threads:
                frames = stack(current[thread.ident])
                if any(f is coro_frame for f in frames):
                    running[task] = frames
    tasks = [o for o in gc.get_objects() if isinstance(o, TASKS)] + list(extra)
    return {
        "python": "%d.%d.%d" % sys.version_info[:3],
        "loops": [describe_loop(loop, state) for loop, state in loops.items()],
        "tasks": [describe_task(t, numbers, running, told.get(t, {})) for t in tasks],
        "threads": [describe_thread(t, stack(current[t.ident])) for t in threads],
    }
