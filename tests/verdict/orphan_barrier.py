# SPDX-License-Identifier: Apache-2.0
# verdict: a barrier for three, one of which has failed on its way
# PY: 3.11+  NEEDS: stdlib
# EXPECT: kind=orphan.barrier; task=party-*; culprit=orphan_barrier.py:11; hurts=3; says=nobody else can reach
import asyncio


async def party(barrier, fail):
    await asyncio.sleep(0.1)
    if fail:
        raise OSError("lost")  # <- fails
    await barrier.wait()


async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print("READY", flush=True))
    barrier = asyncio.Barrier(3)
    parties = [asyncio.create_task(party(barrier, i == 2), name="party-%d" % i) for i in range(3)]
    await asyncio.gather(*parties, return_exceptions=True)


asyncio.run(main())
