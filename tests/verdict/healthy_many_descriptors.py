# SPDX-License-Identifier: Apache-2.0
# verdict: all descriptors but one are in use
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=nearly as many descriptors as there may be
import asyncio
import resource
import socket

resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
kept = []


async def main():
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    try:
        while True:
            kept.append(socket.socket())
    except OSError:
        kept.pop().close()
    print("READY", flush=True)
    await server.serve_forever()


asyncio.run(main())
