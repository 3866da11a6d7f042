# SPDX-License-Identifier: Apache-2.0
"""An async actor of Ray with methods that wait. READY names the process of the actor. Ends, with all that Ray has started, when its input
ends."""
import asyncio
import os
import sys

import ray


@ray.remote
class Actor:
    async def pid(self):
        return os.getpid()

    async def inner(self):
        await asyncio.Event().wait()

    async def outer(self):
        await self.inner()


def main():
    ray.init(num_cpus=1, include_dashboard=False, configure_logging=False, log_to_driver=False)
    actor = Actor.options(max_concurrency=10).remote()
    waiting = [actor.outer.remote() for _ in range(3)]
    # An actor begins what it is asked in the order of the requests.
    print("READY pid=%d" % ray.get(actor.pid.remote()), flush=True)
    sys.stdin.read()
    ray.shutdown()
    return waiting


if __name__ == "__main__":
    main()
