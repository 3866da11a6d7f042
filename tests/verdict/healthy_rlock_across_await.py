# SPDX-License-Identifier: Apache-2.0
# verdict: two tasks are inside one RLock across an await (wrong, but it hangs nobody), while a thread holds a lock for short times
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=a lock of threading held by a suspended task
import asyncio
import threading
import time

lock, other = threading.RLock(), threading.Lock()
done = threading.Event()


def thread():
    while not done.wait(0.001):
        with other:
            time.sleep(0.01)


async def worker():
    while True:
        with lock:
            await asyncio.sleep(0.02)
        with other:
            pass
        await asyncio.sleep(0)


async def main():
    threading.Thread(target=thread, daemon=True).start()
    asyncio.get_running_loop().call_later(0.3, lambda: print("READY", flush=True))
    await asyncio.gather(*(asyncio.create_task(worker(), name="worker-%d" % i) for i in range(2)))


asyncio.run(main())
