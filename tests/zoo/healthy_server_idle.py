# SPDX-License-Identifier: Apache-2.0
# LOOPS: idle
# EXPECT: healthy; trap=age alone
# zoo: healthy: server waiting for its first client; main in serve_forever()
# REAL: counterpart of future_orphan (serve_forever awaits a bare future on purpose)
# PY: 3.8+  NEEDS: stdlib
import asyncio


async def handle(r, w):
    w.write(await r.readline())
    await w.drain()
    w.close()


async def main():
    srv = await asyncio.start_server(handle, "127.0.0.1", 0)
    asyncio.get_running_loop().call_later(0.3, lambda: print("READY", flush=True))
    async with srv:
        await srv.serve_forever()

asyncio.run(main())
