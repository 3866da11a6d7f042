# SPDX-License-Identifier: Apache-2.0
"""A shop on ASGI. GET /order answers; GET /invoice makes the mistake: it waits for a slow printer on the event loop's own thread, so
that its whole worker stands still. gunicorn.conf.py says what to do about it."""
import asyncio
import json
import os
import time

printer = asyncio.Lock()


def print_invoice():
    time.sleep(3600)  # a blocking call where an await should be


async def reserve():
    await asyncio.sleep(0.001)
    return "reserved"


async def answer(path):
    if path == "/invoice":
        async with printer:
            print_invoice()
    return {"path": path, "stock": await reserve(), "pid": os.getpid()}


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])  # no start-up of its own: servers go on without
    body = json.dumps(await answer(scope["path"])).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
