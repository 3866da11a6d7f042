#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Functions that are kept in every way, for heap.py. Each uses the name `release`, so that each is recorded. Prints how many objects the garbage collector knows."""
import asyncio
import functools
import gc
import operator
import sys
import threading
import weakref

if "alias" in sys.argv:
    other_name = getattr

kept = []
getter = threading.Lock()


def only_named(lock):
    lock.release()


def in_a_list(lock):
    lock.release()


def in_a_partial(lock):
    lock.release()


def weakly(lock):
    lock.release()


def running(lock):
    yield
    lock.release()


def late(lock):
    import taskcore_no_such_module

    taskcore_no_such_module.release(lock)


def matched(lock):
    return ("release", "acquire")


class Plain:
    def __init__(self, lock):
        self.lock = getter.release

    def quite_own(self):
        self.lock.release()

    def write(self):
        self.lock.release()

    @property
    def shown(self):
        return self.lock.release

    @staticmethod
    def alone(lock):
        lock.release()

    def bound_later(self):
        self.lock.release()


class Pair(tuple):
    first = property(operator.itemgetter(0))


class Quiet:
    def __init__(self):
        self.lock = getter.release


class Makes:
    def __init__(self):
        self.lock = getter.release

    @classmethod
    def made(cls):
        return cls.release


class Mixin:
    def mixed(self):
        self.release()


class Both(Mixin, threading.Thread):
    def of_both(self):
        self.release()


class Mapping(dict):
    def of_mapping(self):
        self.release()


async def main():
    event = asyncio.Event()
    kept.extend([in_a_list, functools.partial(in_a_partial, 1), weakref.ref(weakly), running(event), Plain(event).bound_later])
    next(kept[3])
    waiting = asyncio.ensure_future(event.wait())
    await asyncio.sleep(0)
    gc.disable()
    gc.collect()
    gc.freeze()
    more = [[] for _ in range(1000)]
    print("OBJECTS %d" % (len(gc.get_objects()) + gc.get_freeze_count()), flush=True)
    print("READY", flush=True)
    await waiting
    kept.append(more)


asyncio.run(main())
