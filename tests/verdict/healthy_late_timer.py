# SPDX-License-Identifier: Apache-2.0
# verdict: asks for times that have passed, with a short call between
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=an overdue timer taken for a loop that does not turn
import asyncio
import threading
import time


async def main():
    threading.Timer(0.6, print, ("READY",), {"flush": True}).start()
    loop = asyncio.get_running_loop()
    while True:
        loop.call_at(loop.time() - 10, lambda: None)
        time.sleep(0.05)
        await asyncio.sleep(0.01)


asyncio.run(main())
