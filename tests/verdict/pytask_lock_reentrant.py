# SPDX-License-Identifier: Apache-2.0
# zoo: one task takes its lock twice, and every task is the one of pure Python (nest_asyncio, some debuggers)
# REAL: Rapptz/discord.py#6729 and erdewit/nest_asyncio#43 (tracebacks through Python-level Task.__step)
# PY: 3.8+  NEEDS: stdlib
# EXPECT: kind=deadlock.self-lock; task=order-7; culprit=pytask_lock_reentrant.py:16; confidence=proved; hurts=2
import asyncio
import asyncio.tasks


async def charge_py(lock):
    async with lock:  # <- inner
        return 1


async def order_py(lock):
    async with lock:  # <- outer
        await charge_py(lock)


async def main():
    loop = asyncio.get_running_loop()
    loop.set_task_factory(lambda loop, coro, **kw: asyncio.tasks._PyTask(coro, loop=loop, **kw))
    task = loop.create_task(order_py(asyncio.Lock()))
    task.set_name("order-7")
    await asyncio.sleep(0)
    print("READY", flush=True)
    await task


asyncio.run(main())
