# SPDX-License-Identifier: Apache-2.0
# zoo: C call that keeps the GIL for an hour; no other Python thread can run either
# REAL: vllm-project/vllm#42897 (thread inside the CUDA driver); python/cpython#145340 class; py-spy --native needed
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=blocked-loop.native-gil; task=handler; culprit=blocked_gil_native.py:20; native=sleep; gil=held-by-loop-thread; victims=heartbeat,thread metrics; loop=blocked
import asyncio
import ctypes
import threading
import time


async def heartbeat():
    while True:
        await asyncio.sleep(0.1)


async def handler():
    print("READY", flush=True)
    while True:  # a signal ends a sleep
        ctypes.PyDLL(None).sleep(3600)  # <- bad


def metrics():
    while True:
        time.sleep(0.1)


async def main():
    threading.Thread(target=metrics, daemon=True, name="metrics").start()
    h = asyncio.create_task(heartbeat(), name="heartbeat")
    await asyncio.sleep(0.3)
    await asyncio.create_task(handler(), name="handler")
    return h

asyncio.run(main())
