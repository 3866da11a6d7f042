# SPDX-License-Identifier: Apache-2.0
# LOOPS: idle
# EXPECT: healthy; trap=age alone
# zoo: healthy: nightly jobs asleep for hours
# REAL: counterpart of event_never_set (a timer will complete these)
# PY: 3.8+  NEEDS: stdlib
import asyncio


async def nightly(i):
    await asyncio.sleep(3600 * (i + 1))


async def main():
    ts = [asyncio.create_task(nightly(i), name="nightly-%d" % i) for i in range(10)]
    await asyncio.sleep(0.3)
    print("READY", flush=True)
    await asyncio.gather(*ts)

asyncio.run(main())
