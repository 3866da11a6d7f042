# SPDX-License-Identifier: Apache-2.0
"""Puts a steady load on an HTTP server: connections that are kept, each asks, reads the answer, rests a moment, asks again.

  client.py PORT [CONNECTIONS [REST_MS]]

Starts at once. For each line on stdin it prints one line of JSON about the time since the last one: requests, failed, p50_ms,
p99_ms, max_ms. Ends with stdin."""
import asyncio
import json
import sys
import time


class Load:
    def __init__(self, port, connections, rest_s):
        self.port, self.connections, self.rest_s = port, connections, rest_s
        self.clear()

    def clear(self):
        self.times, self.failed = [], 0

    async def ask(self, reader, writer, n):
        writer.write(b"GET /item%d HTTP/1.1\r\nHost: x\r\n\r\n" % n)
        status = await reader.readline()
        length = 0
        while True:
            line = await reader.readline()
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            if line in (b"\r\n", b""):
                break
        body = await reader.readexactly(length)
        if b" 200 " not in status or b'"sum": 6' not in body:
            raise ValueError(status)

    async def one(self, n):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                while True:
                    start = time.perf_counter()
                    await asyncio.wait_for(self.ask(reader, writer, n), 30)
                    self.times.append(time.perf_counter() - start)
                    await asyncio.sleep(self.rest_s)
            except (OSError, ValueError, EOFError, asyncio.TimeoutError):
                self.failed += 1
                await asyncio.sleep(0.01)

    def tell(self):
        times = sorted(self.times) or [0]
        at = lambda part: round(
            1000 * times[min(len(times) - 1, int(part * len(times)))], 3
        )  # noqa: E731
        print(
            json.dumps(
                {
                    "requests": len(self.times),
                    "failed": self.failed,
                    "p50_ms": at(0.5),
                    "p99_ms": at(0.99),
                    "max_ms": at(1),
                }
            ),
            flush=True,
        )
        self.clear()

    async def run(self):
        workers = [asyncio.ensure_future(self.one(n)) for n in range(self.connections)]
        loop, lines = asyncio.get_running_loop(), asyncio.Queue()
        loop.add_reader(0, lambda: lines.put_nowait(sys.stdin.readline()))
        while await lines.get():
            self.tell()
        for worker in workers:
            worker.cancel()


if __name__ == "__main__":
    words = [int(x) for x in sys.argv[1:]] + [20, 5][len(sys.argv) - 2 :]
    asyncio.run(Load(words[0], words[1], words[2] / 1000).run())
