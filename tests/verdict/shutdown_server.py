# SPDX-License-Identifier: Apache-2.0
# verdict: a server was closed, and who closed it waits for a client that says nothing
# PY: 3.12+  NEEDS: stdlib
# EXPECT: kind=shutdown.server-waits-clients; task=shutdown; culprit=shutdown_server.py:15; says=1 connection is open
import asyncio
import socket


async def serve(reader, writer):
    await reader.readline()


async def shutdown(server):
    server.close()
    await server.wait_closed()  # <- waits


async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print("READY", flush=True))
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = socket.create_connection(server.sockets[0].getsockname())
    await asyncio.sleep(0.2)
    await asyncio.create_task(shutdown(server), name="shutdown")
    client.close()


asyncio.run(main())
