# SPDX-License-Identifier: Apache-2.0
# verdict: sockets are opened and never closed, up to the limit
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=fd-exhausted
import asyncio
import resource
import socket

resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
leaked = []


async def main():
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    try:
        while True:
            leaked.append(socket.socket())  # <- bad
    except OSError:
        pass
    print("READY", flush=True)
    await server.serve_forever()


asyncio.run(main())
