"""aiohttp: a service that asks itself for something, with a session of one connection."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
from aiohttp import web

import stackscope


async def front(request):
    async with request.app["session"].get(f"{request.app['base']}/back") as response:
        return web.Response(text=await response.text())


async def back(request):
    async with request.app["session"].get(f"{request.app['base']}/data") as response:
        return web.Response(text=await response.text())


async def data(request):
    return web.Response(text="data")


async def main():
    app = web.Application()
    for handler in (front, back, data):
        app.router.add_get(f"/{handler.__name__}", handler)
    session = app["session"] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))
    listening = socket.create_server(("127.0.0.1", 0))
    host, port = listening.getsockname()
    app["base"] = f"http://{host}:{port}"
    runner = web.AppRunner(app)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    _, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET /front HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await asyncio.sleep(0.5)
    print(stackscope.extract_all(threads=False))
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await session.close()


asyncio.run(main())
