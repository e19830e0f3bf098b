"""starlette and fastapi under uvicorn."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager

import pytest

import stackscope

pytest.importorskip("fastapi", reason="fastapi isn't installed here")
pytest.importorskip("uvicorn", reason="uvicorn isn't installed here")
pytest.importorskip("starlette", reason="starlette isn't installed here")

import fastapi
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Route, WebSocketRoute

NEVER = 1000

# Old versions leave something open when their tasks are cancelled.
pytestmark = [
    pytest.mark.usefixtures("nothing_left"),
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning",
        "ignore::ResourceWarning",
        "ignore::pytest.PytestUnraisableExceptionWarning",
    ),
]


async def snapshot_of(app, *requests):
    """What is seen while requests are answered, each of which is the beginning of its text."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=0)
        server = uvicorn.Server(config)
        if hasattr(server, "capture_signals"):
            server.capture_signals = contextmanager(lambda: (yield))
        else:
            server.install_signal_handlers = lambda: None
        serving = asyncio.ensure_future(server.serve(sockets=[listening]))
        while not server.started:
            await asyncio.sleep(0.01)
        writers = []
        for request in requests:
            _, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(f"{request}\r\nHost: x\r\n\r\n".encode())
            writers.append(writer)
            await asyncio.sleep(0.2)
        snapshot = stackscope.extract_all(threads=False)
        server.force_exit = server.should_exit = True
        for writer in writers:
            writer.close()
        for task in asyncio.all_tasks() - {asyncio.current_task(), serving}:
            task.cancel()
        await asyncio.wait([serving])
    return snapshot


def by_subject(snapshot):
    found = {}
    for node in snapshot.tasks():
        found.setdefault(node.subject, []).append(node)
    return found


async def sleep(request):
    await asyncio.sleep(NEVER)


async def talk(websocket):
    await websocket.accept()
    await websocket.receive_text()


UPGRADE = """\
GET /talk HTTP/1.1\r
Upgrade: websocket\r
Connection: Upgrade\r
Sec-WebSocket-Version: 13\r
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="""


def test_tasks_are_named_after_their_requests():
    app = Starlette(routes=[Route("/sleep", sleep), WebSocketRoute("/talk", talk)])
    snapshot = asyncio.run(snapshot_of(app, "GET /sleep?a=1 HTTP/1.1", UPGRADE))
    (node,) = by_subject(snapshot)["GET /sleep?a=1"]
    assert f"task {node.number} (GET /sleep?a=1): waiting for asyncio.sleep(): " in str(snapshot)
    assert len(by_subject(snapshot)["websocket /talk"]) == 1
    assert len(by_subject(snapshot)["lifespan of the application"]) == 1


class PassesOn(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        return await call_next(request)


def test_a_middleware_waits_for_the_task_of_the_rest():
    app = Starlette(
        routes=[Route("/sleep", sleep)], middleware=[Middleware(PassesOn), Middleware(PassesOn)]
    )
    snapshot = asyncio.run(snapshot_of(app, "GET /sleep HTTP/1.1"))
    outer, middle, inner = by_subject(snapshot)["GET /sleep"]
    assert [str(outer.waiting), str(middle.waiting)] == ["call_next()", "call_next()"]
    assert outer.waiting.tasks == [middle.task]
    assert middle.waiting.tasks == [inner.task]
    assert str(inner.waiting).startswith("asyncio.sleep(): ")


def test_dependencies_are_shown_where_they_are_entered():
    lock = threading.Lock()

    def session():
        with lock:
            yield

    async def async_session():
        async with asyncio.Lock():
            yield

    app = fastapi.FastAPI()

    @app.get("/")
    async def stuck(a=fastapi.Depends(session), b=fastapi.Depends(async_session)):
        await asyncio.sleep(NEVER)

    snapshot = asyncio.run(snapshot_of(app, "GET / HTTP/1.1"))
    (node,) = by_subject(snapshot)["GET /"]
    text = str(node.stack)
    assert "session in tests.glue.test_starlette at " in text
    assert "with lock:" in text
    assert "async with asyncio.Lock():" in text


def test_a_dependency_is_not_folded_with_the_manager_that_enters_it():
    async def session():
        async with asyncio.Lock():
            yield

    app = fastapi.FastAPI()

    @app.get("/")
    async def stuck(session=fastapi.Depends(session)):
        await asyncio.sleep(NEVER)

    text = str(asyncio.run(snapshot_of(app, "GET / HTTP/1.1")))
    assert "async with asyncio.Lock():" in text
    assert "async with cm" not in text
