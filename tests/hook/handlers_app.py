# SPDX-License-Identifier: Apache-2.0
"""An aiohttp server that uses SIGUSR1 for something of its own, in one of the ways that programs have.

  handlers_app.py PORT asyncio|uvloop WAY…

Ways: signal, loop, wakeup, faulthandler, faulthandler-chain, none. GET /count says how often each was called; GET /children
starts 100 processes and answers when they have ended; everything else answers as tests/soak/server.py does."""
import asyncio
import faulthandler
import os
import signal
import socket
import subprocess
import sys
import tempfile

from aiohttp import web

count = {"signal": 0, "loop": 0, "wakeup": 0, "faulthandler": 0}
traces = tempfile.TemporaryFile()
bytes_in, bytes_out = socket.socketpair()
bytes_in.setblocking(False)
bytes_out.setblocking(False)
waiting = []


def on_signal(signum, frame):
    count["signal"] += 1


def on_loop():
    count["loop"] += 1


def use(way, loop):
    if way == "signal":
        signal.signal(signal.SIGUSR1, on_signal)
    elif way == "loop":
        loop.add_signal_handler(signal.SIGUSR1, on_loop)
    elif way == "wakeup":
        signal.signal(signal.SIGUSR1, on_signal)
        signal.set_wakeup_fd(bytes_in.fileno())
    elif way.startswith("faulthandler"):
        faulthandler.register(signal.SIGUSR1, file=traces, all_threads=False, chain=way.endswith("-chain"))


async def lookup(n):
    await asyncio.sleep(0.001)
    return n


async def handle(request):
    parts = await asyncio.gather(lookup(1), lookup(2), lookup(3))
    return web.json_response({"sum": sum(parts), "pid": os.getpid()})


async def tell(request):
    try:
        count["wakeup"] += bytes_out.recv(4096).count(signal.SIGUSR1)
    except BlockingIOError:
        pass
    count["faulthandler"] = os.pread(traces.fileno(), 1 << 24, 0).count(b"most recent call first")
    return web.json_response(count)


async def start_children(request):
    ignored = set()
    for number in range(100):
        if number % 2:
            out = subprocess.run(["grep", "SigIgn", "/proc/self/status"], stdout=subprocess.PIPE, check=True).stdout
        else:
            child = await asyncio.create_subprocess_exec("grep", "SigIgn", "/proc/self/status", stdout=subprocess.PIPE)
            out, _ = await child.communicate()
        ignored.add(int(out.split()[1], 16) >> (signal.SIGUSR1 - 1) & 1)
    return web.json_response({"ignored": sorted(ignored)})


async def main(port, ways):
    app = web.Application()
    app.router.add_get("/count", tell)
    app.router.add_get("/children", start_children)
    app.router.add_get("/{name}", handle)
    loop = asyncio.get_running_loop()
    waiting.extend(loop.create_task(asyncio.sleep(36000), name="waiting-%d" % i) for i in range(500))
    for way in ways:
        use(way, loop)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.wait(waiting)


if __name__ == "__main__":
    if sys.argv[2] == "uvloop":
        import uvloop

        uvloop.install()
    asyncio.run(main(int(sys.argv[1]), sys.argv[3:]))
