# SPDX-License-Identifier: Apache-2.0
# verdict: who holds the locks that others want sleeps, reads from a socket, or awaits a thread
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=holders of contended locks that wait for what will come
import asyncio
import socket
import threading

STOP = threading.Event()


async def hold(lock, work):
    async with lock:
        await work


async def want(lock):
    async with lock:
        pass


async def main():
    loop = asyncio.get_running_loop()
    near, _far = ends = socket.socketpair()
    for end in ends:
        end.setblocking(False)
    works = [asyncio.sleep(3600), loop.sock_recv(near, 1), loop.run_in_executor(None, STOP.wait)]
    tasks = []
    for work in works:
        lock = asyncio.Lock()
        tasks += [asyncio.create_task(hold(lock, work)), asyncio.create_task(want(lock))]
    await asyncio.sleep(0)
    print("READY", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
