# SPDX-License-Identifier: Apache-2.0
"""taskcore from inside a Python program: a thin cover of libtaskcore.so by ctypes.

    import taskcore
    taskcore.install()               # SIGUSR1 and `taskcore signal PID` make dumps from now on
    path = taskcore.dump("checkout") # a dump of this process now

A program started with `taskcore run` has the hook already: then install() changes nothing, and dump() uses the same
one. Without `taskcore run` a handler that is set for the same signal after install() takes the hook's place: call it
late. The settings are the TASKCORE_ variables of the environment at the time of install() (man taskcore).
"""
import ctypes
import errno
import os

__all__ = ["install", "dump", "version"]

_NAMES = ("libtaskcore.so.0", "libtaskcore.so")
_WHY = {
    errno.EBUSY: "a dump is under way",
    errno.EINVAL: "a reason is 1 to 31 letters a-z, digits, '_' or '-'",
    errno.EIO: "the dump was refused or failed; the line on stderr says why",
    errno.ENOEXEC: "the interpreter of this process was not found",
    errno.EOPNOTSUPP: "under valgrind or qemu-user no dump is made",
    errno.EPERM: "not installed (call taskcore.install()), TASKCORE_DISABLE=1, or a program with raised rights",
    errno.ETIMEDOUT: "the dump is not complete yet",
}


def _places():
    """Where the library may be, the best place first; None is what the program has in its own symbols."""
    yield None
    try:
        with open("/proc/self/maps", "rb") as maps:  # loaded, but its symbols are not for all
            for line in maps:
                path = os.fsdecode(line.rstrip(b"\n").split(None, 5)[-1])
                if os.path.basename(path).startswith("libtaskcore.so") and os.path.exists(path):
                    yield path
    except OSError:
        pass
    if os.environ.get("TASKCORE_LIBRARY"):
        yield os.environ["TASKCORE_LIBRARY"]
    here = os.path.dirname(os.path.abspath(__file__))
    for place in (here, os.path.join(here, "..", "..", "..", "lib")):  # the second: share/taskcore/python, as installed
        for name in _NAMES:
            if os.path.exists(os.path.join(place, name)):
                yield os.path.join(place, name)
    for name in _NAMES:
        yield name


def _load():
    why = None
    for place in _places():
        try:
            library = ctypes.CDLL(place, use_errno=True)
            library.taskcore_version.restype = ctypes.c_char_p
            # The lock of the interpreter is kept while the memory is captured: so it stands still meanwhile.
            return library, ctypes.PyDLL(place, use_errno=True)
        except (AttributeError, OSError) as error:
            why = error if place else why
    raise ImportError("libtaskcore.so was not found (TASKCORE_LIBRARY may name it): %s" % why)


_library, _with_lock = _load()
_with_lock.taskcore_dump.argtypes = [ctypes.c_char_p]
_library.taskcore_wait.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t]


def _check(result):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, _WHY.get(number) or os.strerror(number))


def install():
    """Put the hook into this process, unless it is there. OSError: TASKCORE_DISABLE=1, or raised rights."""
    _check(_library.taskcore_install())


def dump(reason="api", wait=True, timeout=60.0):
    """Begin a dump of this process; its memory is captured when that returns, a child writes the file.

    reason becomes part of the file's name. With wait: wait for the file, at most timeout seconds, and return its path,
    while other threads run on; else return None at once. OSError says what went wrong.
    """
    _check(_with_lock.taskcore_dump(reason.encode()))
    if not wait:
        return None
    path = ctypes.create_string_buffer(8192)
    _check(_library.taskcore_wait(int(timeout * 1000), path, len(path)))
    return os.fsdecode(path.value)


def version():
    """The version of the library."""
    return _library.taskcore_version().decode()
