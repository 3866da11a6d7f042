# SPDX-License-Identifier: Apache-2.0
"""An aiohttp server beside 500 waiting tasks: what soak_server.py and bench.py dump under load.

  server.py [asyncio|uvloop]

Needs aiohttp, and uvloop for the second. Prints the port, then READY pid=N."""
import asyncio
import os
import sys

from aiohttp import web


async def lookup(n):
    await asyncio.sleep(0.001)
    return n


async def handle(request):
    parts = await asyncio.gather(lookup(1), lookup(2), lookup(3))
    return web.json_response({"sum": sum(parts), "path": request.path})


async def main():
    app = web.Application()
    app.router.add_get("/{name}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    loop = asyncio.get_running_loop()
    waiting = [loop.create_task(asyncio.sleep(36000), name="waiting-%d" % i) for i in range(500)]
    print(site._server.sockets[0].getsockname()[1])
    print("READY pid=%d" % os.getpid(), flush=True)
    await asyncio.wait(waiting)


if __name__ == "__main__":
    if sys.argv[1:] == ["uvloop"]:
        import uvloop

        uvloop.install()
    asyncio.run(main())
