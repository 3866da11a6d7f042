# SPDX-License-Identifier: Apache-2.0
"""Parked tasks beside tasks that come, run and go all the time.

  churn.py [--parked N] [--churn N] [--thread] [--loop uvloop]

Parked tasks are called parked-0 … and stand in outer > middle > inner, on a future, an event or a sleep. Churning tasks yield a
few times, sleep shortly, call down some coroutines, and are replaced when they end. possible.py knows which chains they can have, by
the words at the ends of these lines."""
import argparse
import asyncio
import os
import random
import threading

KEEP = []


async def inner(n):
    if n % 3 == 0:
        fut = asyncio.get_running_loop().create_future()
        KEEP.append(fut)
        await fut
    elif n % 3 == 1:
        await asyncio.Event().wait()
    else:
        await asyncio.sleep(36000)


async def middle(n):
    twice = 2 * n
    await inner(n)
    return twice


async def outer(n):
    await middle(n)


async def step(n, depth):
    if depth:
        await step(n, depth - 1)  # down
    else:
        await asyncio.sleep(0)  # bottom


async def churner(loop, live, n):
    for _ in range(random.randrange(1, 6)):
        await step(n, random.randrange(4))  # begin
    await asyncio.sleep(random.random() / 20)  # rest
    live.discard(asyncio.current_task())
    live.add(loop.create_task(churner(loop, live, n), name="churn-%d" % n))  # again


async def main(options):
    loop, live = asyncio.get_running_loop(), set()
    KEEP.append([loop.create_task(outer(i), name="parked-%d" % i) for i in range(options.parked)])
    await asyncio.sleep(0.2)
    for i in range(options.churn):
        live.add(loop.create_task(churner(loop, live, i), name="churn-%d" % i))
        if i % 500 == 0:
            await asyncio.sleep(0)
    await asyncio.sleep(0.2)
    print("READY pid=%d" % os.getpid(), flush=True)
    await loop.create_future()


def run(options):
    if options.loop == "uvloop":
        import uvloop

        loop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(main(options))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--parked", type=int, default=5000)
    parser.add_argument("--churn", type=int, default=20000)
    parser.add_argument("--thread", action="store_true")
    parser.add_argument("--loop", default="asyncio")
    arguments = parser.parse_args()
    if arguments.thread:
        threading.Thread(target=run, args=(arguments,), name="loop").start()
    else:
        run(arguments)
