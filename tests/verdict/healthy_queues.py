# SPDX-License-Identifier: Apache-2.0
# verdict: queues, locks and semaphores that somebody serves: a sleeping writer, a reader that is behind another queue, a permit that a callback gives back, waits with a timeout, the first of several
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; dumps=5; trap=a wait that only a task can end, and that task waits for something else
import asyncio
import threading


async def read(queue):
    while True:
        await queue.get()


async def hand_on(source, target):
    while True:
        await target.put(await source.get())


async def write_later(queue):
    await asyncio.sleep(600)
    queue.put_nowait(1)


async def full(queue):
    while True:
        await queue.put(1)


async def drain_later(queue):
    await asyncio.sleep(600)
    await queue.get()


async def permit(semaphore, loop):
    await semaphore.acquire()
    loop.call_later(600, semaphore.release)
    await semaphore.acquire()


async def with_timeout(event):
    await asyncio.wait_for(event.wait(), 600)


async def first_of(event):
    tasks = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(asyncio.sleep(600))]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def by_hand(lock):
    await lock.acquire()
    await asyncio.sleep(600)
    lock.release()


async def locked(lock):
    async with lock:
        pass


async def main():
    threading.Timer(0.6, print, ("READY",), {"flush": True}).start()
    loop = asyncio.get_running_loop()
    first, second, third = asyncio.Queue(), asyncio.Queue(), asyncio.Queue(2)
    lock = asyncio.Lock()
    tasks = [read(second), hand_on(first, second), write_later(first), full(third), drain_later(third)]
    tasks += [permit(asyncio.Semaphore(1), loop), with_timeout(asyncio.Event()), first_of(asyncio.Event()), by_hand(lock), locked(lock)]
    del first, second, third, lock
    await asyncio.gather(*tasks)


asyncio.run(main())
