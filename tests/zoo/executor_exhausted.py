# SPDX-License-Identifier: Apache-2.0
# LOOPS: idle
# zoo: all default-executor threads sit in slow calls; an unrelated DNS lookup queues behind them
# REAL: python/cpython#112169 (misleading "DNS timeouts"); Kludex/starlette#1724 (40 threads)
# PY: 3.8+  NEEDS: stdlib
import asyncio
import concurrent.futures
import time


def slow():
    time.sleep(3600)  # <- block


async def resolve():
    return await asyncio.get_running_loop().getaddrinfo("localhost", 80)  # <- dns


async def main():
    loop = asyncio.get_running_loop()
    loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(4))
    fs = [loop.run_in_executor(None, slow) for _ in range(9)]
    t = asyncio.create_task(resolve(), name="dns")
    await asyncio.sleep(0.5)
    assert not t.done() and not any(f.done() for f in fs)
    print("READY", flush=True)
    await t

asyncio.run(main())
