# SPDX-License-Identifier: Apache-2.0
# verdict: the loop has ended, and the interpreter waits for a thread that is no daemon and never ends; another one is a daemon
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=shutdown.thread-join; culprit=shutdown_thread.py:16; says=waits for 1 thread that is no daemon
import asyncio
import threading
import time

written = threading.Event()


def flush(often):
    while True:
        if often:
            time.sleep(600)
        written.wait()  # <- blocks


async def main():
    threading.Thread(target=flush, args=(False,), name="flusher").start()
    threading.Thread(target=flush, args=(True,), daemon=True).start()
    timer = threading.Timer(0.6, print, ("READY",), {"flush": True})
    timer.daemon = True
    timer.start()


asyncio.run(main())
