# SPDX-License-Identifier: Apache-2.0
# zoo: healthy: thread bridge
# REAL: made for the rules
# PY: 3.11+  NEEDS: stdlib
# EXPECT: healthy; trap=see the name
import asyncio, os, signal, threading, time, socket, contextlib, functools, weakref, queue

loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
async def job(): await asyncio.sleep(50)
threading.Timer(0.6, lambda: print('READY', flush=True)).start()
asyncio.run_coroutine_threadsafe(job(), loop).result()
