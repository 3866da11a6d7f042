# SPDX-License-Identifier: Apache-2.0
# verdict: asked to stop three times, and waits again each time behind a shield for a task that nobody can end
# PY: 3.11+  NEEDS: stdlib
# EXPECT: kind=cancel.shielded; task=commit; culprit=cancel_shielded.py:17; says=was asked to stop (3)
import asyncio


async def write_row(written):
    await written.wait()


async def commit():
    inner = asyncio.create_task(write_row(asyncio.Event()), name="write-row")
    while not inner.done():
        try:
            # asked to stop
            await asyncio.shield(inner)  # <- shield
        except asyncio.CancelledError:
            pass


async def main():
    asyncio.get_running_loop().call_later(0.9, lambda: print("READY", flush=True))
    task = asyncio.create_task(commit(), name="commit")
    for _ in range(3):
        await asyncio.sleep(0.1)
        task.cancel()
    await task


asyncio.run(main())
