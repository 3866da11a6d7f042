# SPDX-License-Identifier: Apache-2.0
"""An ASGI application beside 500 waiting tasks; its answers name the process."""
import asyncio
import json
import os

WAITING = []


async def lookup(n):
    await asyncio.sleep(0.001)
    return n


async def lifespan(receive, send):
    while (await receive())["type"] == "lifespan.startup":
        loop = asyncio.get_running_loop()
        WAITING.extend(loop.create_task(asyncio.sleep(36000), name="waiting-%d" % i) for i in range(500))
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    body = json.dumps({"sum": sum(await asyncio.gather(lookup(1), lookup(2), lookup(3))), "pid": os.getpid()}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
