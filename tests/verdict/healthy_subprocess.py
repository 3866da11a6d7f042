# SPDX-License-Identifier: Apache-2.0
# zoo: healthy: subprocess
# REAL: made for the rules
# PY: 3.11+  NEEDS: stdlib
# EXPECT: healthy; trap=see the name
import asyncio, os, signal, threading, time, socket, contextlib, functools, weakref, queue

async def main():
    asyncio.get_running_loop().call_later(0.6, lambda: print('READY', flush=True))
    p = await asyncio.create_subprocess_exec('sleep', '30')
    q = await asyncio.create_subprocess_exec('sh', '-c', 'sleep 5; echo hi; sleep 25', stdout=asyncio.subprocess.PIPE)
    await asyncio.gather(p.wait(), q.communicate())

asyncio.run(main())
