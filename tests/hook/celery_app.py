# SPDX-License-Identifier: Apache-2.0
"""A celery application on a file system broker, and who feeds it.

  celery_app.py feed       tasks until stdin ends; then waits for all results and prints one line of JSON: sent, right
  celery_app.py limit      one task that runs into its soft time limit; prints what it returned

The broker's folders are in $CELERY_APP_DIR."""
import asyncio
import json
import os
import select
import sys
import time

from celery import Celery
from celery.backends.filesystem import FilesystemBackend
from celery.exceptions import SoftTimeLimitExceeded
from kombu.transport.filesystem import Channel

FOLDER = os.environ["CELERY_APP_DIR"]
IN_FLIGHT = 40

app = Celery("celery_app", broker="filesystem://", backend="file://" + os.path.join(FOLDER, "results"))
app.conf.update(
    broker_transport_options={
        "data_folder_in": os.path.join(FOLDER, "queue"),
        "data_folder_out": os.path.join(FOLDER, "queue"),
        "polling_interval": 0.02,
    },
    task_serializer="json",
    worker_prefetch_multiplier=4,
)


# Both write files where others look for them, who then read half of one (seen without taskcore): here a file appears whole.
put, SPOOL = Channel._put, os.path.join(FOLDER, "spool-%d" % os.getpid())


def put_whole(self, queue, payload, **more):
    os.makedirs(SPOOL, exist_ok=True)
    self.data_folder_out = SPOOL
    put(self, queue, payload, **more)
    for name in os.listdir(SPOOL):
        os.rename(os.path.join(SPOOL, name), os.path.join(FOLDER, "queue", name))


def set_whole(self, key, value):
    path = self._filename(key)
    part = "%s.%d" % (path.decode() if isinstance(path, bytes) else path, os.getpid())
    with open(part, "wb") as f:
        f.write(value if isinstance(value, bytes) else value.encode())
    os.rename(part, path)


Channel._put = put_whole
FilesystemBackend.set = set_whole


@app.task
def add(a, b):
    return a + b


async def work(n):
    parts = await asyncio.gather(*(asyncio.sleep(0.002, i) for i in range(n)))
    return sum(parts)


@app.task
def add_up(n):
    return asyncio.run(work(n))


@app.task(soft_time_limit=1)
def too_long():
    """How often the limit was told of: it is told once, and the task may clean up afterwards."""
    told, end = 0, time.monotonic() + 30
    while time.monotonic() < end:
        try:
            time.sleep(max(0, end - time.monotonic()))
        except SoftTimeLimitExceeded:
            told, end = told + 1, min(end, time.monotonic() + 1)
    return told


def feed():
    sent = right = 0
    flying = []

    def land(n):
        nonlocal right
        while len(flying) > n:
            result, expected = flying.pop(0)
            right += result.get(timeout=60, interval=0.01) == expected

    while not select.select([sys.stdin], [], [], 0)[0]:
        if sent % 4:
            flying.append((add.delay(sent, 1), sent + 1))
        else:
            flying.append((add_up.delay(20), 190))
        sent += 1
        land(IN_FLIGHT)
    land(0)
    print(json.dumps({"sent": sent, "right": right}))


if __name__ == "__main__":
    if sys.argv[1:] == ["feed"]:
        feed()
    else:
        print(too_long.delay().get(timeout=60, interval=0.02))
