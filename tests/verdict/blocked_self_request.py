# SPDX-License-Identifier: Apache-2.0
# zoo: handler makes a synchronous request to its own server
# REAL: fastapi/fastapi#2601, #3962
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.self-request; task=health; culprit=blocked_self_request.py:18; fd-peer=own-listener; accept-queue=1; loop=blocked
import asyncio
import threading
import urllib.request


async def serve(r, w):
    await r.readline()
    w.write(b"HTTP/1.0 200 OK\r\n\r\nok")
    w.close()


async def health(port):
    return urllib.request.urlopen("http://127.0.0.1:%d/" % port).read()  # <- bad


async def main():
    srv = await asyncio.start_server(serve, "127.0.0.1", 0)
    t = threading.Timer(0.6, print, ("READY",), {"flush": True})
    t.daemon = True
    t.start()
    await asyncio.create_task(health(srv.sockets[0].getsockname()[1]), name="health")

asyncio.run(main())
