"""Servers, idle and busy, and frameworks under load."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import threading
import time

from tests.diagnosis.cases import ASYNCIO, healthy
from tests.diagnosis.starting import start, start_thread

LISTENING = []


def needs(*names):
    """Why a program can't run without these libraries; ``None`` if all are there."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    return f"{missing[0]} is not installed" if missing else None


async def echo(reader, writer):
    while True:
        line = await reader.readline()
        if not line:
            break
        writer.write(line)
        await writer.drain()
    writer.close()


async def start_echo():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()


@healthy(on=ASYNCIO)
async def an_idle_server(look):
    server, address = await start_echo()
    start(server.serve_forever(), "serves")
    connections = [await asyncio.open_connection(*address) for _ in range(5)]
    await asyncio.sleep(0.02)
    look()
    await look.beside()
    del server
    look()
    for _, writer in connections:
        writer.close()


@healthy(on=ASYNCIO)
async def a_server_at_rest_without_connections(look):
    server, _ = await start_echo()
    start(server.serve_forever(), "serves")
    del server
    await asyncio.sleep(0.01)
    look()
    await look.beside()


@healthy(on=ASYNCIO)
async def a_busy_server(look):
    async def ask(number):
        reader, writer = await asyncio.open_connection(*address)
        for count in range(30):
            writer.write(f"{number} {count}\n".encode())
            answers.append((await reader.readline()).decode())
            await asyncio.sleep(0.001)
        writer.close()

    answers = []
    server, address = await start_echo()
    clients = [start(ask(number), f"client-{number}") for number in range(8)]
    while not all(client.done() for client in clients):
        await asyncio.sleep(0.005)
        look()
        await look.beside()
    expected = {f"{number} {count}\n" for number in range(8) for count in range(30)}
    look.expect("all are answered", set(answers) == expected and len(answers) == 240)
    server.close()


@healthy(on=ASYNCIO)
async def a_client_that_waits_for_an_answer(look):
    """The server isn't in this process, and takes its time."""
    listening = socket.create_server(("127.0.0.1", 0))
    LISTENING.append(listening)

    async def ask():
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        writer.write(b"hello\n")
        await reader.readline()

    start(ask(), "asks")
    await asyncio.sleep(0.02)
    look()
    await look.beside()


@healthy(on="asyncio", skip=needs("aiohttp"))
async def aiohttp_under_load(look):
    import aiohttp
    from aiohttp import web

    async def hello(request):
        async with lock:
            await asyncio.sleep(0.001)
        return web.Response(text="hello")

    async def ask(session):
        for _ in range(5):
            async with session.get(base) as response:
                answers.append(await response.text())

    lock, answers = asyncio.Lock(), []
    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    await web.SockSite(runner, listening).start()
    look()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=3)) as session:
        clients = [start(ask(session), f"client-{number}") for number in range(6)]
        while not all(client.done() for client in clients):
            await asyncio.sleep(0.01)
            look()
    look()
    look.expect("all are answered", answers == ["hello"] * 30)
    await runner.cleanup()


@healthy(on=ASYNCIO, skip=needs("fastapi", "uvicorn"))
async def fastapi_under_load(look):
    import fastapi
    import uvicorn

    app = fastapi.FastAPI()
    lock = threading.Lock()

    @app.get("/async")
    async def in_loop():
        await asyncio.sleep(0.001)
        return "hello"

    @app.get("/thread")
    def in_thread():
        with lock:
            return "hello"

    async def ask(path):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(5):
            writer.write(f"GET /{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
            answers.append(await reader.readexactly(len('"hello"')))
        writer.close()

    answers = []
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    serving = start(server.serve(sockets=[listening]), "serves")
    while not server.started:
        await asyncio.sleep(0.01)
    look()
    clients = [start(ask(path), path) for path in ("async", "thread") * 3]
    while not all(client.done() for client in clients):
        await asyncio.sleep(0.01)
        look()
    await look.beside()
    look.expect("all are answered", answers == [b'"hello"'] * 30)
    server.should_exit = True
    await serving


@healthy(on="beside")
def a_main_task_that_runs_forever(look):
    """``await asyncio.Future()`` is how many a program says that its servers go on for ever."""

    async def waits():
        await asyncio.get_running_loop().create_future()

    serve_with(look, waits)


@healthy(on="beside")
def a_main_task_that_waits_for_an_event_without_a_name(look):
    """``await asyncio.Event().wait()`` says so, too, as in the documentation of Tornado."""

    async def waits():
        await asyncio.Event().wait()

    serve_with(look, waits)


def serve_with(look, waits):
    """Run a server whose main task does nothing but wait; look at it from another thread."""

    async def main():
        server, _ = await start_echo()
        async with server:
            asyncio.get_running_loop().call_soon(serving.set)
            await waits()

    def looks():
        serving.wait()
        time.sleep(0.02)
        look.and_end()

    serving = threading.Event()
    start_thread(looks, name="looks")
    asyncio.run(main())


class Intake:
    """Takes what clients send; nobody is connected just now."""

    def __init__(self):
        self.lock = asyncio.Lock()
        self.items = asyncio.Queue()
        self.room = asyncio.Queue(1)

    async def serve(self, reader, writer):
        """Called for each connection; needs no lock."""
        while True:
            line = await reader.readline()
            if not line:
                break
            await self.items.put(line)
        writer.close()

    async def consume(self):
        while True:
            async with self.lock:
                await self.items.get()

    async def report(self):
        async with self.lock:
            print(self.items.qsize())


@healthy(on=ASYNCIO)
async def a_server_that_will_fill_a_queue(look):
    """All tasks that know the queue wait for each other, but the next connection puts something."""
    intake = Intake()
    server = await asyncio.start_server(intake.serve, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    serving = start(server.serve_forever(), "serves")
    start(intake.consume(), "consumes")
    await asyncio.sleep(0)
    report = start(intake.report(), "reports")
    del intake, server
    await asyncio.sleep(0.01)
    look()
    await look.beside()
    _, writer = await asyncio.open_connection(*address)
    writer.write(b"item\n")
    await report
    writer.close()
    serving.cancel()


@healthy(on=ASYNCIO)
async def a_lock_that_a_callback_releases(look):
    """Acquired by one task, and released by a timer."""
    lock = asyncio.Lock()

    async def lends():
        await lock.acquire()
        asyncio.get_running_loop().call_later(1000, lock.release)

    async def wants():
        async with lock:
            pass

    await start(lends(), "lends")
    start(wants(), "wants")
    await asyncio.sleep(0)
    look()
    await look.beside()


@healthy(on=ASYNCIO)
async def a_semaphore_that_anybody_may_release(look):
    """Used as a counter of jobs: two tasks wait for more than they have, and a timer adds some."""
    jobs = asyncio.Semaphore(0)

    async def works():
        await jobs.acquire()
        await jobs.acquire()

    for number in range(2):
        start(works(), f"works-{number}")
    jobs.release()
    jobs.release()
    asyncio.get_running_loop().call_later(1000, jobs.release)
    for _ in range(4):
        await asyncio.sleep(0)
    look()
    await look.beside()
