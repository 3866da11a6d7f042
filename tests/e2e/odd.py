# SPDX-License-Identifier: Apache-2.0
"""A process with one task, in an odd state: odd.py STATE, where STATE is one of plain, no-asyncio, no-leader, uninterruptible,
reserved. Prints READY pid=N once it is so. The loop runs in a side thread."""
import mmap
import os
import sys
import threading
import time


def run_loop(ready):
    import asyncio

    async def main():
        asyncio.current_task().set_name("lonely")
        ready.set()
        await asyncio.Event().wait()

    asyncio.run(main())


def tell():
    print("READY pid=%d" % os.getpid(), flush=True)


def no_leader():
    """End the first thread only: exit is system call 60 on x86-64."""
    import ctypes

    threading.Timer(0.3, tell).start()
    ctypes.CDLL(None).syscall(60, 0)


def uninterruptible():
    """A thread that has made a child with vfork sleeps in state D until the child ends."""
    import ctypes

    libc = ctypes.CDLL(None)
    stack = ctypes.create_string_buffer(65536)
    top = (ctypes.addressof(stack) + 65536 - 64) & ~15
    threading.Timer(0.3, tell).start()
    libc.clone(
        ctypes.cast(libc.pause, ctypes.c_void_p), ctypes.c_void_p(top), 0x100 | 0x4000 | 17, None
    )


def reserved():
    """64 GiB reserved, of which 1 MiB is used."""
    area = mmap.mmap(
        -1, 64 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000
    )  # MAP_NORESERVE
    area[32 << 30 : (32 << 30) + (1 << 20)] = b"x" * (1 << 20)
    tell()
    time.sleep(100000)


def main():
    state = sys.argv[1]
    if state != "no-asyncio":
        ready = threading.Event()
        threading.Thread(target=run_loop, args=(ready,), daemon=state != "no-leader").start()
        ready.wait()
        time.sleep(0.1)
    special = {
        "no-leader": no_leader,
        "uninterruptible": uninterruptible,
        "reserved": reserved,
    }.get(state)
    if special:
        special()
    tell()
    threading.Event().wait()


if __name__ == "__main__":
    main()
