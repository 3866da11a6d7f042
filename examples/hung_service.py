#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small order service that hangs the way real ones do, for trying taskcore on.

It serves orders over TCP on one asyncio loop. Reserving stock takes a lock, every order goes to an audit log through a
queue, and prices are fixed. One route, /reprice, asks a rates server with an ordinary blocking socket and no timeout.
The rates server (a thread of this program) accepts the request and never answers: the whole loop stands still, and with
it forty clients that did nothing wrong. No traffic leaves the loopback interface.

It prints one line when it hangs, then stays so until it is ended."""
import asyncio
import os
import socket
import threading

HOST = "127.0.0.1"
CLIENTS = 40


def silent_rates_server(listener):
    """Accept one connection, read its request, never answer."""
    peer, _ = listener.accept()
    peer.recv(100)
    print("hung: pid %d, %d clients are waiting" % (os.getpid(), CLIENTS), flush=True)
    threading.Event().wait()


def fetch_rate(port, currency):
    """The mistake: a blocking call on the loop's thread, without a timeout."""
    with socket.create_connection((HOST, port)) as rates:
        rates.sendall(b"RATE %s\n" % currency.encode())
        return float(rates.recv(64))


class Service:
    def __init__(self, rates_port):
        self.rates_port = rates_port
        self.stock = asyncio.Lock()
        self.audit = asyncio.Queue()
        self.shipments = asyncio.Event()
        self.arrived = 0
        self.all_arrived = asyncio.Event()

    async def reserve(self, item):
        async with self.stock:
            await self.shipments.wait()  # with the stock locked
            return item

    async def reprice(self, currency):
        await self.all_arrived.wait()
        return fetch_rate(self.rates_port, currency)

    async def answer(self, path):
        _, route, argument = path.split("/")
        if route == "order":
            await self.audit.put(argument)
            return await self.reserve(argument)
        if route == "reprice":
            return await self.reprice(argument)
        await self.shipments.wait()
        return "shipped"

    async def handle(self, reader, writer):
        path = (await reader.readline()).decode().strip()
        self.arrived += 1
        if self.arrived == CLIENTS:
            asyncio.get_running_loop().call_later(0.05, self.all_arrived.set)
        reply = await self.answer(path)
        writer.write(b"%r\n" % reply)
        await writer.drain()
        writer.close()

    async def write_audit(self):
        while True:
            await self.audit.get()

    async def heartbeat(self):
        while True:
            await asyncio.sleep(0.5)


async def client(port, path):
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(path.encode() + b"\n")
    reply = await reader.readline()
    writer.close()
    return reply


def paths():
    yield "/reprice/EUR"
    for n in range(1, CLIENTS):
        yield "/order/%d" % n if n % 3 else "/shipment/%d" % n


async def main():
    listener = socket.create_server((HOST, 0))
    threading.Thread(target=silent_rates_server, args=(listener,), name="rates", daemon=True).start()
    service = Service(listener.getsockname()[1])
    server = await asyncio.start_server(service.handle, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    jobs = [asyncio.create_task(service.write_audit(), name="audit-writer"),
            asyncio.create_task(service.heartbeat(), name="heartbeat")]
    jobs += [asyncio.create_task(client(port, path), name="client" + path.replace("/", "-")) for path in paths()]
    await asyncio.gather(*jobs)


if __name__ == "__main__":
    asyncio.run(main())
