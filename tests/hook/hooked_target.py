# SPDX-License-Identifier: Apache-2.0
"""hooked_target.py TASKS [CODE]: runs CODE, then a loop with so many tasks that wait for ever, one of them with a local value; answers
each line on its standard input by what that expression gives. Without standard input it only waits."""
import asyncio
import os
import sys

TASKS = int(sys.argv[1])


async def parked(secret):
    await asyncio.get_running_loop().create_future()


def answer(buffer):
    buffer.extend(os.read(0, 65536))
    while b"\n" in buffer:
        line, _, rest = bytes(buffer).partition(b"\n")
        buffer[:] = rest
        os.write(1, repr(eval(line, globals())).encode() + b"\n")  # noqa: S307 the test's own text


async def main():
    global loop, tasks
    loop = asyncio.get_running_loop()
    tasks = [asyncio.ensure_future(parked("secret-%d" % i)) for i in range(TASKS - 1)]
    await asyncio.sleep(0)
    if "no_stdin" not in globals():
        loop.add_reader(0, answer, bytearray())
    if "before_ready" in globals():
        before_ready()
    if "no_stdout" not in globals():
        print("READY", flush=True)
    if "after_ready" in globals():
        after_ready()
    await loop.create_future()


exec(sys.argv[2] if len(sys.argv) > 2 else "")  # noqa: S102 the test's own text
asyncio.run(main())
