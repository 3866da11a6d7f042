# SPDX-License-Identifier: Apache-2.0
# verdict: a server that is closed while its last client is served, one that still serves, threads that are no daemons and an executor with a job, and the program goes on
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; dumps=3; trap=waiting for the end of something is not the end of the program
import asyncio
import concurrent.futures
import socket
import threading
import time


async def serve(reader, writer):
    await reader.readline()
    await asyncio.sleep(600)


async def serve_for_a_time(reader, writer):
    await asyncio.wait_for(reader.readline(), 600)


async def idle(reader, writer):
    await reader.readline()


def work():
    time.sleep(600)


def pool():
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        executor.submit(work)


async def main():
    loop = asyncio.get_running_loop()
    loop.call_later(0.6, lambda: print("READY", flush=True))
    clients = []
    servers = [await asyncio.start_server(one, "127.0.0.1", 0) for one in (serve, serve_for_a_time, idle)]
    for server in servers:
        clients.append(socket.create_connection(server.sockets[0].getsockname()))
        clients[-1].sendall(b"x\n" if server is servers[0] else b"x")
    for one in work, pool:
        threading.Thread(target=one).start()
    job = loop.run_in_executor(None, work)
    await asyncio.sleep(0.2)
    for server in servers[:2]:
        server.close()
    await asyncio.gather(*[server.wait_closed() for server in servers[:2]], job)


asyncio.run(main())
