from __future__ import annotations

import asyncio

import pytest

import stackscope

pytest.importorskip("aiohttp", reason="aiohttp isn't installed here")

import aiohttp
from aiohttp import web

NEVER = 1000

# Old versions leave something open when their tasks are cancelled.
pytestmark = [
    pytest.mark.usefixtures("nothing_left"),
    pytest.mark.filterwarnings(
        "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
    ),
]


async def sleep(request):
    await asyncio.sleep(NEVER)


async def stream(request):
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"x")
    await asyncio.sleep(NEVER)


async def send_much(request):
    return web.Response(body=b"x" * 50_000_000)


async def echo(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data)
    return socket


async def waits_of(limit, *clients):
    """What tasks wait for: those that run clients, by name, and those of the server, by subject.

    A client starts when the one before has sent its request.
    """
    application = web.Application()
    for handler in (sleep, stream, send_much, echo):
        application.router.add_get(f"/{handler.__name__}", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = "http://127.0.0.1:{}".format(runner.addresses[0][1])
    tasks = []
    # Who has opened the connector has none of its connections.
    async with aiohttp.TCPConnector(limit=limit) as connector, aiohttp.ClientSession(
        connector=connector
    ) as session:
        for client in clients:
            task = asyncio.ensure_future(client(session, base))
            task.set_name(client.__name__)
            tasks.append(task)
            await asyncio.sleep(0.2)
        snapshot = stackscope.extract_all(threads=False)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    runner_cleanup = asyncio.ensure_future(runner.cleanup())
    for task in asyncio.all_tasks() - {asyncio.current_task(), runner_cleanup}:
        task.cancel()
    await runner_cleanup
    return {
        node.subject or node.name: str(node.waiting).replace(base, "")
        for node in snapshot.tasks()
        if node.waiting is not None
    }


async def inside_with(session, base):
    async with session.get(f"{base}/sleep"):
        pass


async def reads_body(session, base):
    async with session.get(f"{base}/stream") as response:
        await response.read()


async def keeps_response(session, base):
    response = await session.get(f"{base}/stream")
    await asyncio.sleep(NEVER)
    response.close()


async def keeps_socket(session, base):
    async with session.ws_connect(f"{base}/echo") as socket:
        await socket.receive()


async def too_late(session, base):
    await session.post(f"{base}/sleep", data=b"1")


HELD = "POST /sleep: a free connection: 1 of 1 connections in use, 1 waiter, held by task"


@pytest.mark.parametrize("holder", [inside_with, reads_body, keeps_response, keeps_socket])
def test_who_has_the_connection(holder):
    waits = asyncio.run(waits_of(1, holder, too_late))
    assert waits["too_late"].startswith(HELD)
    assert waits["too_late"].endswith(f"({holder.__name__})")


def test_who_has_the_connections_if_there_are_several():
    waits = asyncio.run(waits_of(2, inside_with, keeps_response, too_late))
    before, _, holders = waits["too_late"].partition(", held by ")
    assert before == "POST /sleep: a free connection: 2 of 2 connections in use, 1 waiter"
    names = [holder.partition("(")[2] for holder in holders.split(", ")]
    assert names == ["inside_with)", "keeps_response)"]


def test_what_a_client_waits_for():
    waits = asyncio.run(waits_of(10, inside_with, reads_body))
    assert waits["inside_with"] == "GET /sleep: the response"
    assert waits["reads_body"] == "the body of the response: GET /stream"


async def reads_nothing(session, base):
    async with session.get(f"{base}/send_much"):
        await asyncio.sleep(NEVER)


def test_tasks_of_the_server_are_named_after_their_requests():
    waits = asyncio.run(waits_of(10, inside_with, reads_nothing))
    assert waits["GET /sleep"].startswith("asyncio.sleep(): ")
    assert waits["GET /send_much"].startswith("room to send: 127.0.0.1:")
    served = [wait for name, wait in waits.items() if name.startswith("connection from 127.0.0.1:")]
    if served:  # since aiohttp 3.8 a task of its own answers the request
        assert any("(GET /sleep)" in wait for wait in served)
