# SPDX-License-Identifier: Apache-2.0
"""What a Python process says of its own asyncio tasks, loops and threads, from inside: the truth that a dump is compared with.

It uses only what Python itself offers (cr_await, gi_yieldfrom, ag_await, gc.get_referents, sys._current_frames, f_lineno,
co_positions) and runs on every Python from 3.8 on. The caller makes sure that nothing moves meanwhile."""
import asyncio
import asyncio.futures
import asyncio.tasks
import contextvars
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


def waited_types(coro, leaf):
    """The types that may be named as what a task waits for: the awaited object's, and those of the objects that the
    functions of asyncio in its chain work on (the lock of Lock.acquire)."""
    types_found = set() if leaf is None else {type_name(leaf)}
    home, obj = os.path.dirname(asyncio.__file__), coro
    while obj is not None:
        known = step(obj)
        if known and known[1] is not None and os.path.dirname(known[1].f_code.co_filename) == home:
            types_found.update(type_name(v) for v in known[1].f_locals.values())
        obj = known[2] if known else behind_silent(obj) if type(obj).__name__ in SILENT else None
    return sorted(types_found)


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
