# SPDX-License-Identifier: Apache-2.0
# zoo: synchronous HTTP call in a coroutine; the server never answers
# REAL: reality-comes/GPT-4-Discord-Bot-Long-Term-Memory#7 (ssl read in loop thread); acheong08/ChatGPT#167
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=blocked-loop.socket-recv; task=handler; culprit=blocked_http_recv.py:20; victims=heartbeat (overdue timer); syscall=recvfrom|recv; fd-peer=127.0.0.1; loop=blocked
import asyncio
import threading
import socket
import urllib.request

lsock = socket.create_server(("127.0.0.1", 0))


async def heartbeat():
    while True:
        await asyncio.sleep(0.1)


async def handler():
    urllib.request.urlopen("http://127.0.0.1:%d/" % lsock.getsockname()[1])  # <- bad


async def main():
    h = asyncio.create_task(heartbeat(), name="heartbeat")
    await asyncio.sleep(0.2)
    t = threading.Timer(0.6, print, ("READY",), {"flush": True})
    t.daemon = True
    t.start()
    await asyncio.create_task(handler(), name="handler")
    return h

asyncio.run(main())
