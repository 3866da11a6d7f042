# SPDX-License-Identifier: Apache-2.0
"""Two tasks in coroutines of cython_leaf.pyx; the first argument is the directory where it was built."""
import asyncio
import os
import sys

sys.path.insert(0, sys.argv[1])
import cython_leaf  # noqa: E402


async def plain():
    await asyncio.Event().wait()


async def main():
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(cython_leaf.cy_a()), loop.create_task(cython_leaf.mixed(plain))]
    loop.call_later(0.05, lambda: print("READY pid=%d" % os.getpid(), flush=True))
    await asyncio.gather(*tasks)


asyncio.run(main())
