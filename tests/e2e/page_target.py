# SPDX-License-Identifier: Apache-2.0
"""Programs whose page is read by page.py: page_target.py CASE. Prints READY pid=N when everything waits."""
import asyncio
import concurrent.futures
import os
import sys
import threading
import time

cases = {}
keep = []


def case(function):
    cases[function.__name__] = function
    return function


async def turns(n=10):
    for _ in range(n):
        await asyncio.sleep(0)


def ready():
    print("READY pid=%d" % os.getpid(), flush=True)


async def ready_and_wait():
    await turns()
    asyncio.get_running_loop().call_soon(ready)
    await asyncio.Event().wait()


def module(path, source, **names):
    """What source defines, as code of a file that need not exist."""
    exec(compile(source, path, "exec"), names)
    return names


@case
async def packages():
    """An application that is installed in site-packages: no frame is of the program's own files."""
    folder = "/venv/lib/python3.%d/site-packages/" % sys.version_info[1]
    orm = module(folder + "orm/query.py", "async def execute(lock, n):\n"
                 "    if n:\n        return await execute(lock, n - 1)\n    async with lock:\n        pass\n")
    shop = module(folder + "shop/web.py", "async def handler(lock, n):\n"
                  "    if n:\n        return await handler(lock, n - 1)\n    return await execute(lock, 5)\n", **orm)
    lock = asyncio.Lock()
    await lock.acquire()
    keep.extend(asyncio.ensure_future(shop["handler"](lock, 6)) for _ in range(3))
    await ready_and_wait()


class Rejected(Exception):
    pass


async def fetch(key):
    await asyncio.sleep(0)
    raise Rejected(key)


async def refresh(key):
    await fetch(key)


async def deep(n):
    if n:
        return await deep(n - 1)
    raise ValueError(n)


async def fail_alone():
    raise KeyError("k")


async def failed(kind=asyncio.ensure_future):
    """Tasks that failed: two that nobody looked at, one that somebody did, one through many frames."""
    keep.extend(kind(refresh(i)) for i in range(2))
    keep.append(kind(deep(100)))
    keep.append(kind(fail_alone()))
    await turns()
    keep[-1].exception()
    await ready_and_wait()


case(failed)


@case
async def failed_python():
    """The same of tasks that are implemented in Python."""
    loop = asyncio.get_running_loop()
    await failed(lambda coro: asyncio.tasks._PyTask(coro, loop=loop))


@case
async def twice():
    """One line that is compiled twice (3.11, 3.13): the test of a while loop."""

    async def poll(queue):
        while await queue.get():
            pass

    for i in range(6):
        queue = asyncio.Queue()
        if i % 2:
            queue.put_nowait(1)
        keep.append(asyncio.ensure_future(poll(queue)))
    await ready_and_wait()


@case
async def gathered():
    """Fifty jobs of which one is not done; three of a wait, two of them done; all of a small gather."""

    async def job(i, last):
        if i == last:
            await asyncio.get_running_loop().create_future()

    def jobs(n, last):
        return [asyncio.ensure_future(job(i, last)) for i in range(n)]

    async def wait():
        await asyncio.wait(jobs(3, 1))

    async def shielded():
        await asyncio.gather(*[asyncio.shield(one) for one in jobs(3, 2)])

    async def all_pending():
        await asyncio.gather(asyncio.get_running_loop().create_future(), *jobs(1, 0))

    async def batch():
        await asyncio.gather(*jobs(3, 2))

    keep.extend(asyncio.ensure_future(batch()) for _ in range(4))
    keep.insert(0, asyncio.gather(*jobs(50, 30)))
    named(wait(), "wait")
    named(shielded(), "shielded")
    named(all_pending(), "all-pending")
    named(wait_for(keep[0]), "gather")
    await ready_and_wait()


def named(coro, name):
    task = asyncio.get_running_loop().create_task(coro, name=name)
    keep.append(task)
    return task


async def wait_for(future):
    await future


@case
async def completed():
    """as_completed names its tasks, one of which another task awaits too."""

    tasks = [asyncio.ensure_future(asyncio.Event().wait()) for _ in range(3)] + [asyncio.ensure_future(asyncio.sleep(0))]

    async def each():
        for one in asyncio.as_completed(tasks):
            await one

    named(wait_for(tasks[0]), "another")
    named(each(), "each")
    await ready_and_wait()


@case
async def executors():
    """Jobs of a pool of threads: one runs, shielded; one is queued; and a task of another thread's loop."""
    loop, other, started = asyncio.get_running_loop(), asyncio.new_event_loop(), threading.Event()
    pool = concurrent.futures.ThreadPoolExecutor(1)

    def work():
        started.set()
        time.sleep(100000)

    async def measure():
        await asyncio.Event().wait()

    async def shielded():
        await asyncio.shield(loop.run_in_executor(pool, work))

    async def within_wait_for():
        await asyncio.wait_for(asyncio.shield(loop.run_in_executor(pool, work)), 100000)

    async def other_loop():
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(measure(), other))

    async def gathered():
        await asyncio.gather(loop.run_in_executor(pool, work), asyncio.shield(keep[0]))

    threading.Thread(target=other.run_forever, daemon=True).start()
    named(shielded(), "shielded")
    await asyncio.sleep(0)
    started.wait()
    named(within_wait_for(), "within")
    named(other_loop(), "other-loop")
    named(gathered(), "gathered")
    await turns()
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), other).result()
    await ready_and_wait()


@case
async def library_thread():
    """A thread of a library works for a future: what anyio.to_thread does, without anyio."""
    worker = module(
        "/venv/lib/python3/site-packages/anyio/_backends/_asyncio.py",
        "class WorkerThread:\n    def run(self):\n        future, work = self.item\n        work()\n",
    )["WorkerThread"]()
    started, future = threading.Event(), asyncio.get_running_loop().create_future()

    def work():
        started.set()
        time.sleep(100000)

    worker.item = future, work
    threading.Thread(target=worker.run, daemon=True).start()
    started.wait()
    named(wait_for(future), "caller")
    await ready_and_wait()


@case
async def foreign_future():
    """A future of concurrent.futures that no executor of this process has."""
    keep.append(concurrent.futures.Future())
    named(wait_for(asyncio.wrap_future(keep[0])), "foreign")
    await ready_and_wait()


@case
async def processes():
    """Jobs of a pool of processes: one is handed on, and as many as its queue takes; then of both kinds."""
    pool, threads = concurrent.futures.ProcessPoolExecutor(1), concurrent.futures.ThreadPoolExecutor(1)
    jobs = [pool.submit(time.sleep, 100000) for _ in range(4)] + [threads.submit(time.sleep, 100000) for _ in range(2)]

    async def run(job):
        await asyncio.wrap_future(job)

    keep.extend(asyncio.ensure_future(run(job)) for job in jobs)
    while sum(job.running() for job in jobs) < 3:
        await asyncio.sleep(0.01)
    await ready_and_wait()


@case
async def details():
    """What is known of the object waited for."""

    class Seconds(float):
        pass

    async def handle(reader, writer):
        await asyncio.Event().wait()

    async def read(port):
        keep.append(await asyncio.open_connection("127.0.0.1", port))
        keep.append("read")
        await keep[-2][0].readline()

    semaphore, full, empty = asyncio.Semaphore(1), asyncio.Queue(2), asyncio.Queue()
    await semaphore.acquire()
    full.put_nowait(1)
    full.put_nowait(2)

    async def retry():
        await asyncio.sleep(Seconds(33))

    named(retry(), "retry")
    for delay in (100, 250.5):
        named(asyncio.sleep(delay), "nap")
    named(semaphore.acquire(), "semaphore")
    named(full.join(), "join")
    named(empty.get(), "get")
    for _ in range(2):
        named(full.put(3), "put")
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    keep.append(server)
    for _ in range(2):
        named(read(port), "order-processing-for-customer-4711-line-%d" % len(keep))
    while keep.count("read") < 2:
        await asyncio.sleep(0)
    handles = [asyncio.get_running_loop().call_later(100000 + i, print) for i in range(60)]
    for handle in handles[5:]:
        handle.cancel()
    await ready_and_wait()


@case
async def loops():
    """Three loops that sleep; the command line is longer than the page is wide."""
    for _ in range(2):
        threading.Thread(target=asyncio.new_event_loop().run_forever, daemon=True).start()
    await ready_and_wait()


@case
async def no_loop():
    """No loop any more; the rest is done by the main program."""


if __name__ == "__main__":
    asyncio.run(cases[sys.argv[1]]())
    if sys.argv[1] == "no_loop":
        ready()
        time.sleep(100000)
