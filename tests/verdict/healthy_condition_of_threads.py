# SPDX-License-Identifier: Apache-2.0
# verdict: threads hand work on by a Condition and a lock, and the loop takes both for an instant at a time
# PY: 3.8+  NEEDS: stdlib
# EXPECT: healthy; trap=with blocks of threads that wait in Condition.wait, and have given the lock back
import asyncio
import threading

condition, lock = threading.Condition(), threading.Lock()
items = []


def work():
    while True:
        with condition:
            while not items:
                condition.wait()
            items.pop()
        with lock:
            pass


async def main():
    for _ in range(4):
        threading.Thread(target=work, daemon=True).start()
    asyncio.get_running_loop().call_later(0.3, lambda: print("READY", flush=True))
    while True:
        with condition:
            items.append(1)
            condition.notify()
        with lock:
            pass
        await asyncio.sleep(0.001)


asyncio.run(main())
