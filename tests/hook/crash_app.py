# SPDX-License-Identifier: Apache-2.0
"""Two web applications that hang in every request to /hang, so that their server's watchdog must end them: hung_wsgi and hung_asgi."""
import asyncio
import time

ANSWER = b'{"well": 1}'
WAITING = []


def hang():
    time.sleep(3600)  # here: hang


def hung_wsgi(environ, start_response):
    if environ["PATH_INFO"] == "/hang":
        hang()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [ANSWER]


async def lifespan(receive, send):
    while (await receive())["type"] == "lifespan.startup":
        WAITING.extend(asyncio.get_running_loop().create_task(asyncio.sleep(36000), name="waiter-%02d" % n) for n in range(20))
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def hung_asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    if scope["path"] == "/hang":
        asyncio.current_task().set_name("crasher")
        hang()  # the crasher
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]})
    await send({"type": "http.response.body", "body": ANSWER})
