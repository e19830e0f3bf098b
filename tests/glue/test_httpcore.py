from __future__ import annotations

import socket
import threading
from contextlib import closing

import anyio
import pytest

import stackscope

pytest.importorskip("httpx", reason="httpx isn't installed here")

import httpx

NEVER = 1000
BEGINNING = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx"


@pytest.fixture
def base():
    """A server that begins to answer, but for /silent."""

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            connections.append(connection)
            if b" /silent " not in connection.recv(65536):
                connection.sendall(BEGINNING)

    connections = []
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, daemon=True).start()
    with closing(server):
        yield "http://127.0.0.1:{}".format(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
    for connection in connections:
        connection.close()


async def silent(client, base):
    await client.get(f"{base}/silent")


async def reads_body(client, base):
    async with client.stream("GET", f"{base}/body") as response:
        async for _ in response.aiter_bytes():
            pass


async def keeps_response(client, base):
    async with client.stream("GET", f"{base}/body"):
        await anyio.sleep(NEVER)


async def sends_alone(client, base):
    request = client.build_request("GET", f"{base}/body")
    response = await client.send(request, stream=True)
    await anyio.sleep(NEVER)
    await response.aclose()


async def too_late(client, base):
    await client.get(f"{base}/late?a=b")


def waits_of(backend, base, limit, *clients):
    async def main():
        limits = httpx.Limits(max_connections=limit)
        timeout = httpx.Timeout(None, pool=NEVER)
        async with httpx.AsyncClient(limits=limits, timeout=timeout, trust_env=False) as client:
            async with anyio.create_task_group() as group:
                for function in clients:
                    group.start_soon(function, client, base, name=function.__name__)
                    await anyio.sleep(0.2)
                snapshot = stackscope.extract_all(threads=False)
                group.cancel_scope.cancel()
        return {
            node.name: str(node.waiting).replace(base, "")
            for node in snapshot.tasks()
            if node.waiting is not None
        }

    return anyio.run(main, backend=backend)


backends = pytest.mark.parametrize("backend", ["asyncio", "trio"])


@backends
@pytest.mark.parametrize("holder", [silent, reads_body, keeps_response, sends_alone])
def test_who_has_the_connection(backend, holder, base):
    waits = waits_of(backend, base, 1, holder, too_late)
    before, _, held = waits["too_late"].partition(", held by task ")
    assert before == (
        "AsyncClient.get(): a free connection: GET /late?a=b, 1 of 1 connections in use"
    )
    assert held.endswith(f"({holder.__name__})")


@backends
def test_what_a_client_waits_for(backend, base):
    waits = waits_of(backend, base, 10, silent, reads_body)
    assert waits["silent"] == "AsyncClient.get(): the response: GET /silent"
    assert waits["reads_body"] == ("Response.aiter_bytes(): the body of the response: GET /body")
