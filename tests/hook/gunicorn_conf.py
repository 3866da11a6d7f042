# SPDX-License-Identifier: Apache-2.0
"""A gunicorn whose processes are all worth a long dump: $GUNICORN_TASKS tasks wait in a loop of the master's, which its workers inherit."""
import asyncio
import os

kept = []


async def wait(future):
    await future


def when_ready(arbiter):
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    kept.append((loop, [loop.create_task(wait(future)) for _ in range(int(os.environ.get("GUNICORN_TASKS", "0")))]))
