# SPDX-License-Identifier: Apache-2.0
# zoo: run_coroutine_threadsafe(...).result() called on the loop's own thread
# REAL: rroller/dahua#558, #553; tschamm/boschshc-hass#297; internetarchive/openlibrary#13389
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.loop-waits-itself; task=on-event; culprit=threadsafe_result_on_loop.py:15; waits-for=scan_tag (never started); loop=blocked
import asyncio
import threading


async def scan_tag():
    return 1


async def on_event(loop):
    asyncio.run_coroutine_threadsafe(scan_tag(), loop).result()  # <- result


async def main():
    t = threading.Timer(0.5, print, ("READY",), {"flush": True})
    t.daemon = True
    t.start()
    await asyncio.create_task(on_event(asyncio.get_running_loop()), name="on-event")

asyncio.run(main())
