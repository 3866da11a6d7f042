# SPDX-License-Identifier: Apache-2.0
# LOOPS: idle
# EXPECT: kind=deadlock.lock-cycle; task=transfer,audit; culprit=lock_cycle_ab_ba.py:13; confidence=proved; hurts=4
# zoo: two tasks take two locks in opposite order
# REAL: aio-libs/aiokafka#335 (app lock vs rebalance listener); dpkp/kafka-python#2077 (heartbeat vs client lock)
# PY: 3.8+  NEEDS: stdlib
import asyncio


async def transfer(accounts, journal):
    async with accounts:
        await asyncio.sleep(0.05)
        async with journal:  # <- t2
            pass


async def audit(accounts, journal):
    async with journal:
        await asyncio.sleep(0.05)
        async with accounts:  # <- a2
            pass


async def bystander(journal):
    async with journal:
        pass


async def main():
    a, j = asyncio.Lock(), asyncio.Lock()
    ts = [asyncio.create_task(transfer(a, j), name="transfer"),
          asyncio.create_task(audit(a, j), name="audit")]
    await asyncio.sleep(0.2)
    ts.append(asyncio.create_task(bystander(j), name="bystander"))
    await asyncio.sleep(0.1)
    assert not any(t.done() for t in ts)
    print("READY", flush=True)
    await asyncio.gather(*ts)

asyncio.run(main())
