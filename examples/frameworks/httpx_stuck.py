"""httpx: a client with two connections, of which one is leaked and one waits for a response."""

from __future__ import annotations

import asyncio

import httpx

import stackscope

writers = []  # a connection is closed when nobody has its writer any more


async def say_little(reader, writer):
    writers.append(writer)
    request = await reader.readuntil(b"\r\n\r\n")
    if b"/feed" in request:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx")


async def leak(client, base):
    request = client.build_request("GET", f"{base}/feed")
    response = await client.send(request, stream=True)
    await asyncio.sleep(3600)
    await response.aclose()


async def ask(client, base):
    await client.get(f"{base}/slow")


async def too_late(client, base):
    await client.get(f"{base}/orders")


async def main():
    server = await asyncio.start_server(say_little, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    limits = httpx.Limits(max_connections=2)
    client = httpx.AsyncClient(limits=limits, timeout=None, trust_env=False)
    tasks = []
    for function in (leak, ask, too_late):
        task = asyncio.ensure_future(function(client, base))
        task.set_name(function.__name__)
        tasks.append(task)
        await asyncio.sleep(0.2)
    print(stackscope.extract_all(threads=False))
    for task in tasks:
        task.cancel()


asyncio.run(main())
